"""Arithmetic in 16, 32 and 64-bit numbers without sign, which torch stores but hardly computes in."""

from collections.abc import Callable
from typing import Any, Final

import torch  # noqa: TID253 - imported lazily with the importer

SIGNED: Final = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}
"""The dtypes of the same width in which torch computes."""
POORLY_SUPPORTED: Final = frozenset(SIGNED)
_LOWEST: Final = -(1 << 63)


def on_unsigned(operation: str, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """`operation` (a key of the tables below) on two tensors of one unsigned dtype, modulo its range.

    64-bit numbers are computed with as the signed ones of the same bits: sums, differences and products agree,
    order does after the sign bit is turned over (Warren, Hacker's Delight, 2-12 and 9-3).
    """
    dtype = left.dtype
    if dtype == torch.uint64:
        long: torch.Tensor = _LONG[operation](left.view(torch.int64), right.view(torch.int64))
        return long if long.dtype == torch.bool else long.view(dtype)
    result: torch.Tensor = _SHORT[operation](left.to(torch.int64), right.to(torch.int64))
    return result if result.dtype == torch.bool else result.to(dtype)


def _divided(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Quotient of 64-bit numbers without sign, kept in int64 bits."""
    positive = torch.where(right < 0, 1, right)
    half = torch.bitwise_right_shift(left, 1) & ~torch.tensor(_LOWEST, device=left.device)
    quotient = torch.div(half, positive, rounding_mode="trunc") * 2
    rest = left - quotient * positive
    quotient = quotient + _order(torch.ge)(rest, positive).long()
    return torch.where(right < 0, _order(torch.ge)(left, right).long(), quotient)


def _rest(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return left - _divided(left, right) * right


def _order(comparison: Callable[..., Any]) -> Callable[..., Any]:
    """A comparison or choice of unsigned numbers in int64 bits."""

    def turned(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = comparison(left ^ _LOWEST, right ^ _LOWEST)
        return result if result.dtype == torch.bool else result ^ _LOWEST

    return turned


def _shifted_left(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return torch.bitwise_left_shift(left, right)


def _shifted_right(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Right shift that draws zeros in, where torch's draws the sign in."""
    drawn = torch.bitwise_left_shift(torch.full_like(left, -1), 64 - right)
    return torch.where(right == 0, left, torch.bitwise_right_shift(left, right) & ~drawn)


def _whole_quotient(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return torch.div(left, right, rounding_mode="trunc")


_COMMON: Final[dict[str, Callable[..., Any]]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "eq": torch.eq,
    "left": _shifted_left,
    "and": torch.bitwise_and,
    "or": torch.bitwise_or,
    "xor": torch.bitwise_xor,
}
_SHORT: Final[dict[str, Callable[..., Any]]] = {
    **_COMMON,
    "div": _whole_quotient,
    "mod": torch.remainder,
    "pow": torch.pow,
    "max": torch.maximum,
    "min": torch.minimum,
    "gt": torch.gt,
    "ge": torch.ge,
    "lt": torch.lt,
    "le": torch.le,
    "right": torch.bitwise_right_shift,
}
_LONG: Final[dict[str, Callable[..., Any]]] = {
    **_COMMON,
    "div": _divided,
    "mod": _rest,
    "pow": torch.pow,
    "max": _order(torch.maximum),
    "min": _order(torch.minimum),
    "gt": _order(torch.gt),
    "ge": _order(torch.ge),
    "lt": _order(torch.lt),
    "le": _order(torch.le),
    "right": _shifted_right,
}
