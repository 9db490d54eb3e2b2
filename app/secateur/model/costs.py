"""What a layer, an option or a plan costs, as one value: bytes, multiply-accumulates, milliseconds, peak memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one sample. `bytes` is the share of the exported file, `macs` what is multiplied.

    `latency_ms` are milliseconds in the target, `memory_bytes` what is held at once while it is computed: None where
    they are not known, and a sum with something unknown is unknown.
    """

    bytes: int = 0
    macs: int = 0
    latency_ms: float | None = None
    memory_bytes: int | None = None

    def __add__(self, other: "Costs") -> "Costs":
        """Of both, one after the other: all adds up but memory, of which the larger need is that of both."""
        return Costs(
            self.bytes + other.bytes,
            self.macs + other.macs,
            None if self.latency_ms is None or other.latency_ms is None else self.latency_ms + other.latency_ms,
            None
            if self.memory_bytes is None or other.memory_bytes is None
            else max(self.memory_bytes, other.memory_bytes),
        )

    def scaled(self, share: float) -> "Costs":
        """`share` of all of it, rounded to whole bytes and operations; ValueError for what is no share of anything."""
        if not isfinite(share) or share < 0:
            raise ValueError(f"A cost cannot be scaled by {share}")
        return Costs(
            round(self.bytes * share),
            round(self.macs * share),
            None if self.latency_ms is None else self.latency_ms * share,
            None if self.memory_bytes is None else round(self.memory_bytes * share),
        )

    def relative_to(self, whole: "Costs", applied_to: "Costs") -> "Costs":
        """What becomes of `applied_to` where `whole` becomes this: bytes and MACs in proportion.

        Milliseconds and memory do not follow in proportion, and are unknown in the answer.
        """
        return Costs(
            round(applied_to.bytes * (self.bytes / whole.bytes if whole.bytes else 1.0)),
            round(applied_to.macs * (self.macs / whole.macs if whole.macs else 1.0)),
        )


def total(costs: Iterable[Costs]) -> Costs:
    """Of all together; of none nothing, in no time."""
    together = Costs(0, 0, 0.0, 0)
    for each in costs:
        together += each
    return together
