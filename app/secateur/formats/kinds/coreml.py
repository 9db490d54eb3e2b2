"""What Core ML runs on Apple's devices."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from secateur.formats.base import Format, WriteOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from secateur.graph.network import Model
    from secateur.model.encoding import WeightEncoding


class CoreMlOptions(WriteOptions):
    """How a Core ML package is stored."""

    precision: Literal["float32", "float16"] = Field(
        "float32",
        title="Precision",
        description="What it stores and computes in; Apple's Neural Engine takes float16 alone.",
    )

    four_bits: Literal["palettes", "integers"] = Field(
        "palettes",
        title="4 bits as",
        description="Palettes have a table of 16 levels for every channel, integers a scale, which takes less room.",
    )

    @property
    def computes_in(self) -> Literal["float32", "float16"]:
        return self.precision


class CoreMlFormat(Format):
    """Core ML packages (`.mlpackage`) for iOS and macOS: int8 weights, and palettes for 4 bits and fewer."""

    id: ClassVar[str] = "coreml"
    title: ClassVar[str] = "Core ML"
    suffixes: ClassVar[tuple[str, ...]] = (".mlpackage",)
    named_by_suffix: ClassVar[bool] = True
    runtime: ClassVar[str] = ""
    reads: ClassVar[bool] = False
    writes: ClassVar[bool] = True
    extra: ClassVar[str] = "coreml"
    modules: ClassVar[tuple[str, ...]] = ("coremltools",)
    options: ClassVar[type[WriteOptions]] = CoreMlOptions

    def holds_weights(self, encoding: "WeightEncoding", shape: tuple[int, ...] = ()) -> str | None:
        from secateur.formats.devices.encoded_layers import why_not_in_equal_blocks

        return why_not_in_equal_blocks(encoding, shape, self.title)

    def can_write(self, model: "Model") -> str | None:
        from secateur.formats.torch_files.pt2_write import why_not

        return why_not(model)

    def losses(self, model: "Model") -> str:
        from secateur.formats.devices.coreml_write import losses

        return losses(model)

    def write(self, model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
        from secateur.formats.devices.coreml_write import write

        return write(model, path, options)

    def why_not_run(self) -> str | None:
        return "Core ML runs on Apple's systems alone; the package was opened again and its weights were compared."

    def weights(self, path: Path) -> "Mapping[str, NDArray[np.float32]]":
        from secateur.formats.devices.coreml_write import weights

        return weights(path)
