"""numpy archives."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from secateur.formats.base import Format, Progress
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.model.stored import StoredTensor


class NpzFormat(Format):
    """numpy archives (`.npz`): arrays by name, mapped where they are not compressed; arrays of objects are refused."""

    id: ClassVar[str] = "npz"
    title: ClassVar[str] = "numpy archive"
    suffixes: ClassVar[tuple[str, ...]] = (".npz",)
    runtime: ClassVar[str] = ""
    reads: ClassVar[bool] = True
    writes: ClassVar[bool] = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """A zip of `.npy` files and nothing else."""
        if head[:2] != b"PK":
            return False
        from secateur.formats.archives import member_names

        names = member_names(path)
        return bool(names) and all(name.endswith(".npy") for name in names)

    def read(self, path: Path, source: ModelSource, progress: Progress) -> "Model":
        from secateur.formats.weight_files.stored import open_stored

        return open_stored(self, path, source)

    def tensors(self, path: Path) -> "tuple[StoredTensor, ...]":
        from secateur.formats.weight_files.npz_read import stored_tensors

        return stored_tensors(path)
