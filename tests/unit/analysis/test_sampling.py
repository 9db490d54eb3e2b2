"""The samples that say most come first, and count for as much less as they were likelier to be drawn."""

from typing import Any

import numpy as np
import pytest

from secateur.analysis.sampling import Order, order_for
from secateur.data.tasks import task_of
from secateur.formats.describing.describe import describe


def unsure(count: int = 200) -> np.ndarray:
    """Most samples are certain, some are not: as of a network that is mostly right."""
    return np.random.default_rng(0).beta(0.2, 1.5, count)


def test_every_sample_is_asked_once_and_those_beyond_the_pool_stand_as_in_the_data() -> None:
    order = Order.of_chances(unsure(), 500)
    assert sorted(order.places) == list(range(500))
    assert list(order.places[200:]) == list(range(200, 500))
    assert np.array_equal(order.places[order.positions], np.arange(500))
    few = Order(30, order.drawn, order.chances)
    assert np.array_equal(few.places, order.places[:30])
    assert np.array_equal(few.places[few.positions[few.places]], few.places)


def test_samples_of_which_the_network_is_unsure_come_first() -> None:
    chances = unsure()
    order = Order.of_chances(chances, 200)
    assert chances[order.places[:16]].mean() > 3 * chances.mean()


def test_all_of_them_together_count_alike() -> None:
    order = Order.of_chances(unsure(), 500)
    assert np.array_equal(order.weights(200), np.ones(200))
    assert np.array_equal(order.weights(300), np.ones(300))
    assert np.array_equal(Order(500).weights(16), np.ones(16))
    parts = np.random.default_rng(1).random((2, 300))
    assert order.weighted(parts) is parts


@pytest.mark.parametrize("count", [16, 64])
def test_few_of_them_tell_the_mean_of_all_nearer_than_the_first_of_the_data_do(count: int) -> None:
    """Of errors about in proportion to how unsure the network is, drawn again and again."""
    off: dict[str, list[float]] = {"drawn": [], "first": []}
    for seed in range(40):
        random = np.random.default_rng(seed)
        chances = random.beta(0.2, 1.5, 200)
        errors = chances * random.lognormal(0, 0.7, 200)
        order = Order.of_chances(chances, 200)
        parts = np.stack([errors[order.places[:count]], np.ones(count)])
        error, weight = order.weighted(parts).sum(axis=1)
        off["drawn"].append(np.log(error / weight / errors.mean()))
        off["first"].append(np.log(errors[:count].mean() / errors.mean()))
    spread = {name: float(np.sqrt(np.mean(np.square(values)))) for name, values in off.items()}
    assert spread["drawn"] < 0.6 * spread["first"]
    assert abs(np.mean(off["drawn"])) < 0.15, "it is not too much and not too little on average"


def test_the_order_of_a_network_is_by_its_own_answers(lowered_network: Any, noise_set: Any) -> None:
    layers = describe(lowered_network).weighted_layers
    order = order_for(lowered_network, noise_set, layers, 150)
    assert len(order.drawn) == noise_set.size("validation") == 160
    logits = lowered_network.run(noise_set.batch("validation", range(160)).first)
    likely = np.exp(logits - logits.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    told = (1 - (likely**2).sum(axis=1))[order.drawn]
    assert order.chances == pytest.approx(told / told.sum(), rel=1e-3)
    again = order_for(lowered_network, noise_set, layers, 1000)
    assert np.array_equal(again.drawn, order.drawn)


def test_answers_of_other_kinds_are_not_told_apart() -> None:
    numbers = np.random.default_rng(2).normal(0, 1, (5, 3)).astype(np.float32)
    assert task_of("regression").unsure(numbers) is None
    assert task_of("classification").unsure(numbers) is not None
    shares = task_of("multilabel").unsure(np.array([[0.0, 0.0], [30.0, -30.0]], np.float32))
    assert shares == pytest.approx([0.5, 0.0], abs=1e-9)
