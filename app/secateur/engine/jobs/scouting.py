"""What autopilot finds out before the first trial: how sensitive layers are, how long they take, what plans follow."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from secateur.engine.autopilot import Autopilot
from secateur.engine.couplings import couplings_of
from secateur.engine.jobs.scoring import score_sensitivity
from secateur.engine.jobs.timing import time_options
from secateur.engine.reporting import Reporter
from secateur.engine.requests import ScoreSensitivity
from secateur.engine.timing import TimeOptions
from secateur.engine.workshop import Baseline, Bench, Workshop
from secateur.model.workload import Workload
from secateur.recipe.autopilot import Family
from secateur.recipe.choices import untimed
from secateur.recipe.families import Ground, families_of, timed_again
from secateur.recipe.options import OPTIONS
from secateur.recipe.speed import to_be_timed
from secateur.recipe.trying import MOST_ROUNDS_OF_SHAPES
from secateur.targets import target_named
from secateur.targets.timings import Timings

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset

_OPTIONS = tuple(option.id for option in OPTIONS)


@dataclass(frozen=True)
class Scouting:
    """What plans there are to choose among. `beside`, prefix → the voice in which it is told."""

    request: Autopilot
    bench: Bench
    data: "Dataset"
    baseline: Baseline
    workshop: Workshop
    beside: Callable[[str], Reporter]

    def families(self) -> tuple[Family, ...]:
        """From damages, milliseconds and couplings; what was measured before is there.

        Estimated damages are enough to tell which plan is milder: each plan itself is measured.
        """
        request, quiet = self.request, self.beside("")
        asked = ScoreSensitivity(request.model, request.data, "estimate", _OPTIONS, request.samples, request.target)
        table = score_sensitivity(asked, self.beside("Analysing: "), self.workshop).table
        description = self.bench.description
        if description.trainable:
            description = description.with_couplings(couplings_of(self.bench, quiet))
        timings = self._timed()
        together: tuple[Workload, ...] = ()
        if timings is not None and (together := untimed(description, table, timings)):
            timings = self._timed(together)
        ground = Ground(
            description,
            self.workshop.facts(self.bench, quiet, request.target),
            table,
            self.baseline.evaluation,
            timings,
            self.data.size("train"),
            (timings.channel_step if timings else None) or target_named(request.target).channel_step,
            request.seed,
        )
        return self._timed_families(ground, together)

    def _timed_families(self, ground: Ground, known: tuple[Workload, ...]) -> tuple[Family, ...]:
        """Plans, chosen again until all that they make of narrowed layers was timed, at most a few times.

        What was not timed is told in proportion to its MACs while plans are chosen, which looks quicker than it is.
        """
        shapes = dict.fromkeys(known)
        for _ in range(MOST_ROUNDS_OF_SHAPES):
            self.beside("").progress(0, 1, "Choosing plans")
            families = families_of(ground)
            if ground.timings is None or not (new := _new_shapes(families, ground, ground.timings)):
                return families
            shapes |= dict.fromkeys(new)
            ground = replace(ground, timings=self._timed(tuple(shapes)))
        return timed_again(families, ground)

    def _timed(self, further: tuple[Workload, ...] = ()) -> Timings | None:
        """Milliseconds of the options in the target, and of what plans lead to `further`."""
        asked = TimeOptions(self.request.model, self.request.target, _OPTIONS, further)
        return time_options(asked, self.beside("Measuring milliseconds: "), self.workshop).timings


def _new_shapes(families: tuple[Family, ...], ground: Ground, timings: Timings) -> list[Workload]:
    """What these plans compute and nobody has timed."""
    recipes = [candidate.recipe for family in families for candidate in family.candidates]
    return [work for recipe in recipes for work in to_be_timed(ground.model, recipe, timings, ground.facts)]
