"""What ExecuTorch runs on phones and small devices."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from secateur.formats.base import Format, Runner, WriteOptions

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.model.encoding import WeightEncoding


class ExecuTorchFormat(Format):
    """ExecuTorch programs (`.pte`) for its XNNPACK backend on ARM and x86 processors; int8 by static quantization."""

    id: ClassVar[str] = "executorch"
    title: ClassVar[str] = "ExecuTorch"
    suffixes: ClassVar[tuple[str, ...]] = (".pte",)
    runtime: ClassVar[str] = "ExecuTorch"
    reads: ClassVar[bool] = False
    writes: ClassVar[bool] = True
    activation_bits: ClassVar[tuple[int, ...]] = (8,)
    extra: ClassVar[str] = "executorch"
    modules: ClassVar[tuple[str, ...]] = ("executorch",)

    def holds_weights(self, encoding: "WeightEncoding", shape: tuple[int, ...] = ()) -> str | None:
        from secateur.formats.devices.executorch_write import why_no_kernel

        return why_no_kernel(encoding)

    def can_write(self, model: "Model") -> str | None:
        from secateur.formats.torch_files.pt2_write import why_not

        return why_not(model)

    def losses(self, model: "Model") -> str:
        from secateur.formats.devices.executorch_write import losses

        return losses(model)

    def write(self, model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
        from secateur.formats.devices.executorch_write import write

        return write(model, path, options)

    def run(self, path: Path) -> Runner:
        from secateur.formats.devices.executorch_write import run

        return run(path)
