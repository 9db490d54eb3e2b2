"""How alike the two of a pair are: the cosine of what the network makes of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from secateur.data.batch import Array, Batch
from secateur.data.metric_values import Damages, relative_errors
from secateur.data.task import PARAMETER, Task
from secateur.data.tasks.regression import correlation
from secateur.errors import UserError

if TYPE_CHECKING:
    import torch

Pooling = Literal["mean", "cls", "output"]
_TINY = 1e-12


@dataclass(frozen=True)
class Similarity(Task):
    """Pairs, compared with a number for each; a pair goes through the network as two rows of the same ports.

    `pooling` makes one vector of a row's outputs: the `mean` over the positions that the mask lets through, the first
    position (`cls`), or an `output` that is a vector already. Scores are these vectors, normalised: float32
    (n, 2, width); answers are the cosines of the pairs, (n,). `low` and `high` are the least and greatest target:
    the loss is the squared error of the cosine against the target on a scale from 0 to 1.
    """

    id: ClassVar[str] = "similarity"
    title: ClassVar[str] = "Similarity of pairs"

    pooling: Pooling = field(default="mean", metadata=PARAMETER)
    low: float = 0.0
    high: float = 1.0

    def reads(self, outputs: Sequence[Array]) -> int:
        return self._place([output.ndim for output in outputs])

    def scores(self, outputs: Sequence[Array], batch: Batch) -> NDArray[np.float32]:
        number = self.reads(outputs)
        found = np.asarray(outputs[number], dtype=np.float32)
        if self.pooling == "mean":
            mask = mask_of(batch.inputs)
            weights = (np.ones(found.shape[:2]) if mask is None else batch.inputs[mask])[..., None].astype(np.float32)
            found = (found * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), _TINY)
        elif self.pooling == "cls":
            found = found[:, 0]
        _check_pairs(batch.passes)
        found = found.reshape(len(found) // 2, 2, -1)
        length = np.sqrt((found**2).sum(axis=-1, keepdims=True))
        return np.asarray(found / np.maximum(length, _TINY), dtype=np.float32)

    def answers(self, scores: NDArray[np.float32]) -> Array:
        return np.asarray((scores[:, 0].astype(np.float64) * scores[:, 1]).sum(axis=-1), dtype=np.float32)

    def per_sample(self, answers: Array, targets: Array) -> NDArray[np.float64] | None:
        return None

    def value(self, answers: Array, targets: Array) -> float:
        if self.metric in ("pearson", "spearman"):
            return correlation(self.metric, answers, targets)
        return super().value(answers, targets)

    def off_by_sample(self, answers: Array, targets: Array) -> NDArray[np.float64] | None:
        """Cosine against the target on a scale from 0 to 1."""
        wanted = (np.asarray(targets, dtype=np.float64) - self.low) / max(self.high - self.low, _TINY)
        return np.asarray(np.abs(answers.astype(np.float64) - wanted).reshape(len(answers), -1).mean(axis=1))

    def loss(self, scores: NDArray[np.float32], targets: Array) -> tuple[float, float] | None:
        wanted = (targets.astype(np.float64) - self.low) / max(self.high - self.low, _TINY)
        return float(((self.answers(scores) - wanted) ** 2).sum()), float(len(wanted))

    def damages(self, reference: NDArray[np.float32], changed: NDArray[np.float32]) -> Damages:
        """Squared distance of the vectors beside their length."""
        return relative_errors(reference, changed)

    def agreement(self, ours: Array, theirs: Array) -> float | None:
        """Share of couples of pairs that both order alike: which of two pairs is the more similar one.

        (τ + 1) ÷ 2 of Kendall's τ-b, which does without comparing every couple.
        """
        from scipy import stats

        if ours.shape != theirs.shape or len(ours) < 2 or not np.isfinite(ours).all() or not np.isfinite(theirs).all():
            return None
        tau = float(stats.kendalltau(ours, theirs)[0])
        return (tau + 1.0) / 2.0 if np.isfinite(tau) else None

    def torch_scores(
        self, outputs: "Sequence[torch.Tensor]", inputs: "Mapping[str, torch.Tensor]", passes: int = 1
    ) -> "torch.Tensor":
        import torch

        found = outputs[self._place([output.ndim for output in outputs])].float()
        if self.pooling == "mean":
            mask = mask_of(inputs)
            weights = torch.ones(found.shape[:2], device=found.device) if mask is None else inputs[mask].float()
            found = (found * weights[..., None]).sum(dim=1) / weights.sum(dim=1, keepdim=True).clamp(min=_TINY)
        elif self.pooling == "cls":
            found = found[:, 0]
        _check_pairs(passes)
        return torch.nn.functional.normalize(found.reshape(len(found) // 2, 2, -1), dim=-1)

    def torch_loss(self, scores: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        wanted = (targets.float() - self.low) / max(self.high - self.low, _TINY)
        loss: torch.Tensor = (((scores[:, 0] * scores[:, 1]).sum(dim=-1) - wanted) ** 2).mean()
        return loss

    def torch_distance(
        self, student: "torch.Tensor", teacher: "torch.Tensor", temperature: float = 1.0
    ) -> "torch.Tensor":
        """Squared distance of the normalised vectors; there is nothing to soften."""
        return ((student - teacher) ** 2).sum(dim=-1).mean()

    def _place(self, axes: Sequence[int]) -> int:
        """Which output is pooled: the first that has positions, or for `output` the first that is a vector."""
        wanted = 2 if self.pooling == "output" else 3
        found = next((number for number, count in enumerate(axes) if count == wanted), None)
        if found is None:
            what = "no output that is a vector" if wanted == 2 else "no output with positions to pool over"
            raise UserError(
                f"The network has {what}, which pooling: {self.pooling} asks for.",
                f"Say pooling: {'mean' if wanted == 2 else 'output'} in a data.yaml.",
            )
        return found


def mask_of(inputs: Mapping[str, object]) -> str | None:
    """The port that says which positions count: the one with `mask` in its name; None where there is none."""
    return next((name for name in inputs if "mask" in name.lower()), None)


def _check_pairs(passes: int) -> None:
    if passes != 2:
        raise UserError(
            "Similarity compares the two of a pair, and this data gives one input for each sample.",
            "Name two columns of texts, or choose another task.",
        )
