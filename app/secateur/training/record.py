"""What a training remembers of its own course: losses since the last point, the curve, the speed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from secateur.training.curves import CurvePoint, LossTerm
from secateur.training.quality import Quality
from secateur.training.schedule import Course


@dataclass(frozen=True, slots=True)
class Noted:
    """The losses of one batch: the total, and its terms, the same ones in every batch of a training."""

    loss: float
    terms: tuple[LossTerm, ...]


class Record:
    """The curve of a training along `course`; `unit` is what a sample is called (`images`)."""

    def __init__(self, course: Course, unit: str) -> None:
        self._course, self._unit = course, unit
        self._recent: list[Noted] = []
        self._samples_per_second = 0.0
        self.points: list[CurvePoint] = []

    @property
    def has_losses(self) -> bool:
        """Whether a loss was noted since the last point."""
        return bool(self._recent)

    def resume(self, points: Iterable[CurvePoint]) -> None:
        self.points = list(points)

    def note(self, noted: Noted) -> None:
        self._recent.append(noted)

    def clock(self, samples: int, seconds: float) -> None:
        """Take the speed of one step into the running mean."""
        rate = samples / max(seconds, 1e-9)
        known = self._samples_per_second
        self._samples_per_second = 0.9 * known + 0.1 * rate if known else rate

    def point(self, step: int, quality: Quality | None = None) -> CurvePoint:
        """Close the stretch since the last point; there must have been a loss in it."""
        point = CurvePoint(
            step=step,
            steps=self._course.steps,
            epoch=self._course.epoch(step),
            epochs=self._course.plan.epochs,
            loss=_mean([noted.loss for noted in self._recent]),
            terms=tuple(
                LossTerm(same[0].title, same[0].unit, _mean([term.value for term in same]))
                for same in zip(*(noted.terms for noted in self._recent), strict=True)
            ),
            metric=quality.metric if quality else None,
            agreement=quality.agreement if quality else None,
            samples_per_second=self._samples_per_second,
        )
        self._recent.clear()
        self.points.append(point)
        return point

    def status(self, step: int) -> str:
        """`epoch 4 of 6 · loss 0.614 · 1,840 images/s`."""
        epochs = self._course.plan.epochs
        epoch = min(epochs, 1 + int(self._course.epoch(step)))
        loss = self._recent[-1].loss if self._recent else self.points[-1].loss
        return f"epoch {epoch} of {epochs} · loss {loss:.3f} · {self._samples_per_second:,.0f} {self._unit}/s"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
