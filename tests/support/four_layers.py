"""Four linear layers of 400 bytes and what three options do to each, as the budget's tests solve them. No torch."""

from collections.abc import Iterable, Sequence

from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.model.documents import SensitivityRow, SensitivityTable

NAMES = ("a", "b", "c", "d")
OPTIONS = (("int8", 130, 1e-4), ("int4", 80, 0.02), ("rank25", 150, 0.001))
"""Name, bytes, and the damage in the first layer: it is twice that in the second, and so on."""


def model(names: Sequence[str] = NAMES) -> ModelDescription:
    """A file of 1,700 bytes, 100 of them beside the weights where all four are in it."""
    layers = tuple(
        Layer(n, "Linear", TensorInfo(n, "float32", (10, 10), 400), params=100, macs=100, size_bytes=400) for n in names
    )
    return ModelDescription("m", ModelSource("m"), "onnx", 1700, layers, (), (), overhead_bytes=100)


def table() -> SensitivityTable:
    """What each of the options does to each of the layers."""
    return table_of(
        SensitivityRow(layer=n, option=o, damage=d * (1 + i), bytes=b, macs=60 if o == "rank25" else 100)
        for i, n in enumerate(NAMES)
        for o, b, d in OPTIONS
    )


def table_of(rows: Iterable[SensitivityRow]) -> SensitivityTable:
    """The rows as a table that was measured."""
    return SensitivityTable(
        depth="measure", metric="top1", unit="nats", samples=1, seconds=0, rank_correlation=None, rows=tuple(rows)
    )
