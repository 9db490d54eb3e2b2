"""Layers that were asked for and stay as they are: told in one sentence for each reason, wherever plans are told."""

from collections.abc import Iterable
from typing import Final

from secateur.graph.context import LeftOut

MOST_NAMES: Final = 4


def sentences_about(left_out: Iterable[LeftOut], chosen: int, title: str) -> tuple[str, ...]:
    """What a step called `title` leaves as it is of the `chosen` layers that it was asked for; equal reasons together.

    "Channel pruning leaves 2 of 5 layers as they are, stem and head: Its outputs are the model's answers."
    """
    by_reason: dict[str, dict[str, None]] = {}
    for one in left_out:
        by_reason.setdefault(one.reason, {})[one.layer] = None
    return tuple(_sentence(tuple(names), reason, chosen, title) for reason, names in by_reason.items())


def _sentence(names: tuple[str, ...], reason: str, chosen: int, title: str) -> str:
    if chosen == 1:
        return f"{title} leaves {names[0]} as it is: {reason}"
    what = "as it is" if len(names) == 1 else "as they are"
    return f"{title} leaves {len(names)} of {chosen} layers {what}, {listed(names)}: {reason}"


def listed(names: tuple[str, ...]) -> str:
    """`a, b and c`; the first few and how many more where there are many."""
    if len(names) > MOST_NAMES + 1:
        return f"{', '.join(names[:MOST_NAMES])} and {len(names) - MOST_NAMES} more"
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
