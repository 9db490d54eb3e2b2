"""How the width of the layer table is shared among its columns. Plain numbers, no Qt."""

from collections.abc import Sequence
from typing import NamedTuple

GROWTH = ("layer", "plan", "weights")
"""Which columns get spare width, in this order: first the names, until none of them is shortened."""


class Wish(NamedTuple):
    """What a column asks for: `least` pixels, `full` where there is room, `own` what a person gave it (0: nothing)."""

    key: str
    least: int
    full: int
    own: int = 0


def allot(columns: Sequence[Wish], room: int) -> dict[str, int]:
    """Pixels by column. They fill `room`; where own and least widths ask for more, the table is scrolled."""
    widths = {wish.key: wish.own or wish.least for wish in columns}
    free = {wish.key: wish for wish in columns if not wish.own}
    spare = room - sum(widths.values())
    for key in GROWTH:
        if spare > 0 and key in free:
            more = min(spare, max(free[key].full - widths[key], 0))
            widths[key] += more
            spare -= more
    if spare > 0:
        last = next((key for key in ("plan", "layer", *(wish.key for wish in reversed(columns))) if key in free), "")
        if last:
            widths[last] += spare
    return widths
