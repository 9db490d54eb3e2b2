"""How a converter says how far it is: a no-op where nobody listens."""

from collections.abc import Iterator
from contextlib import contextmanager

from secateur.formats.base import Progress


def _silent(done: int, total: int, text: str) -> None:
    """Report nothing."""


class _Line:
    """Where reports go: set once by the child's main function, or for a while by who writes in this process."""

    def __init__(self) -> None:
        self.send: Progress = _silent


line = _Line()


def tell(done: int, total: int, text: str) -> None:
    """Report progress of a write or a run from wherever the work is."""
    line.send(done, total, text)


@contextmanager
def heard_by(progress: Progress) -> Iterator[None]:
    """Send what is told to `progress`, which may raise to cancel."""
    before, line.send = line.send, progress
    try:
        yield
    finally:
        line.send = before
