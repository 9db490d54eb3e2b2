"""The widths that a target likes on this machine: found once, and kept beside the milliseconds."""

from secateur.engine.places import home
from secateur.engine.reporting import Reporter
from secateur.targets.base import Target
from secateur.targets.channel_steps import THREADS, kept_step, liking, measured_step
from secateur.targets.kept import TimingStore


def known_step(target: Target) -> int:
    """As it was found on this machine, else as is known of the target: nothing is measured."""
    return kept_step(_store(target)) or target.channel_step


def found_step(target: Target, reporter: Reporter) -> int:
    """Found now where it was not, which can be cancelled, and then said in the log."""
    store = _store(target)
    known = kept_step(store)
    if known is not None:
        return known
    step = measured_step(target, store, lambda: reporter.progress(0, 1, "The widths that the target likes"))
    reporter.log(liking(target, step))
    return step


def _store(target: Target) -> TimingStore:
    return TimingStore(home() / "milliseconds", target, THREADS)
