"""Numpy arrays as files store them ↔ torch tensors, for dtypes that numpy, torch or both do not have themselves.

numpy knows bfloat16 and the 8-bit floats only through ml_dtypes, so their bits are passed on. Torch computes
neither in 2-bit and 4-bit integers nor in 4-bit floats; these travel in int8, uint8 and float32 tensors.
"""

from typing import Any, Final

import numpy as np
import torch  # noqa: TID253 - imported lazily with the importer
from numpy.typing import NDArray

from secateur.graph.onnx_import.values import Unsupported

_SAME_BITS: Final[dict[str, tuple[torch.dtype, Any]]] = {
    "bfloat16": (torch.bfloat16, np.int16),
    "float8_e4m3fn": (torch.float8_e4m3fn, np.uint8),
    "float8_e4m3fnuz": (torch.float8_e4m3fnuz, np.uint8),
    "float8_e5m2": (torch.float8_e5m2, np.uint8),
    "float8_e5m2fnuz": (torch.float8_e5m2fnuz, np.uint8),
    "float8_e8m0fnu": (torch.float8_e8m0fnu, np.uint8),
}
CARRIERS: Final[dict[str, torch.dtype]] = {
    "int2": torch.int8,
    "uint2": torch.uint8,
    "int4": torch.int8,
    "uint4": torch.uint8,
    "float4_e2m1fn": torch.float32,
}
"""Dtypes that torch does not compute in → the dtype of the tensor that holds their values."""


def to_tensor(array: NDArray[Any]) -> torch.Tensor:
    """A torch tensor with its own memory, in `torch_dtype` of the array's dtype."""
    name = array.dtype.name
    copied = np.array(array, copy=True, order="C")
    if name in _SAME_BITS:
        dtype, bits = _SAME_BITS[name]
        return torch.from_numpy(copied.view(bits)).view(dtype)
    if name in CARRIERS:
        return torch.from_numpy(copied.astype(np.float32)).to(CARRIERS[name])
    try:
        return torch.from_numpy(copied)
    except TypeError as problem:
        raise Unsupported(f"torch has no counterpart of numbers stored as {array.dtype}") from problem


def to_array(tensor: torch.Tensor, name: str) -> NDArray[Any]:
    """The tensor as numpy array; `name` is the dtype it stands for where torch's is only its carrier."""
    for known, (dtype, bits) in _SAME_BITS.items():
        if tensor.dtype == dtype:
            carrier = tensor.detach().contiguous().view(torch.from_numpy(np.zeros(0, bits)).dtype)
            return np.asarray(carrier).view(_foreign(known))
    array = np.asarray(tensor.detach())
    return array.astype(_foreign(name)) if CARRIERS.get(name) == tensor.dtype else array


def torch_dtype(name: str) -> torch.dtype | None:
    """The dtype in which torch holds numbers that numpy (or ml_dtypes) calls `name`; None where it has none."""
    if name in CARRIERS:
        return CARRIERS[name]
    dtype = getattr(torch, name, None)
    return dtype if isinstance(dtype, torch.dtype) else None


def _foreign(name: str) -> Any:
    import ml_dtypes

    return getattr(ml_dtypes, name)
