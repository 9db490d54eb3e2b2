"""Which plan autopilot tries next: the limit of each family is found in few trials, and what was tried counts."""

import pytest

from secateur.recipe.autopilot import Candidate, Family, Goal, Outcome, best_of, gain_of, most_ahead, next_trial
from secateur.recipe.prunings import RATIOS as RATIOS_ASKED
from secateur.recipe.recipe import Recipe

GOAL = Goal(drop=0.01)


def family(name: str, sizes: list[float], latency: float = 0.5) -> Family:
    return Family(name, name, "", tuple(Candidate(name, Recipe(), size, latency) for size in sizes))


SIZES = [0.25 * 0.86**step for step in range(10)]
PLAIN, TRAINED = family("plain", SIZES), family("trained", SIZES)


def searched(families: list[Family], last_good: dict[str, int], goal: Goal = GOAL, most: int = 99) -> dict:
    """What is tried where each family keeps the quality up to a place, and what each came to."""
    outcomes: dict[tuple[str, int], Outcome] = {}
    while len(outcomes) < most and (trial := next_trial(families, outcomes, goal)) is not None:
        drop = 0.0 if trial.place <= last_good[trial.family.id] else 0.05
        outcomes[trial.key] = Outcome(drop, trial.candidate.size, trial.candidate.latency, True)
    return outcomes


@pytest.mark.parametrize("limit", range(-1, 10))
def test_the_most_severe_plan_that_keeps_the_quality_is_found(limit: int) -> None:
    outcomes = searched([PLAIN], {"plain": limit})
    assert len(outcomes) <= 4, "ten plans need four trials"
    best = best_of(outcomes, GOAL)
    assert best == (("plain", limit) if limit >= 0 else None)


def test_a_further_family_is_tried_only_where_it_promises_more() -> None:
    outcomes = searched([PLAIN, TRAINED], {"plain": 4, "trained": 7})
    assert best_of(outcomes, GOAL) == ("trained", 7)
    assert all(place > 4 for name, place in outcomes if name == "trained")
    assert not [key for key in searched([PLAIN, TRAINED], {"plain": 9, "trained": 9}) if key[0] == "trained"]


def test_a_search_that_was_broken_off_goes_on_as_if_it_had_not_been() -> None:
    whole = searched([PLAIN, TRAINED], {"plain": 3, "trained": 6})
    for broken_off_after in range(len(whole)):
        known = dict(list(whole.items())[:broken_off_after])
        trial = next_trial([PLAIN, TRAINED], known, GOAL)
        assert trial is not None
        assert trial.key == list(whole)[broken_off_after]


@pytest.mark.parametrize("limits", [(-1, -1), (3, 6), (9, 9), (0, 9), (9, -1)])
def test_never_more_trials_are_needed_than_were_said_to_be_ahead(limits: tuple[int, int]) -> None:
    families, last_good = [PLAIN, TRAINED], dict(zip(("plain", "trained"), limits, strict=True))
    whole = list(searched(families, last_good).items())
    for done in range(len(whole) + 1):
        counts = most_ahead(families, dict(whole[:done]), GOAL)
        assert sum(counts.values()) >= len(whole) - done
        assert bool(counts) == (next_trial(families, dict(whole[:done]), GOAL) is not None)


def test_what_was_not_proven_or_judged_worse_is_never_the_best() -> None:
    outcomes = {
        ("plain", 0): Outcome(0.0, 0.2, 0.5, is_sound=False),
        ("plain", 1): Outcome(float("nan"), 0.1, 0.5, True),
    }
    assert best_of(outcomes, GOAL) is None


def test_a_plan_that_meets_what_was_wanted_goes_before_one_that_gains_more() -> None:
    goal = Goal(drop=0.01, latency=0.5)
    outcomes = {("plain", 0): Outcome(0.0, 0.2, 0.45, True), ("plain", 1): Outcome(0.0, 0.05, 0.9, True)}
    assert best_of(outcomes, goal) == ("plain", 0)
    assert best_of(outcomes, GOAL) == ("plain", 1)


def test_what_does_not_meet_the_goal_yet_stops_no_family() -> None:
    """A slow plan that gains much in size: the faster family is tried although it promises less in sum."""
    slow, fast = family("plain", [0.05], latency=1.0), family("trained", [0.2], latency=0.4)
    goal = Goal(drop=0.01, latency=0.5)
    outcomes = searched([slow, fast], {"plain": 0, "trained": 0}, goal)
    assert best_of(outcomes, goal) == ("trained", 0)


def test_predictions_that_are_off_are_corrected_by_what_was_measured() -> None:
    """Sizes that are predicted twice too large keep no plan from being tried that is really smaller."""
    plain, trained = family("plain", [0.2]), family("trained", [0.3, 0.25])
    outcomes = {("plain", 0): Outcome(0.0, 0.2, 0.5, True)}
    assert next_trial([plain, trained], outcomes, GOAL) is None
    outcomes[("trained", 0)] = Outcome(0.0, 0.15, 0.5, True)
    outcomes[("plain", 0)] = Outcome(0.0, 0.1, 0.5, True)
    larger = family("pruned", [0.19])
    trial = next_trial([plain, trained, larger], outcomes, GOAL)
    assert trial is not None
    assert trial.key == ("pruned", 0)


def test_the_gain_counts_size_and_speed_alike() -> None:
    assert gain_of(0.5, 1.0) == pytest.approx(gain_of(1.0, 0.5))
    assert gain_of(0.5, None) == pytest.approx(gain_of(0.5, 1.0))


def test_a_result_that_is_slower_than_the_original_is_best_only_where_no_other_keeps_the_quality() -> None:
    slow, quick = Outcome(0.0, 0.02, 1.2, True), Outcome(0.0, 0.2, 0.9, True)
    assert slow.gain > quick.gain
    assert best_of({("plain", 0): quick, ("plain", 1): slow}, GOAL) == ("plain", 0)
    assert best_of({("plain", 1): slow}, GOAL) == ("plain", 1)
    assert not slow.meets(GOAL)
    assert Outcome(0.0, 0.2, None, True).meets(GOAL), "where nothing is timed, nothing is slower"


def pruned(ratio: float, training: int = 1) -> Family:
    """Fewer channels: smaller and faster in proportion, before encodings make it smaller still."""
    plans = tuple(Candidate("", Recipe(), size * (1 - ratio), 1 - ratio, size) for size in SIZES)
    return Family(f"{ratio} {training}", "", "", plans, ratio, training)


RATIOS = [pruned(0.5), pruned(0.75), pruned(0.25), pruned(0.5, 5), pruned(0.75, 5), pruned(0.25, 5)]


@pytest.mark.parametrize(
    ("limits", "best", "untried"),
    [
        # half and three quarters are won back at once: neither a quarter nor longer trainings
        ((6, 5, 7, 7, 6, 8), ("0.75 1", 5), {"0.25 1", "0.5 5", "0.75 5", "0.25 5"}),
        # half is, three quarters only by longer training
        ((6, -1, 7, 7, 4, 8), ("0.75 5", 4), {"0.25 1", "0.5 5", "0.25 5"}),
        # only a quarter at once; half by longer training; three quarters never
        ((-1, -1, 5, 6, -1, 8), ("0.5 5", 6), {"0.75 1", "0.25 5"}),
        # nothing at once, a quarter by longer training
        ((-1, -1, -1, -1, -1, 4), ("0.25 5", 4), {"0.75 1", "0.75 5"}),
    ],
)
def test_of_fewer_channels_only_those_are_tried_that_what_is_known_leaves_open(limits, best, untried) -> None:
    outcomes = searched(RATIOS, dict(zip((family.id for family in RATIOS), limits, strict=True)))
    assert best_of(outcomes, GOAL) == best
    assert untried == {family.id for family in RATIOS} - {name for name, _ in outcomes}


def test_fewer_channels_that_lose_too_much_in_the_mildest_plan_are_given_up_after_two_trials() -> None:
    outcomes = searched([pruned(0.5)], {"0.5 1": -1})
    assert [place for _, place in outcomes] == [5, 0]


def test_a_family_begins_where_the_one_before_had_its_limit() -> None:
    plain = Family("plain", "", "", pruned(0.0).candidates)
    outcomes = searched([plain, pruned(0.5)], {"plain": 3, "0.5 1": 3})
    assert next(place for name, place in outcomes if name != "plain") == 3


@pytest.mark.parametrize("limits", [(-1, 6, -1, -1, 2, 8, 3), (4, 6, 5, 7, 7, 6, 8), (4, -1, -1, -1, -1, -1, -1)])
def test_of_fewer_channels_too_no_more_trials_are_needed_than_were_said_to_be_ahead(limits: tuple[int, ...]) -> None:
    families = [Family("plain", "", "", pruned(0.0).candidates), *RATIOS]
    whole = list(searched(families, dict(zip((one.id for one in families), limits, strict=True))).items())
    for done in range(len(whole) + 1):
        assert sum(most_ahead(families, dict(whole[:done]), GOAL).values()) >= len(whole) - done


@pytest.mark.parametrize("limit", [0.0, *sorted(RATIOS_ASKED)])
def test_the_limit_of_the_channels_is_found_by_halving(limit: float) -> None:
    families = [pruned(ratio) for ratio in RATIOS_ASKED]
    kept = {ratio for ratio in RATIOS_ASKED if ratio <= limit}
    outcomes = searched(families, {f"{ratio} 1": 9 if ratio in kept else -1 for ratio in RATIOS_ASKED})
    assert best_of(outcomes, GOAL) == ((f"{max(kept)} 1", 9) if kept else None)
    assert len({name for name, _ in outcomes}) <= 4


def test_longer_trainings_begin_where_a_shorter_one_lost_least() -> None:
    families = [pruned(ratio, training) for training in (1, 5) for ratio in (0.5, 0.75, 0.25)]
    outcomes = {("0.5 1", place): Outcome(0.10, 0.05, 0.5, True) for place in (0, 5)}
    outcomes |= {("0.25 1", place): Outcome(0.02, 0.05, 0.7, True) for place in (0, 5)}
    trial = next_trial(families, outcomes, GOAL)
    assert trial is not None
    assert trial.family.id == "0.25 5", "three quarters were not tried, and half lost five times as much"
    outcomes[trial.key] = Outcome(0.0, 0.05, 0.7, True)
    while trial is not None and trial.family.id == "0.25 5":
        trial = next_trial(families, outcomes, GOAL)
        if trial is not None:
            outcomes[trial.key] = Outcome(0.02, 0.05, 0.7, True)
    assert trial is not None
    assert trial.family.id == "0.5 5", "what lost more may be won back all the same"
