"""safetensors: weights, and with them the network as plain torch code."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from secateur.formats.base import Format, Progress, Runner, WriteOptions
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from secateur.graph.network import Model
    from secateur.model.encoding import WeightEncoding
    from secateur.model.stored import StoredTensor

LARGEST_HEADER = 100_000_000


class SafetensorsFormat(Format):
    """safetensors and architecture: the weights, and beside them the network as plain torch code (`…_network.py`)."""

    id: ClassVar[str] = "safetensors"
    title: ClassVar[str] = "safetensors + architecture"
    suffixes: ClassVar[tuple[str, ...]] = (".safetensors",)
    runtime: ClassVar[str] = "torch"
    reads: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    in_child: ClassVar[bool] = False
    """torch is what the engine lives in: nothing comes in that could crash it or hang."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Eight bytes with the header's length, then JSON; or the index of a model in several such files."""
        from secateur.formats.weight_files.shards import is_index

        if is_index(path, head, ".safetensors"):
            return True
        return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= LARGEST_HEADER

    def read(self, path: Path, source: ModelSource, progress: Progress) -> "Model":
        from secateur.formats.weight_files.stored import open_stored

        return open_stored(self, path, source)

    def tensors(self, path: Path) -> "tuple[StoredTensor, ...]":
        from secateur.formats.weight_files.safetensors_read import stored_tensors

        return stored_tensors(path)

    def holds_weights(self, encoding: "WeightEncoding", shape: tuple[int, ...] = ()) -> str | None:
        return None

    def can_write(self, model: "Model") -> str | None:
        from secateur.formats.weight_files.safetensors_write import why_not

        return why_not(model)

    def write(self, model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
        from secateur.formats.weight_files.safetensors_write import write_safetensors

        return write_safetensors(model, path)

    def weights(self, path: Path) -> "Mapping[str, NDArray[np.float32]]":
        """The weights of a file by layer, each read when it is asked for."""
        from secateur.formats.weight_files.stored import open_stored

        return open_stored(self, path, ModelSource(str(path))).weights()

    def run(self, path: Path) -> Runner:
        from secateur.formats.weight_files.safetensors_write import run_safetensors

        return run_safetensors(path)
