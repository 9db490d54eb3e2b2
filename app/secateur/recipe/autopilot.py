"""What autopilot tries next: plans in families, each from mild to severe, the limit of each found by halving.

A family is a way of compressing (encodings alone; encodings, then training; fewer channels, then both) and its plans
stand in order of severity, so that what is beyond a plan that failed fails too. The families of fewer channels are in
an order, too: where half of them cannot be won back, three quarters cannot; where they can, a quarter is too few, and
no longer training is needed. Longer trainings begin where a shorter one lost least. Which plan is next follows from
what is known alone: a search that was broken off goes on where it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan, log
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
    """A plan that may be tried. `size` and `latency` are shares of the original as predicted, None where unknown.

    `damage` is what its encodings do, on one scale for all families; 0 where it is not known.
    """

    title: str
    recipe: Recipe
    size: float
    latency: float | None = None
    damage: float = 0.0


@dataclass(frozen=True)
class Family:
    """Candidates of one way of compressing, the mildest first. `why` says in a sentence what is hoped for.

    `pruned` is the share of the channels that leave, `training` how many samples are trained on to win them back.
    """

    id: str
    title: str
    why: str
    candidates: tuple[Candidate, ...]
    pruned: float = 0.0
    training: int = 0


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
    opened = [(family, places) for family, places in _open_places(families, outcomes, goal) if places]
    if not opened:
        return None
    family, places = min(opened, key=lambda pair: _turn(pair[0], families, outcomes))
    return Trial(family, _next_place(family, places, families, outcomes, goal))


def _turn(family: Family, families: Sequence[Family], outcomes: Outcomes) -> tuple[int, float]:
    """What comes first: less training, then what lost least with less of it, then the order of the families."""
    shorter = [one for one in families if one.pruned == family.pruned > 0 and one.training < family.training]
    lost = [outcomes[one.id, place].drop for one in shorter for place in _tried(one, outcomes)]
    known = [drop for drop in lost if not isnan(drop)]
    return family.training, min(known, default=inf if shorter else 0.0)


def _next_place(
    family: Family, places: Sequence[int], families: Sequence[Family], outcomes: Outcomes, goal: Goal
) -> int:
    """Of those that are open: half way; the first time where the family before had its limit.

    Where the first trial of fewer channels lost too much the mildest tells whether any of them keeps the quality.
    """
    if not _tried(family, outcomes):
        if limit := _limit(families, outcomes, goal):
            return min(places, key=lambda place: abs(log((family.candidates[place].damage or 1e-9) / limit)))
    elif family.pruned and not _kept(family, outcomes, goal):
        return places[0]
    return places[len(places) // 2]


def _limit(families: Sequence[Family], outcomes: Outcomes, goal: Goal) -> float:
    """The damage that was kept at most by the last family that was tried and kept any; 0 where none was."""
    for family in reversed(families):
        if kept := _kept(family, outcomes, goal):
            return family.candidates[kept[-1]].damage
    return 0.0


def _tried(family: Family, outcomes: Outcomes) -> list[int]:
    return [place for place in range(len(family.candidates)) if (family.id, place) in outcomes]


def _kept(family: Family, outcomes: Outcomes, goal: Goal) -> list[int]:
    """The places that kept the quality."""
    return [place for place in _tried(family, outcomes) if outcomes[family.id, place].keeps(goal)]


def most_ahead(families: Sequence[Family], outcomes: Outcomes, goal: Goal) -> dict[str, int]:
    """By family: the most trials that it may still take, as each halves what is open; those without any are left out.

    Fewer are needed where one of them turns out better than what others promise.
    """
    counts = {}
    for family, places in _open_places(families, outcomes, goal):
        if not places:
            continue
        is_first, mildest = not _tried(family, outcomes), family.pruned and not _kept(family, outcomes, goal)
        halved = 1 + (len(places) - 1).bit_length() if is_first else len(places).bit_length()
        counts[family.id] = min(len(places), halved + bool(mildest))
    return counts


def _open_places(families: Sequence[Family], outcomes: Outcomes, goal: Goal) -> Iterator[tuple[Family, list[int]]]:
    """The places of each family that may hold something better than the best that is known."""
    best = best_of(outcomes, goal)
    least = outcomes[best].gain if best is not None and outcomes[best].meets(goal) else None
    learned, opened = _learned(families, outcomes), dict[str, list[int]]()
    for family in families:
        low, high = _bracket(family, outcomes, goal)
        places = range(low + 1, high)
        opened[family.id] = [x for x in places if least is None or _promise(family.candidates[x], learned) > least]
    failed = [
        one for one in families if _tried(one, outcomes) and not opened[one.id] and not _kept(one, outcomes, goal)
    ]
    leading = next((one for one in families if best is not None and one.id == best[0]), None)
    for family in families:
        yield family, [] if _is_settled(family, failed, leading) else opened[family.id]


def _is_settled(family: Family, failed: Sequence[Family], leading: Family | None) -> bool:
    """Whether what is known of other ratios of channels says that this one, of fewer or more, cannot be better."""
    if not family.pruned:
        return False
    is_hopeless = any(0 < one.pruned <= family.pruned and one.training >= family.training for one in failed)
    is_needless = (
        leading is not None
        and leading.id != family.id
        and leading.pruned >= family.pruned
        and leading.training <= family.training
    )
    return is_hopeless or is_needless


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
