"""What work on a network may use besides it, and where it says how far it is and what it left out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from secateur.graph.network import Model


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A layer that was asked for and stays as it is (or as it was before the step), with the reason as a sentence."""

    layer: str
    reason: str


class Batches(Protocol):
    """Ready batches: (inputs float32 as the network is fed, labels int64), the same order on every call."""

    def __call__(self, *, batch_size: int, limit: int | None = None) -> "Any": ...


@dataclass(frozen=True)
class Context:
    """What a running method may use besides the model.

    `progress(done, total, text)` reports and is the cancel point: it raises `Cancelled`. `log(text)` writes
    to the job's log. `emit(value)` sends a live value (a training curve's point) to whoever watches.
    `leave_out` takes the layers in which the step did not do what was asked, with the reason for each: they become
    warnings of the result. `data` is the opened data set (`secateur.data.dataset.Dataset`), None where there is
    none. `original` is the model before the first step: the teacher. `folder` is where a long step leaves its
    checkpoints.
    """

    progress: Callable[[int, int, str], None] = lambda done, total, text: None
    log: Callable[[str], None] = lambda text: None
    emit: Callable[[Any], None] = lambda value: None
    leave_out: Callable[[Sequence[LeftOut]], None] = lambda layers: None
    data: Any = None
    original: "Model | None" = None
    folder: Path | None = None
    seed: int = 0
    resume: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
