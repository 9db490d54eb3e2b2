"""An estimate measures few samples of every cell, more of those whose place is open, and goes on where it was."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from secateur.analysis.correlation import split_half
from secateur.analysis.estimated import Limits, estimate_sensitivity, is_decided, spread
from secateur.analysis.measured import Measuring, measure_sensitivity
from secateur.analysis.tallies import Cell, Keeper, Question, Tallies
from secateur.data.tasks import task_of
from secateur.formats.describing.describe import describe
from secateur.methods.facts import facts_of
from secateur.model.documents import SensitivityRow
from secateur.recipe.options import OPTIONS

SAMPLES = 150
SINGLE = tuple(option for option in OPTIONS if not option.method.changes_widths)
"""What concerns one layer alone: `test_channel_cells.py` has the others."""
NEVER = 1.1
"""A correlation that no estimate reaches."""


class Kept(Keeper):
    """Keeps in memory."""

    def __init__(self) -> None:
        self.tallies: dict[Cell, Any] = {}

    def known(self) -> Tallies:
        return self.tallies

    def keep(self, found: Tallies) -> None:
        for cell, tallies in found.items():
            assert not set(tallies) & set(self.tallies.get(cell, ())), "measured twice"
            self.tallies.setdefault(cell, {}).update(tallies)


@pytest.fixture
def question(lowered_network: Any) -> Question:
    from secateur.model.counting import spectra_of

    layers = describe(lowered_network).weighted_layers
    weights = lowered_network.weights()
    spectra = {layer.name: spectra_of(weights[layer.name], layer.channel_axis) for layer in layers}
    return Question(layers, facts_of(layers, spectra), SINGLE, SAMPLES, task_of("classification"))


def silent(done: int, total: int, text: str) -> None:
    assert done <= total


def test_a_first_picture_has_every_cell_on_sixteen_samples(
    lowered_network: Any, noise_set: Any, question: Question
) -> None:
    seen: list[tuple[SensitivityRow, ...]] = []
    limits = Limits(goal=0.0)
    table = estimate_sensitivity(
        lowered_network, noise_set, question, limits, silent, lambda rows, unit: seen.append(rows)
    )
    exact = measure_sensitivity(lowered_network, noise_set, replace(question, samples=16), silent)
    # three layers are too few for an order, so that no goal is reached: the rounds go on, yet all began with sixteen
    first = {(row.layer, row.option): row for rows in reversed(seen) for row in rows if row.samples == 16}
    assert set(first) == {(row.layer, row.option) for row in table.rows if row.damage is not None}
    for key, row in first.items():
        truth = exact.row(*key)
        assert truth is not None
        assert row.damage == pytest.approx(truth.damage, rel=1e-4, abs=1e-9)
        assert row.measured


def test_cells_whose_place_is_open_get_more_samples_than_those_whose_place_is_decided(
    lowered_network: Any, noise_set: Any, question: Question
) -> None:
    table = estimate_sensitivity(lowered_network, noise_set, question, Limits(goal=NEVER), silent)
    counts = {row.samples for row in table.rows if row.damage is not None}
    assert len(counts) > 1
    assert counts <= {16, 32, 64, 128, SAMPLES}
    for row in table.rows:
        if row.damage is not None:
            assert row.low is not None
            assert row.high is not None
            assert row.low <= row.damage <= row.high


def test_a_measurement_takes_over_what_an_estimate_measured(
    lowered_network: Any, noise_set: Any, question: Question
) -> None:
    kept = Kept()
    estimate_sensitivity(lowered_network, noise_set, question, Limits(goal=NEVER), silent, keeper=kept)
    continued = measure_sensitivity(lowered_network, noise_set, question, silent, keeper=kept)
    fresh = measure_sensitivity(lowered_network, noise_set, question, silent)
    for row, truth in zip(continued.rows, fresh.rows, strict=True):
        assert row.damage == pytest.approx(truth.damage, rel=1e-4, abs=1e-9)
        assert row.samples == SAMPLES
        assert row.metric_drop == pytest.approx(truth.metric_drop)


def test_an_estimate_after_a_measurement_measures_nothing(
    lowered_network: Any, noise_set: Any, question: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept()
    measured = measure_sensitivity(lowered_network, noise_set, question, silent, keeper=kept)
    monkeypatch.setattr(Measuring, "_answered", None)
    table = estimate_sensitivity(lowered_network, noise_set, question, Limits(goal=NEVER), silent, keeper=kept)
    assert table.rows == measured.rows
    assert table.depth == "estimate"


def test_without_time_the_table_has_what_there_was_time_for(
    lowered_network: Any, noise_set: Any, question: Question
) -> None:
    table = estimate_sensitivity(lowered_network, noise_set, question, Limits(seconds=0.0), silent)
    assert table.pending == len(question.cells)


def test_the_same_samples_give_the_same_estimate(lowered_network: Any, noise_set: Any, question: Question) -> None:
    tables = [estimate_sensitivity(lowered_network, noise_set, question, Limits(goal=NEVER), silent) for _ in range(2)]
    assert tables[0].rows == tables[1].rows


def test_where_activations_are_rounded_too_the_weights_share_is_told(
    lowered_network: Any, noise_set: Any, question: Question
) -> None:
    table = measure_sensitivity(lowered_network, noise_set, question, silent)
    shares = {row.option for row in table.rows if row.weights_damage is not None}
    assert shares == {option.id for option in question.options if option.group == "Static"}
    alone = [row for row in table.rows if row.option == "int8"]
    assert all(row.weights_damage is not None and row.damage is not None for row in alone)
    assert sum(row.weights_damage or 0 for row in alone) < sum(row.damage or 0 for row in alone)


# ---------------------------------------------------------------------- its parts


def test_every_beginning_of_the_order_is_spread_over_the_network(question: Question) -> None:
    layers = [replace(question.layers[0], name=str(number)) for number in range(12)]
    assert [int(layer.name) for layer in spread(layers)][:4] == [0, 8, 4, 2]
    assert sorted(int(layer.name) for layer in spread(layers)) == list(range(12))
    assert spread(layers[:1]) == layers[:1]


def test_cells_on_the_same_samples_are_told_apart_where_their_intervals_overlap() -> None:
    random = np.random.default_rng(0)
    hard = random.lognormal(0, 1, 16)
    ones = np.ones(16)
    harmful, harmless = np.stack([1.5 * hard, ones]), np.stack([hard, ones])
    assert is_decided(harmful, harmless)
    assert not is_decided(harmful, np.stack([1.5 * random.permutation(hard), ones]))


def cells_of(samples: int, noise: float, seed: int) -> tuple[dict[Cell, np.ndarray], np.ndarray]:
    """Two options of 24 layers as that many samples tell them, and their true damages."""
    random = np.random.default_rng(seed)
    truths = random.lognormal(0, 0.7, (2, 24))
    errors = truths[..., None] * random.lognormal(0, noise, (2, 24, samples))
    return {
        Cell(f"layer{place}", f"option{option}"): np.stack([errors[option, place], np.ones(samples)])
        for option in range(2)
        for place in range(24)
    }, truths


@pytest.mark.parametrize(("samples", "noise"), [(16, 1.0), (16, 2.0), (64, 1.5)])
def test_halves_of_the_samples_tell_the_correlation_with_endless_samples(samples: int, noise: float) -> None:
    from scipy.stats import spearmanr

    told, true = [], []
    for seed in range(12):
        cells, truths = cells_of(samples, noise, seed)
        means = np.array([parts[0].mean() for parts in cells.values()]).reshape(2, 24)
        within = split_half(cells)
        assert within is not None
        assert within.low <= within.mean <= within.high
        told.append(within.mean)
        true.append(np.mean([spearmanr(ours, theirs)[0] for ours, theirs in zip(means, truths, strict=True)]))
    assert np.mean(told) == pytest.approx(np.mean(true), abs=0.05)


def test_halves_say_nothing_of_a_few_layers() -> None:
    cells, _ = cells_of(16, 1.0, 0)
    assert split_half({cell: parts for cell, parts in cells.items() if cell.layer in ("layer0", "layer1")}) is None
    assert split_half({}) is None
