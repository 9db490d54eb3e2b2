"""What the engine answers about one layer's weight: channels, filters, tiles, before and after the plan."""

import numpy as np
import pytest

from secateur.engine.events import Failed, Finished, Partial, Stopped
from secateur.engine.jobs import looking
from secateur.engine.reporting import Reporter
from secateur.engine.requests import ReadChannels, ReadFilters, ReadMatrix, RecordActivations, WeightPlan
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.formats.reading import open_model
from secateur.graph.context import Context
from secateur.methods.facts import Facts
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource
from secateur.recipe.recipe import Step

CONV, LINEAR = "3", "7"
"""8 × 8 × 3 × 3 and 3 × 8."""


@pytest.fixture
def ask():
    workshop, heard = Workshop(1), []

    def answer(request):
        heard.clear()
        done = run_job(request, Reporter(1, heard.append), workshop)
        assert isinstance(done, Finished), done
        return done.result

    answer.heard, answer.workshop = heard, workshop
    return answer


@pytest.fixture
def weights(model):
    return open_model(model).weights()


def whole(model, layer, **changes):
    return ReadMatrix(model, layer, (0, 10**6), (0, 10**6), **changes)


def test_channels_have_their_norm_range_zeros_and_nearest(ask, model, weights):
    figures = ask(ReadChannels(model, CONV)).figures
    rows = weights[CONV].reshape(8, -1)
    assert np.allclose(figures.norm, np.linalg.norm(rows, axis=1))
    assert figures.minimum.tolist() == rows.min(axis=1).tolist()
    assert figures.maximum.tolist() == rows.max(axis=1).tolist()
    assert figures.zeros.tolist() == [0] * 8
    assert figures.size == 72
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = unit @ unit.T - 2 * np.eye(8)
    assert figures.nearest.tolist() == cosines.argmax(axis=1).tolist()
    assert not figures.gone.any()


def test_of_many_channels_figures_come_before_they_are_compared(ask, model, monkeypatch):
    monkeypatch.setattr(looking, "AT_ONCE", 4)
    whole_figures = ask(ReadChannels(model, CONV)).figures
    partly = [event.value.figures for event in ask.heard if isinstance(event, Partial)]
    assert [figures.nearest for figures in partly] == [None]
    assert partly[0].norm.tolist() == whole_figures.norm.tolist()
    assert whole_figures.nearest is not None


def test_the_channels_that_leave_are_those_that_the_run_removes(ask, model):
    step = Step(ChannelPruning(round_to=1, ratio=0.5, repair=False), ("0", CONV))
    figures = ask(ReadChannels(model, CONV, WeightPlan((), (step,)))).figures
    assert figures.gone.sum() == 4
    opened = open_model(model)
    pruned = step.method.apply(opened, ["0", CONV], Context())
    bias = opened.module.get_submodule(CONV).bias.detach().numpy()
    assert bias[~figures.gone].tolist() == pruned.module.get_submodule(CONV).bias.detach().numpy().tolist()


def test_two_steps_that_remove_channels_follow_each_other(ask, model):
    steps = (
        Step(ChannelPruning(round_to=1, ratio=0.25, repair=False), (CONV,)),
        Step(ChannelPruning(round_to=1, ratio=0.5, repair=False), (CONV,)),
    )
    assert ask(ReadChannels(model, CONV, WeightPlan((), steps))).figures.gone.sum() == 5


def test_what_needs_samples_is_not_marked_and_says_why(ask, model):
    step = Step(ChannelPruning(round_to=1, ratio=0.5, criterion="taylor"), (CONV,))
    figures = ask(ReadChannels(model, CONV, WeightPlan((), (step,)))).figures
    assert not figures.gone.any()
    assert "samples" in figures.why_not_marked


def test_weights_that_pruning_makes_zero_are_counted_by_channel(ask, model, weights):
    method = MagnitudePruning(ratio=0.5)
    figures = ask(ReadChannels(model, CONV, WeightPlan((method,)))).figures
    after = method.perturb(weights[CONV], Facts())
    assert figures.zeroed.tolist() == (after == 0).reshape(8, -1).sum(axis=1).tolist()


@pytest.mark.parametrize("method", [MagnitudePruning(ratio=0.5), WeightOnly(bits=4), StaticInt8()])
def test_after_is_what_the_method_makes_of_the_weight(ask, model, weights, method):
    tile = ask(whole(model, CONV, plan=WeightPlan((method,)))).tile
    before, after = weights[CONV].reshape(8, -1), method.perturb(weights[CONV], Facts()).reshape(8, -1)
    assert tile.is_exact
    assert tile.is_whole
    assert tile.before.tolist() == before.tolist()
    assert tile.after.tolist() == after.tolist()
    assert np.allclose(tile.difference, after - before)
    assert tile.change_limit == pytest.approx(np.abs(after - before).max())


def test_after_agrees_with_the_weights_of_the_finished_step(ask, model):
    method = MagnitudePruning(ratio=0.3)
    applied = method.apply(open_model(model), [CONV], Context()).weights()[CONV]
    tile = ask(whole(model, CONV, plan=WeightPlan((method,)))).tile
    assert tile.after.tolist() == applied.reshape(8, -1).tolist()


def test_methods_after_channel_pruning_see_only_what_is_left(ask, model, weights):
    step = Step(ChannelPruning(round_to=1, ratio=0.5, repair=False), (CONV,))
    plan = WeightPlan((MagnitudePruning(ratio=0.5),), (step,))
    tile = ask(whole(model, CONV, plan=plan)).tile
    gone = np.isnan(tile.after).all(axis=1)
    assert gone.sum() == 4
    assert (tile.after[~gone] == 0).sum() == 4 * 72 // 2
    left = MagnitudePruning(ratio=0.5).perturb(weights[CONV][~gone], Facts())
    assert tile.after[~gone].tolist() == left.reshape(4, -1).tolist()


def test_nothing_planned_has_no_after(ask, model):
    tile = ask(whole(model, CONV)).tile
    assert tile.after is None
    assert tile.difference is None


def test_a_tile_has_no_more_blocks_than_asked_for_and_holds_the_outliers(ask, model, weights):
    tile = ask(whole(model, CONV, most=(3, 10))).tile
    assert tile.before.shape == (3, 9)
    assert not tile.is_exact
    assert np.abs(tile.before).max() == pytest.approx(np.abs(weights[CONV]).max())
    assert tile.limit == pytest.approx(np.abs(weights[CONV]).max())


def test_a_part_of_the_sorted_matrix_is_named_by_its_places(ask, model, weights):
    request = ReadMatrix(model, CONV, (2, 5), (10, 20), row_order="norm", column_order="norm")
    tile = ask(request).tile
    rows = weights[CONV].reshape(8, -1)
    by_row = np.argsort(-np.linalg.norm(rows, axis=1))
    by_column = np.argsort(-np.linalg.norm(rows, axis=0))
    assert tile.rows.tolist() == by_row.tolist()
    assert tile.before.tolist() == rows[by_row][2:5][:, by_column[10:20]].tolist()
    assert (tile.row_edges[0], tile.row_edges[-1]) == (2, 5)
    assert not tile.is_whole


def test_rows_and_columns_by_similarity_are_a_permutation(ask, model):
    tile = ask(whole(model, CONV, row_order="similarity", column_order="similarity")).tile
    assert sorted(tile.rows.tolist()) == list(range(8))
    assert sorted(tile.columns.tolist()) == list(range(72))
    assert tile.rows.tolist() == ask(ReadChannels(model, CONV)).figures.by_similarity.tolist()


def test_filters_come_in_pages_as_small_integers(ask, model, weights):
    page = ask(ReadFilters(model, CONV, "norm", 2, 5)).page
    assert (page.first, page.stop, page.total) == (2, 5, 8)
    assert page.codes.shape == (3, 8, 3, 3)
    order = np.argsort(-np.linalg.norm(weights[CONV].reshape(8, -1), axis=1))
    values = page.codes * (page.limits / 127)[:, None, None, None]
    assert np.allclose(values, weights[CONV][order[2:5]], atol=page.limits.max() / 250)


def test_filters_after_the_plan_have_no_values_where_the_channel_leaves(ask, model):
    step = Step(ChannelPruning(round_to=1, ratio=0.5, repair=False), (CONV,))
    page = ask(ReadFilters(model, CONV, plan=WeightPlan((), (step,)), is_after=True)).page
    assert (page.codes == -128).all(axis=(1, 2, 3)).sum() == 4


def test_a_linear_layer_has_a_matrix_and_no_kernels(ask, model, weights):
    assert ask(whole(model, LINEAR)).tile.before.tolist() == weights[LINEAR].tolist()
    failed = run_job(ReadFilters(model, LINEAR), Reporter(1, lambda event: None), ask.workshop)
    assert isinstance(failed, Failed)
    assert "no kernels" in failed.sentence
    assert not failed.details


def test_looking_can_be_cancelled(ask, model):
    reporter = Reporter(1, lambda event: None)
    reporter.cancelled.set()
    ask(ReadChannels(model, LINEAR))
    assert isinstance(run_job(whole(model, CONV), reporter, ask.workshop), Stopped)


@pytest.fixture
def stored(tmp_path):
    from safetensors.numpy import save_file

    values = np.random.default_rng(0).standard_normal((40, 30)).astype(np.float16)
    save_file({"a.weight": values, "norm.weight": np.ones(7, np.float32)}, tmp_path / "bare.safetensors")
    return ModelSource(str(tmp_path / "bare.safetensors")), values.astype(np.float32)


def test_bare_weights_are_looked_at_where_they_lie(ask, stored):
    source, values = stored
    assert ask(whole(source, "a")).tile.before.tolist() == values.tolist()
    assert ask(ReadChannels(source, "norm")).figures.norm.tolist() == [1.0] * 7


def test_a_weight_too_large_to_be_held_is_read_row_by_row(ask, stored, monkeypatch):
    from secateur.engine import weight_views

    monkeypatch.setattr(weight_views, "MOST_HELD", 100)
    monkeypatch.setattr(weight_views, "_STREAMED", 90)
    source, values = stored
    tile = ask(whole(source, "a", row_order="norm", plan=WeightPlan((MagnitudePruning(ratio=0.5),)))).tile
    order = np.argsort(-np.linalg.norm(values, axis=1), kind="stable")
    assert tile.before.tolist() == values[order].tolist()
    assert tile.after is None
    assert "too many to be held" in tile.notes[0]
    figures = ask(ReadChannels(source, "a")).figures
    assert np.allclose(figures.norm, np.linalg.norm(values, axis=1))
    assert "too long" in figures.why_unordered
    assert "too long" in ask(whole(source, "a", row_order="similarity")).tile.notes[0]


def test_recorded_activations_come_with_figures_of_each_channel(ask, model, data):
    recorded = ask(RecordActivations(model, data, 64))
    assert set(recorded.channels) == set(recorded.spectra)
    for name, width in (("0", 8), (CONV, 8), (LINEAR, 3)):
        activity, spectrum = recorded.channels[name], recorded.spectra[name]
        assert len(activity.mean) == width
        assert activity.mean.mean() == pytest.approx(spectrum.mean, abs=1e-4)
        assert ((activity.dead >= 0) & (activity.dead <= 1)).all()
