"""What `torch.save` writes."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from secateur.formats.base import Format, Progress
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.model.stored import StoredTensor


class PytorchFormat(Format):
    """PyTorch state dicts (`.pt`, `.pth`, `.th`, `.bin`), never running code; whole modules once trusted, confined."""

    id: ClassVar[str] = "pytorch"
    title: ClassVar[str] = "PyTorch state dict"
    suffixes: ClassVar[tuple[str, ...]] = (".pt", ".pth", ".th", ".bin", ".ckpt")
    runtime: ClassVar[str] = ""
    reads: ClassVar[bool] = True
    writes: ClassVar[bool] = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """A zip or a pickle that no other format wants, or the index of a model in several of them."""
        from secateur.formats.weight_files.shards import is_index

        if is_index(path, head, ".bin"):
            return True
        return head[:2] == b"PK" or head[:1] == b"\x80"

    def read(self, path: Path, source: ModelSource, progress: Progress) -> "Model":
        from secateur.errors import TrustNeeded
        from secateur.formats.weight_files.stored import open_stored

        try:
            return open_stored(self, path, source)
        except TrustNeeded:
            if not source.trusted:
                raise
        from secateur.formats.confined.opening import open_trusted

        return open_trusted(self, path, source, progress)

    def tensors(self, path: Path) -> "tuple[StoredTensor, ...]":
        from secateur.formats.torch_files.state_dicts import stored_tensors

        return stored_tensors(path)

    def can_write(self, model: "Model") -> str | None:
        return "PyTorch's pickles can hide code, so none are written: export as safetensors + architecture."
