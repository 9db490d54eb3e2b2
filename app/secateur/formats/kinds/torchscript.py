"""What `torch.jit.save` writes."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from secateur.formats.base import Format, Progress, Runner, WriteOptions
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.model.encoding import WeightEncoding
    from secateur.model.stored import StoredTensor


class TorchScriptFormat(Format):
    """TorchScript programs: converted to a network in a confined process; what cannot be is read as weights."""

    id: ClassVar[str] = "torchscript"
    title: ClassVar[str] = "TorchScript"
    suffixes: ClassVar[tuple[str, ...]] = (".torchscript", ".ts", ".jit", ".pt", ".pth")
    runtime: ClassVar[str] = "torch"
    reads: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    activation_bits: ClassVar[tuple[int, ...]] = (8, 16)

    def recognises(self, path: Path, head: bytes) -> bool:
        """A zip with TorchScript's constants or code beside its data."""
        if head[:2] != b"PK":
            return False
        from secateur.formats.archives import member_names

        return any(
            name.endswith("/constants.pkl") or (name.count("/") > 1 and name.split("/")[1] == "code")
            for name in member_names(path)
        )

    def read(self, path: Path, source: ModelSource, progress: Progress) -> "Model":
        from secateur.formats.torch_files.torchscript_read import open_torchscript

        return open_torchscript(self, path, source, progress)

    def tensors(self, path: Path) -> "tuple[StoredTensor, ...]":
        from secateur.formats.torch_files.torchscript_read import stored_tensors

        return stored_tensors(path)

    def holds_weights(self, encoding: "WeightEncoding", shape: tuple[int, ...] = ()) -> str | None:
        return None

    def can_write(self, model: "Model") -> str | None:
        from secateur.formats.torch_files.torchscript_write import why_not

        return why_not(model)

    def losses(self, model: "Model") -> str:
        from secateur.formats.torch_files.pt2_write import losses

        return losses(model)

    def write(self, model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
        from secateur.formats.torch_files.torchscript_write import write_torchscript

        return write_torchscript(model, path, options)

    def run(self, path: Path) -> Runner:
        from secateur.formats.torch_files.torchscript_write import run_torchscript

        return run_torchscript(path)
