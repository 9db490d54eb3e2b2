"""What autopilot tries next: plans in families, each from mild to severe, the limit of each found by halving.

A family is a way of compressing (encodings alone; encodings, then training; fewer channels, then both) and its plans
stand in order of severity, so that what is beyond a plan that failed fails too. Which plan is next follows from what is
known alone: a search that was broken off goes on where it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from statistics import median

from secateur.recipe.recipe import Recipe

NO_SLOWER = 1.03
"""Share of the original's milliseconds up to which a result is called no slower: what measuring it again brings."""


@dataclass(frozen=True)
class Goal:
    """What may be lost, and what is wanted at least: `drop` in the metric's unit, the others as shares of the original.

    `size` and `latency` may be None: as small, as fast as possible, and no slower than the original.
    """

    drop: float
    size: float | None = None
    latency: float | None = None


@dataclass(frozen=True)
class Candidate:
    """A plan that may be tried. `size` and `latency` are shares of the original as predicted, None where unknown."""

    title: str
    recipe: Recipe
    size: float
    latency: float | None = None


@dataclass(frozen=True)
class Family:
    """Candidates of one way of compressing, the mildest first. `why` says in a sentence what is hoped for."""

    id: str
    title: str
    why: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Outcome:
    """What trying came to. `drop` as chosen by (validation), `size` and `latency` measured shares of the original.

    `is_sound`: the file was proven, and its drop on the samples that judge is within the goal too.
    """

    drop: float
    size: float
    latency: float | None
    is_sound: bool

    def keeps(self, goal: Goal) -> bool:
        """Whether no more than the goal's drop is lost; NaN never does."""
        return self.is_sound and self.drop <= goal.drop

    def meets(self, goal: Goal) -> bool:
        """Whether it keeps the quality and is as small and as fast as was wanted at least, and not slower for it."""
        is_small = goal.size is None or self.size <= goal.size
        if goal.latency is None:
            is_fast = self.latency is None or self.latency <= NO_SLOWER
        else:
            is_fast = self.latency is not None and self.latency <= goal.latency
        return self.keeps(goal) and is_small and is_fast

    @property
    def gain(self) -> float:
        """How much smaller and faster, as one number: log(1 ÷ size) + log(1 ÷ latency), where that is known."""
        return gain_of(self.size, self.latency)


@dataclass(frozen=True)
class Trial:
    """The candidate at `place` of a family, to be tried next."""

    family: Family
    place: int

    @property
    def candidate(self) -> Candidate:
        return self.family.candidates[self.place]

    @property
    def key(self) -> tuple[str, int]:
        return self.family.id, self.place


Outcomes = Mapping[tuple[str, int], Outcome]
"""By family and place: what was tried."""


def gain_of(size: float, latency: float | None) -> float:
    """See `Outcome.gain`."""
    return -log(max(size, 1e-9)) - (log(max(latency, 1e-9)) if latency is not None else 0.0)


def best_of(outcomes: Outcomes, goal: Goal) -> tuple[str, int] | None:
    """The key of the best outcome: of those that meet the goal, else of those that lose no more, the greatest gain."""
    kept = {key: outcome for key, outcome in outcomes.items() if outcome.keeps(goal)}
    met = {key: outcome for key, outcome in kept.items() if outcome.meets(goal)}
    among = met or kept
    return max(among, key=lambda key: (among[key].gain, key)) if among else None


def next_trial(families: Sequence[Family], outcomes: Outcomes, goal: Goal) -> Trial | None:
    """The next plan worth trying; None where none is left that could be better than the best that is known.

    What a plan promises is its predicted size and time, corrected by how far those of the plans tried were off.
    """
    for family, places in _open_places(families, outcomes, goal):
        if places:
            return Trial(family, places[len(places) // 2])
    return None


def most_ahead(families: Sequence[Family], outcomes: Outcomes, goal: Goal) -> dict[str, int]:
    """By family: the most trials that it may still take, as each halves what is open; those without any are left out.

    Fewer are needed where one of them turns out better than what others promise.
    """
    counts = {family.id: len(places).bit_length() for family, places in _open_places(families, outcomes, goal)}
    return {name: count for name, count in counts.items() if count}


def _open_places(families: Sequence[Family], outcomes: Outcomes, goal: Goal) -> Iterator[tuple[Family, list[int]]]:
    """The places of each family that may hold something better than the best that is known."""
    best = best_of(outcomes, goal)
    least = outcomes[best].gain if best is not None and outcomes[best].meets(goal) else None
    learned = _learned(families, outcomes)
    for family in families:
        low, high = _bracket(family, outcomes, goal)
        places = range(low + 1, high)
        yield family, [x for x in places if least is None or _promise(family.candidates[x], learned) > least]


@dataclass(frozen=True)
class _Learned:
    """By what predicted shares have to be multiplied to be the measured ones."""

    size: float = 1.0
    latency: float = 1.0


def _learned(families: Sequence[Family], outcomes: Outcomes) -> _Learned:
    """Medians over what was tried."""
    tried = [
        (one, outcomes[family.id, place])
        for family in families
        for place, one in enumerate(family.candidates)
        if (family.id, place) in outcomes
    ]
    sizes = [outcome.size / one.size for one, outcome in tried if one.size > 0]
    times = [outcome.latency / one.latency for one, outcome in tried if one.latency and outcome.latency]
    return _Learned(median(sizes) if sizes else 1.0, median(times) if times else 1.0)


def _promise(candidate: Candidate, learned: _Learned) -> float:
    latency = None if candidate.latency is None else candidate.latency * learned.latency
    return gain_of(candidate.size * learned.size, latency)


def _bracket(family: Family, outcomes: Outcomes, goal: Goal) -> tuple[int, int]:
    """The most severe place that keeps the quality (−1 where none does) and the mildest that does not."""
    low, high = -1, len(family.candidates)
    for place in range(len(family.candidates)):
        outcome = outcomes.get((family.id, place))
        if outcome is None:
            continue
        if outcome.keeps(goal):
            low = place
        else:
            high = min(high, place)
    return min(low, high - 1), high
