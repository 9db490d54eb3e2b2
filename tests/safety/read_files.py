"""Opens files one after the other in this process, as the engine would: `python read_files.py LIST RESULTS`.

LIST holds a path a line. For each file a JSON line goes to RESULTS before it is opened (`begin`) and after it:
`opened`, `refused` with the sentence, or `failed` with the type of the exception. Memory is limited to what a
small machine has, so that a bomb is a failure and not a swap storm.
"""

import json
import resource
import sys
import time
from pathlib import Path

MOST_MEMORY = 12 << 30
"""Address space, of which torch and its libraries reserve a good part at the start."""


def outcome(path: Path) -> dict[str, object]:
    from secateur.errors import UserError
    from secateur.formats.reading import describe, open_model
    from secateur.model.description import ModelSource

    try:
        model = open_model(ModelSource(path=str(path)))
        description = describe(model)
        for layer in description.weighted_layers[:2]:
            model.weights()[layer.name].sum()
    except UserError as refusal:
        return {"outcome": "refused", "sentence": str(refusal)}
    except Exception as problem:  # noqa: BLE001 - every other exception is what the test looks for
        import traceback

        where = traceback.extract_tb(problem.__traceback__)[-1]
        said = f"{type(problem).__name__}: {problem} ({Path(where.filename).name}:{where.lineno})"
        return {"outcome": "failed", "sentence": said[:500]}
    return {"outcome": "opened", "sentence": "; ".join(description.notes)[:200]}


def main(listed: Path, results: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    import torch  # noqa: F401 - what takes long to import is imported before the first file

    with results.open("a") as stream:

        def tell(**values: object) -> None:
            stream.write(json.dumps(values) + "\n")
            stream.flush()

        for line in listed.read_text().splitlines():
            tell(name=line, outcome="begin")
            began = time.monotonic()
            found = outcome(Path(line))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
            tell(name=line, seconds=round(time.monotonic() - began, 3), peak_mb=peak, **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
