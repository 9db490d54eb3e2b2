"""Which numbers of channels a target's kernels like: the least step whose multiples no wider layer is faster than.

Kernels work in blocks, and what does not fill the last one is computed all the same, or by slower code: a network that
lost 30 % of its channels can take longer than the whole one. A small convolution of neighbouring widths, in float and
in 8-bit integers, tells the blocks: they are the kernels' own, so that one thread tells them for any number, and
convolutions tell them for linear layers, for both come down to products of matrices. It takes about two seconds, once
for each target on each machine.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Final

from secateur.model.workload import FLOAT, Precision, Workload
from secateur.targets.base import Target
from secateur.targets.kept import TimingStore
from secateur.targets.timings import Spread

STEPS: Final = (32, 16, 8, 4, 2)
"""From coarse to fine. Each is judged by those of its multiples that the one before does not divide."""
WIDTHS: Final = (24, 28, 30, 31, 32, 36, 40, 44, 48, 56, 60, 62, 63, 64)
NOISE: Final = 1.05
"""How much longer than a wider layer a layer may take, on average, and be as fast: what measurements are off."""
INTEGERS: Final = Precision(7, 8)
"""The fastest integers of every processor."""
THREADS: Final = 1
_LAYER: Final = Workload("conv", 1, 1, (16, 16), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, "Relu")
_WORKS: Final = tuple(
    replace(_LAYER, inputs=width, outputs=width, precision=p) for p in (FLOAT, INTEGERS) for width in WIDTHS
)


def step_of(milliseconds: Mapping[int, float]) -> int:
    """The least of `STEPS` whose multiples are as fast as all that is wider, from milliseconds by width.

    2 at least: where every width is as good, odd ones gain nothing.
    """
    found = STEPS[0]
    for coarse, fine in pairwise(STEPS):
        new = [width for width in milliseconds if width % fine == 0 and width % coarse]
        losses = [milliseconds[width] / min(ms for w, ms in milliseconds.items() if w >= width) for width in new]
        if not losses or sum(losses) / len(losses) > NOISE:
            break
        found = fine
    return found


def measured_step(target: Target, store: TimingStore, check: Callable[[], None] = lambda: None) -> int:
    """What this target likes on this machine, at both precisions; measured where `store` lacks it.

    `store` is of one thread. `check` is the cancel point: what is not measured to its end is not kept.
    """
    kept = kept_step(store)
    if kept is not None:
        return kept
    known = dict(zip(_WORKS, target.kernel_times(_WORKS, THREADS, check), strict=True))
    for work, spread in known.items():
        store.keep(_key(work), spread)
    return _step(known)


def kept_step(store: TimingStore) -> int | None:
    """What was measured before; None where nothing was."""
    known: dict[Workload, Spread] = {}
    for work in _WORKS:
        spread = store.find(_key(work))
        if spread is None:
            return None
        known[work] = spread
    return _step(known)


def _step(known: Mapping[Workload, Spread]) -> int:
    """The step that serves every precision."""
    own: dict[Precision, dict[int, float]] = {}
    for work, spread in known.items():
        own.setdefault(work.precision, {})[work.outputs] = spread.low  # what else the machine does is in the others
    return max(map(step_of, own.values()))


def liking(target: Target, step: int) -> str:
    """What a person is told of it."""
    return f"{target.called} is fastest at widths that {step} divides."


def _key(work: Workload) -> str:
    return f"channel steps|{work.key}"
