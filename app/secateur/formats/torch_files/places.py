"""Where the tensors of a PyTorch checkpoint lie in its file, so that they can be mapped block by block.

`torch.save` stores every storage uncompressed in a zip. A checkpoint that torch has mapped keeps the storages at the
distances that they have in the file, so their places follow from their addresses and the zip's own list.
"""

import mmap
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from secateur.model.stored import STORED_TYPES, StoredTensor

if TYPE_CHECKING:
    from torch import Tensor

_LOCAL_HEADER: Final = struct.Struct("<4s5H3I2H")


def tensors_in_file(path: Path, tensors: "Mapping[str, Tensor]") -> tuple[StoredTensor, ...]:
    """The tensors with their places; those without one (old files, views with strides) are loaded when asked for."""
    base = _base_address(path, tensors)
    return tuple(_stored(path, name, tensor, base) for name, tensor in tensors.items())


def _stored(path: Path, name: str, tensor: "Tensor", base: int | None) -> StoredTensor:
    dtype = str(tensor.dtype).removeprefix("torch.")
    size = tensor.numel() * tensor.element_size()
    shape = tuple(tensor.shape)
    if base is not None and tensor.is_contiguous() and dtype in STORED_TYPES:
        return StoredTensor(name, dtype, shape, size, path, tensor.data_ptr() - base if size else 0)
    return StoredTensor(name, dtype, shape, size, path, -1, _loader(tensor))


def _loader(tensor: "Tensor") -> Callable[[], Any]:
    return lambda: tensor.detach().float().contiguous().numpy()


def _base_address(path: Path, tensors: "Mapping[str, Tensor]") -> int | None:
    """The address at which the file is mapped; None where it is not, or where that does not follow for certain."""
    places = storage_places(path)
    addresses = sorted({tensor.untyped_storage().data_ptr() for tensor in tensors.values() if tensor.numel()})
    if not places or not addresses:
        return None
    fitting = [
        addresses[0] - place
        for place in places
        if (addresses[0] - place) % mmap.PAGESIZE == 0
        and all(address - addresses[0] + place in places for address in addresses)
    ]
    return fitting[0] if len(fitting) == 1 else None


def storage_places(path: Path) -> frozenset[int]:
    """Offsets of the bytes of all storages in a checkpoint's zip that are not compressed; empty for other files."""
    if not zipfile.is_zipfile(path):
        return frozenset()
    places = set()
    with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
        for entry in archive.infolist():
            if "/data/" not in entry.filename or entry.compress_type != zipfile.ZIP_STORED:
                continue
            stream.seek(entry.header_offset)
            header = stream.read(_LOCAL_HEADER.size)
            if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
                continue
            *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
            places.add(entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length)
    return frozenset(places)
