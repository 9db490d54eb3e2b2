"""What is trained when, as pure functions."""

from itertools import pairwise

import numpy as np
import pytest

from secateur.errors import UserError
from secateur.training.schedule import Course, TrainingPlan, one_cycle


def plan(**changes: object) -> TrainingPlan:
    return TrainingPlan(**{"epochs": 3, "batch_size": 8, "learning_rate": 0.1, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [1, 2, 7, 1000])
def test_the_learning_rate_stays_positive_and_never_exceeds_its_peak(steps: int) -> None:
    rates = [one_cycle(step, steps, 0.1) for step in range(steps)]
    assert min(rates) > 0.0
    assert max(rates) <= 0.1


def test_the_learning_rate_rises_then_falls() -> None:
    rates = [one_cycle(step, 100, 0.1) for step in range(100)]
    top = int(np.argmax(rates))
    assert top == 20
    assert all(a <= b for a, b in pairwise(rates[: top + 1]))
    assert all(a >= b for a, b in pairwise(rates[top:]))
    assert rates[-1] == pytest.approx(0.1 / 1000)


def test_an_epoch_shows_every_sample_once() -> None:
    course = Course(plan(), samples=26)
    seen = np.concatenate([course.positions(step) for step in range(course.steps_per_epoch)])
    assert sorted(seen) == list(range(26))


def test_a_last_batch_of_one_sample_is_left_out() -> None:
    assert Course(plan(), samples=25).steps_per_epoch == 3
    assert Course(plan(), samples=26).steps_per_epoch == 4


def test_epochs_have_different_orders_and_the_same_seed_the_same() -> None:
    course = Course(plan(), samples=64)
    again = Course(plan(), samples=64)
    other = Course(plan(seed=1), samples=64)
    first, second = course.positions(0), course.positions(course.steps_per_epoch)
    assert first.tolist() != second.tolist()
    assert again.positions(0).tolist() == first.tolist()
    assert other.positions(0).tolist() != first.tolist()


def test_every_step_has_a_chance_of_its_own_that_can_be_repeated() -> None:
    course = Course(plan(), samples=64)
    drawn = [course.chance(step).random() for step in range(course.steps)]
    assert len(set(drawn)) == course.steps
    assert [course.chance(step).random() for step in range(course.steps)] == drawn


def test_a_batch_larger_than_the_data_is_the_whole_data() -> None:
    course = Course(plan(batch_size=512), samples=20)
    assert course.steps_per_epoch == 1
    assert len(course.positions(0)) == 20


def test_a_short_training_is_evaluated_four_times_an_epoch_and_a_long_one_once() -> None:
    assert Course(plan(), samples=800).evaluation_every == 25
    assert Course(plan(epochs=50), samples=800).evaluation_every == 100


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"learning_rate": -1.0},
        {"epochs": 0},
        {"batch_size": 0},
        {"weight_decay": -0.1},
        {"precision": "fp8"},
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_with_a_way_out(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError) as refused:
        plan(**wrong)
    assert refused.value.hint


def test_data_without_training_samples_is_refused() -> None:
    with pytest.raises(UserError, match="no training samples"):
        Course(plan(), samples=0)
