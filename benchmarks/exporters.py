"""The bundled sample through every writer that is installed, float and static int8, each file run and compared.

    python benchmarks/exporters.py [FORMAT …]

Latency is of one sample in the format's own runtime, one thread, so rows compare formats on this machine. Exits with 1
where a file is not verified.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from _rounds import machine, table

SAMPLES = 256


def models() -> tuple[dict[str, Any], Any]:
    """The sample in float and in int8, and the inputs that files are compared on."""
    from secateur.data.source import DataSource
    from secateur.data.sources import open_data
    from secateur.formats.reading import open_model
    from secateur.graph.context import Context
    from secateur.methods.quantize.static_int8 import StaticInt8
    from secateur.model.description import ModelSource

    sample = open_model(ModelSource("sample:model"))
    data = open_data(DataSource("sample:mnist"), sample.inputs)
    quantized = StaticInt8().apply(sample, list(sample.weights()), Context(data=data, original=sample))
    return {"float": sample, "int8": quantized}, (data.batch("test", range(SAMPLES)).first,)


def row(form: str, model: Any, target: Any, inputs: Any, folder: Path) -> tuple[list[str], bool]:
    """One line of the table, and whether it is a failure."""
    from secateur import figures
    from secateur.errors import UserError
    from secateur.formats.proving.verify import export

    refusal = target.missing() or target.can_write(model)
    if refusal:
        return [target.id, form, "–", "–", "–", "–", refusal], False
    try:
        file = export(model, target, folder / f"{form}{target.suffixes[0]}", inputs)
    except UserError as error:
        return [target.id, form, "–", "–", "–", "–", f"FAILED: {error.sentence}"], True
    said = "yes" if file.verified else f"NO: {file.sentence}"
    return [
        target.id,
        form,
        figures.size(file.bytes),
        figures.milliseconds(file.latency_ms.median) if file.latency_ms else "–",
        f"{file.max_deviation:.1e}" if file.max_deviation is not None else "–",
        figures.share(file.agreement) if file.agreement is not None else "–",
        f"{said} (by its weights)" if file.verified and file.proof == "weights" else said,
    ], not file.verified


def main() -> int:
    from secateur.formats import FORMATS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", help="all that are written where none is named")
    wanted = set(parser.parse_args().formats)
    targets = [target for target in FORMATS if target.writes and (not wanted or target.id in wanted)]
    forms, inputs = models()
    rows, has_failed = [], False
    with tempfile.TemporaryDirectory() as folder:
        for target in targets:
            own = Path(folder) / target.id  # formats of several files would find each other's
            own.mkdir()
            for form, model in forms.items():
                cells, failed = row(form, model, target, inputs, own)
                print(" ".join(cells), file=sys.stderr)
                rows.append(cells)
                has_failed |= failed
    head = ["format", "model", "size", "latency", "largest deviation", "same decision", "verified"]
    print(f"{machine()}\n\n{table(head, rows)}")
    return int(has_failed)


if __name__ == "__main__":
    raise SystemExit(main())
