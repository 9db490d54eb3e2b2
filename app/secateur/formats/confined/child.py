"""Inside the confined process: raise the walls, load the file, write what came of it, say one word, end.

Run as `python -I -m secateur.formats.confined.child ORDER`; what it writes is taken as a stranger's file.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from secateur.formats.confined.walls import raise_walls

_LARGEST_OUTPUT = 1 << 34


def main(order: dict[str, str]) -> None:
    """Carry out one order; the answer goes to `answer.json` in the order's folder."""
    folder, path = Path(order["folder"]), Path(order["path"])
    code = Path(order["code"]) if order.get("code") else None
    largest = min(4 * path.stat().st_size + (256 << 20), _LARGEST_OUTPUT)
    walls = raise_walls([path, *([code.parent] if code is not None else [])], folder, largest)
    answer: dict[str, Any] = {"walls": walls}
    try:
        answer |= _done(order["task"], path, folder, code)
        answer["done"] = True
    except Exception as problem:  # noqa: BLE001 - a stranger's code may raise anything; it is told in one sentence
        answer |= _failure(path, problem)
        import traceback

        traceback.print_exc()
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads and exit handlers of the file get no turn


def _done(task: str, path: Path, folder: Path, code: Path | None) -> dict[str, Any]:
    if task == "torchscript":
        from secateur.formats.confined.script import convert_script

        return convert_script(path, folder)
    from secateur.formats.confined.whole import convert_whole

    return convert_whole(path, folder, code)


def _failure(path: Path, problem: Exception) -> dict[str, str]:
    from secateur.errors import UserError

    if isinstance(problem, UserError):
        return {"sentence": problem.sentence, "hint": problem.hint}
    lines = str(problem).strip().splitlines() or [type(problem).__name__]
    hint = "Save the weights alone (`torch.save(model.state_dict(), …)`) and name a factory."
    if isinstance(problem, ModuleNotFoundError | AttributeError):
        hint = "Name the Python file that defines its classes: `file.py:factory --weights FILE --trust`."
    return {"sentence": f"{path.name} could not be loaded: {lines[0][:200].rstrip('.')}.", "hint": hint}


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
