"""What a training strives for: an objective that attaches itself to student and teacher and names its loss terms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, Self

import torch  # noqa: TID253 - imported by the training loop alone
from torch import nn  # noqa: TID253

from secateur.data.task import Task
from secateur.graph.network import all_outputs

Losses = tuple[torch.Tensor, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """A part of the loss that is minimised: its title, its unit and its factor.

    The unit is empty for a bare number, and None where it is that of the task's loss.
    """

    title: str
    unit: str | None = None
    weight: float = 1.0


@dataclass(eq=False)
class Moment:
    """One batch as it is learned from: what went into the network, what should come out, and what did.

    `inputs` are by port, `passes` rows of each for a sample. `answered` is what the student's forward pass returned.
    The teacher is run when it is asked for, once at most.
    """

    task: Task
    inputs: Mapping[str, torch.Tensor]
    passes: int
    targets: torch.Tensor
    answered: Any
    ask_teacher: Callable[[], Any] = field(repr=False)

    @property
    def answer(self) -> torch.Tensor:
        """The student's scores as the task reads them, float32."""
        return self.task.torch_scores(self.outputs, self.inputs, self.passes)

    @property
    def outputs(self) -> list[torch.Tensor]:
        """All outputs of the student."""
        return all_outputs(self.answered)

    @cached_property
    def teacher_answered(self) -> Any:
        """What the teacher's forward pass returns, without gradients."""
        return self.ask_teacher()

    @property
    def teacher_answer(self) -> torch.Tensor:
        """The teacher's scores, float32."""
        return self.task.torch_scores(all_outputs(self.teacher_answered), self.inputs, self.passes)


class Attached(nn.Module):
    """An objective on one student and one teacher, until it is closed.

    Its parameters are the objective's own (adapters): they are trained beside the student's, stand in the
    checkpoint, and are not in the result. Calling it with a moment gives one scalar for each of `terms`, in their
    order; what is minimised is the sum of `weight × value`. Neither student nor teacher may be its submodule.
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        super().__init__()
        self.terms = tuple(terms)

    def forward(self, moment: Moment) -> Losses:
        raise NotImplementedError

    def close(self) -> None:
        """Take every hook away."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Objective(Protocol):
    """What a training strives for; `identity` says it in words for the checkpoint's fingerprint.

    A training whose objective needs no teacher is not given one.
    """

    identity: str
    needs_teacher: bool

    def attach(self, student: nn.Module, teacher: nn.Module | None, inputs: tuple[torch.Tensor, ...]) -> Attached:
        """Take hold of both networks; `inputs` is a batch that shows the shapes of what flows in them.

        UserError where they do not fit the objective (a layer that is not there, shapes that cannot be compared).
        """


class Together:
    """Several objectives at once: their terms one after the other."""

    def __init__(self, *parts: Objective) -> None:
        self._parts = parts
        self.identity = " + ".join(part.identity for part in parts)
        self.needs_teacher = any(part.needs_teacher for part in parts)

    def attach(self, student: nn.Module, teacher: nn.Module | None, inputs: tuple[torch.Tensor, ...]) -> Attached:
        attached: list[Attached] = []
        try:
            for part in self._parts:
                attached.append(part.attach(student, teacher, inputs))
        except BaseException:
            for one in attached:
                one.close()
            raise
        return _AttachedTogether(attached)


class _AttachedTogether(Attached):
    def __init__(self, parts: Sequence[Attached]) -> None:
        super().__init__([term for part in parts for term in part.terms])
        self._attached = nn.ModuleList(parts)

    def forward(self, moment: Moment) -> Losses:
        return tuple(loss for part in self._attached for loss in part(moment))

    def close(self) -> None:
        for part in self._attached:
            if isinstance(part, Attached):
                part.close()
