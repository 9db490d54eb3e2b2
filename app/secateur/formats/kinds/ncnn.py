"""What ncnn runs on phones and small computers."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from secateur.formats.base import Format, Runner, WriteOptions

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.model.encoding import WeightEncoding


class NcnnOptions(WriteOptions):
    """How an ncnn network is stored."""

    half_weights: bool = Field(
        False,
        title="Half weights",
        description="Float weights as float16, which halves the file and costs three decimal digits.",
    )

    @property
    def computes_in(self) -> Literal["float32", "float16"]:
        return "float16" if self.half_weights else "float32"


class NcnnFormat(Format):
    """ncnn networks (`.param` and `.bin`) for phones; convolutions and linear layers of 8 bits compute in integers."""

    id: ClassVar[str] = "ncnn"
    title: ClassVar[str] = "ncnn"
    suffixes: ClassVar[tuple[str, ...]] = (".param",)
    named_by_suffix: ClassVar[bool] = True
    runtime: ClassVar[str] = "ncnn"
    reads: ClassVar[bool] = False
    writes: ClassVar[bool] = True
    activation_bits: ClassVar[tuple[int, ...]] = (8,)
    extra: ClassVar[str] = "ncnn"
    modules: ClassVar[tuple[str, ...]] = ("ncnn", "pnnx")
    options: ClassVar[type[WriteOptions]] = NcnnOptions

    def holds_weights(self, encoding: "WeightEncoding", shape: tuple[int, ...] = ()) -> str | None:
        if encoding.feeds_integer_kernels:
            return None
        return "ncnn has kernels for symmetric 8-bit integers per channel: others are stored as rounded floats."

    def can_write(self, model: "Model") -> str | None:
        from secateur.formats.devices.ncnn_write import why_not

        return why_not(model)

    def losses(self, model: "Model") -> str:
        from secateur.formats.devices.ncnn_write import losses

        return losses(model)

    def write(self, model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
        from secateur.formats.devices.ncnn_write import write

        return write(model, path, options)

    def run(self, path: Path) -> Runner:
        from secateur.formats.devices.ncnn_write import run

        return run(path)
