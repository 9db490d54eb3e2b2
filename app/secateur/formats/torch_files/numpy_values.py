"""numpy numbers beside a checkpoint's tensors: read as values, by our own few lines instead of numpy's.

Training scripts keep a best score or a learning rate as a numpy scalar, which torch's safe loader refuses with the
whole file. Here the four names that plain numbers are pickled with stand for stand-ins that take numeric types and
their bytes, and nothing else: no objects, no records, no names of their own. numpy's own functions are never called
with what the file says.
"""

import pickle
import re
from math import prod
from typing import Any, Final

import numpy as np

_PLAIN: Final = re.compile(r"[iu][1248]|f[248]|c8|c16|b1")


class PlainType:
    """A numeric type as `numpy.dtype` is pickled: a code such as `f8`, and then its byte order."""

    def __init__(self, code: object = "", *_: object) -> None:
        if not isinstance(code, str) or not _PLAIN.fullmatch(code):
            raise pickle.UnpicklingError(f"a numpy type {code!r} that is no plain number")
        self.type: np.dtype[Any] = np.dtype(code)

    def __setstate__(self, state: object) -> None:
        is_plain = isinstance(state, tuple) and len(state) >= 5 and all(part is None for part in state[2:5])
        if not (is_plain and state[1] in ("<", ">", "|", "=")):  # type: ignore[index]
            raise pickle.UnpicklingError("a numpy type that is no plain number")
        self.type = self.type.newbyteorder(state[1])  # type: ignore[index]


class PlainArray:
    """An array as numpy pickles it: made empty, then given its shape, type and bytes. `values` are its numbers."""

    def __init__(self) -> None:
        self.values: np.ndarray[Any, Any] | None = None

    def __setstate__(self, state: object) -> None:
        match state:
            case (int(), tuple() as shape, PlainType() as kind, bool() as fortran, bytes() as data) if all(
                isinstance(side, int) and side >= 0 for side in shape
            ):
                if prod(shape) * kind.type.itemsize != len(data):
                    raise pickle.UnpicklingError("a numpy array of another size than its bytes")
                values = np.frombuffer(data, kind.type)
                self.values = values.reshape(shape, order="F" if fortran else "C")
            case _:
                raise pickle.UnpicklingError("a numpy array of something else than plain numbers")


def _made_empty(kind: object, *_: object) -> PlainArray:
    if kind is not PlainArray:
        raise pickle.UnpicklingError("a numpy array of a kind of its own")
    return PlainArray()


def _number(kind: object, data: object) -> int | float | complex | bool:
    """A Python number of a numpy scalar's type and bytes."""
    if not isinstance(kind, PlainType) or not isinstance(data, bytes) or len(data) != kind.type.itemsize:
        raise pickle.UnpicklingError("a numpy scalar that is no plain number")
    value: int | float | complex | bool = np.frombuffer(data, kind.type)[0].item()
    return value


STAND_INS: Final[tuple[tuple[Any, str], ...]] = (
    (PlainType, "numpy.dtype"),
    (PlainArray, "numpy.ndarray"),
    (_number, "numpy.core.multiarray.scalar"),
    (_number, "numpy._core.multiarray.scalar"),
    (_made_empty, "numpy.core.multiarray._reconstruct"),
    (_made_empty, "numpy._core.multiarray._reconstruct"),
)
"""What the names in a pickle stand for, as `torch.serialization.safe_globals` takes them."""

NAMES: Final = frozenset(name for _, name in STAND_INS)
