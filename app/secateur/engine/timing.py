"""Milliseconds of options in a target: what is asked, and the answer."""

from dataclasses import dataclass

from secateur.model.description import ModelSource
from secateur.model.workload import Workload
from secateur.targets.timings import Timings


@dataclass(frozen=True)
class TimeOptions:
    """Milliseconds of every layer at the precisions of these options, in a target → `OptionsTimed`.

    `further` are workloads that a plan or a choice of two methods leads to besides: narrowed layers, factors in few
    bits. What was measured before on this machine is
    not measured again.
    """

    model: ModelSource
    target: str
    options: tuple[str, ...]
    further: tuple[Workload, ...] = ()


@dataclass(frozen=True)
class OptionsTimed:
    """What is known of the network's milliseconds; `why_not` says why nothing is."""

    timings: Timings | None
    why_not: str = ""
    fastest_ms: float | None = None
    """Milliseconds of the fastest plan that these options lead to."""
