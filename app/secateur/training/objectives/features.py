"""Feature distillation: layers of the student learn to give what layers of the teacher give."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch  # noqa: TID253 - imported by the training loop alone
from torch import nn  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.errors import UserError
from secateur.graph.network import all_outputs, first_output
from secateur.training.objectives.base import Attached, Losses, Moment, Term


@dataclass(frozen=True, slots=True)
class LayerPair:
    """A layer of the teacher, the layer of the student that is to resemble it, and the factor of their distance."""

    teacher: str
    student: str
    weight: float = 1.0


class Features:
    """The weighted sum over pairs of layers of the squared distance of their features, each scaled to length 1.

    ‖s/‖s‖ − t/‖t‖‖² of each sample, 0 to 4, as Sun et al. 2019 (arXiv:1908.09355, equation 7) for hidden states.
    Where a student's layer is of another width, a learned linear map of each place (a 1×1 convolution) takes it to
    the teacher's, as Romero et al. 2015 (arXiv:1412.6550) do for hints.
    """

    needs_teacher = True

    def __init__(self, pairs: Sequence[LayerPair], weight: float = 1.0) -> None:
        self._pairs, self._weight = tuple(pairs), weight
        told = ", ".join(f"{pair.teacher}→{pair.student} × {pair.weight}" for pair in self._pairs)
        self.identity = f"features {told} × {weight}"

    def attach(self, student: nn.Module, teacher: nn.Module | None, inputs: tuple[torch.Tensor, ...]) -> Attached:
        if teacher is None:
            raise ValueError("features are compared with those of a teacher")
        theirs = Taken(teacher, [pair.teacher for pair in self._pairs], "teacher")
        try:
            ours = Taken(student, [pair.student for pair in self._pairs], "student")
        except UserError:
            theirs.close()
            raise
        attached = _AttachedFeatures(self._pairs, ours, theirs, Term("features", "", self._weight))
        try:
            with torch.no_grad():
                teacher(*inputs)
                student(*inputs)
            attached.fit()
        except BaseException:
            attached.close()
            raise
        return attached


class _AttachedFeatures(Attached):
    def __init__(self, pairs: Sequence[LayerPair], ours: "Taken", theirs: "Taken", term: Term) -> None:
        super().__init__([term])
        self._pairs, self._ours, self._theirs = tuple(pairs), ours, theirs
        self._adapters = nn.ModuleList()

    def fit(self) -> None:
        """Make the adapters for the features that were taken last; UserError where a pair cannot be compared."""
        for pair in self._pairs:
            student, teacher = self._ours.of(pair.student), self._theirs.of(pair.teacher)
            self._adapters.append(_adapter(pair, student.shape, teacher.shape).to(student.device))

    def forward(self, moment: Moment) -> Losses:
        moment.teacher_answered  # noqa: B018 - running the teacher is what fills its features
        total = moment.answer.new_zeros(())
        for pair, adapter in zip(self._pairs, self._adapters, strict=True):
            student = adapter(self._ours.of(pair.student).float())
            total = total + pair.weight * feature_distance(student, self._theirs.of(pair.teacher).float())
        self._ours.forget()
        self._theirs.forget()
        return (total,)

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


def feature_distance(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """‖s/‖s‖ − t/‖t‖‖², the mean over the samples: 0 where they point one way, 4 where they point opposite ways."""
    ours, theirs = F.normalize(student.flatten(1), dim=1), F.normalize(teacher.flatten(1), dim=1)
    return (ours - theirs).square().sum(dim=1).mean()


class Taken:
    """What comes out of some layers of `module` in its last pass; `role` is how messages call the network."""

    def __init__(self, module: nn.Module, names: Sequence[str], role: str) -> None:
        layers = dict(module.named_modules())
        for name in names:
            if not name or name not in layers:
                close = get_close_matches(name, [known for known in layers if known], 1)
                raise UserError(
                    f"The {role} has no layer {name!r}, whose features are to be compared.",
                    f"Did you mean {close[0]}?" if close else "List the layers with: secateur inspect.",
                )
        self._outputs: dict[str, torch.Tensor] = {}
        self._role = role
        self._hooks = [layers[name].register_forward_hook(self._keeper(name)) for name in dict.fromkeys(names)]

    def of(self, name: str) -> torch.Tensor:
        """The output of a layer; UserError where it was not run."""
        if name not in self._outputs:
            raise UserError(
                f"The layer {name} of the {self._role} is not run, so it has no features.",
                "Choose another layer for the pair.",
            )
        return self._outputs[name]

    def forget(self) -> None:
        self._outputs.clear()

    def close(self) -> None:
        self.forget()
        for hook in self._hooks:
            hook.remove()

    def _keeper(self, name: str) -> Any:
        def keep(layer: nn.Module, inputs: Any, output: Any) -> None:
            if all_outputs(output):
                self._outputs[name] = first_output(output)

        return keep


def _adapter(pair: LayerPair, student: torch.Size, teacher: torch.Size) -> nn.Module:
    """What takes the student's features (n, …) to the shape of the teacher's: nothing, or a linear map of one axis."""
    if student == teacher:
        return nn.Identity()
    differing = [axis for axis in range(1, len(student)) if student[axis : axis + 1] != teacher[axis : axis + 1]]
    if len(student) == len(teacher) and len(differing) == 1 and differing[0] in (1, len(student) - 1):
        return AxisMap(differing[0], student[differing[0]], teacher[differing[0]])
    ours, theirs = (" × ".join(str(size) for size in shape[1:]) for shape in (student, teacher))
    raise UserError(
        f"The features of {pair.student} ({ours}) cannot be compared with those of the teacher's {pair.teacher} "
        f"({theirs}): only their number of channels may differ.",
        "Choose layers whose features have the same height and width.",
    )


class AxisMap(nn.Module):
    """A linear map without bias of one axis of a tensor at every place of the others: of channels a 1×1 convolution."""

    def __init__(self, axis: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self._axis = axis
        self.linear = nn.Linear(inputs, outputs, bias=False)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.linear(values.movedim(self._axis, -1)).movedim(-1, self._axis)  # type: ignore[no-any-return]
