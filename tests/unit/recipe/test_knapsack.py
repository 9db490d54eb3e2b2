"""The numbers behind the budget solver: exact to the stated gap, with bounds that hold, against every choice."""

import itertools

import numpy as np
import pytest

from secateur.recipe.knapsack import GAP, solve, undominated


def problem(seed, layers=6, options=4, limits=3, share=0.5):
    """(groups, cost, rows, bounds) with six decades of costs; the first item of a group costs nothing."""
    random = np.random.default_rng(seed)
    cost = 10 ** random.uniform(-6, 0, (layers, 1)) * random.random((layers, options)) ** 3
    cost[:, 0] = 0.0
    rows = np.exp(random.normal(8, 1.5, (layers, 1, limits))) * random.random((layers, options, limits))
    least, most = rows.min(axis=1).sum(axis=0), rows[:, 0].sum(axis=0)
    bounds = least + share * np.maximum(most - least, 0.0)
    return np.repeat(np.arange(layers), options), cost.ravel(), rows.reshape(-1, limits), bounds


def every_choice(groups):
    places = [np.flatnonzero(groups == group) for group in range(groups[-1] + 1)]
    return np.array(list(itertools.product(*places)))


def least_of_all(groups, cost, rows, bounds, allowed=None):
    """The cost of the cheapest choice within the bounds; None where there is none."""
    choices = every_choice(groups)
    fits = (rows[choices].sum(axis=1) <= bounds * (1 + 1e-9)).all(axis=1)
    if allowed is not None:
        fits &= allowed[choices].all(axis=1)
    return cost[choices[fits]].sum(axis=1).min() if fits.any() else None


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_choice_is_the_cheapest_of_all_but_for_the_gap_and_no_choice_is_below_the_bound(seed, share):
    groups, cost, rows, bounds = made = problem(seed, limits=1 + seed % 3, share=share)
    best, found = least_of_all(*made), solve(*made)
    if best is None:
        assert found is None
        return
    assert (rows[found.items].sum(axis=0) <= bounds * (1 + 1e-8)).all()
    assert (groups[found.items] == np.arange(groups[-1] + 1)).all()
    assert found.cost == pytest.approx(cost[found.items].sum())
    assert found.cost <= best * (1 + 2 * GAP) + 1e-15
    assert found.bound <= best * (1 + 1e-9) + 1e-15


@pytest.mark.parametrize("seed", range(10))
def test_what_is_not_allowed_is_not_taken(seed):
    groups, cost, rows, bounds = problem(seed)
    allowed = np.random.default_rng(seed).random(len(groups)) < 0.7
    best, found = least_of_all(groups, cost, rows, bounds, allowed), solve(groups, cost, rows, bounds, allowed)
    assert (found is None) == (best is None)
    if found is not None:
        assert allowed[found.items].all()
        assert found.cost <= best * (1 + 2 * GAP) + 1e-15


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_of_a_large_problem_holds_for_every_choice_that_is_found_with_more_work(seed):
    made = problem(seed, layers=60, options=12)
    quick, thorough = solve(*made, work=2_000), solve(*made, work=2_000_000)
    assert quick is not None
    assert thorough is not None
    assert quick.bound <= thorough.cost * (1 + 1e-9)
    assert thorough.cost <= quick.cost * (1 + 2 * GAP)
    assert thorough.gap <= quick.gap + 1e-9


def test_a_choice_that_is_known_is_never_answered_with_a_worse_one():
    made = problem(3, layers=40, options=12)
    best = solve(*made, work=2_000_000)
    again = solve(*made, known=best.items, work=10)
    assert again.cost <= best.cost


def test_bounds_that_each_can_be_met_but_not_together_have_no_answer():
    groups, cost = np.array([0, 0, 1, 1]), np.zeros(4)
    rows = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert solve(groups, cost, rows, np.array([0.5, 0.5])) is None
    assert solve(groups, cost, rows, np.array([1.0, 1.0])) is not None


def test_of_items_that_others_beat_in_everything_none_is_left_and_of_equals_the_first():
    columns = np.array([[1.0, 5.0], [2.0, 6.0], [0.5, 9.0], [1.0, 5.0], [3.0, 1.0], [3.0, 1.0]])
    kept = undominated(np.array([0, 0, 0, 0, 1, 1]), columns)
    assert kept.tolist() == [True, False, True, False, True, False]
