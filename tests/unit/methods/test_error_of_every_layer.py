"""The error of every layer: unchanged, over what is left of it, or not known with a reason. Never a made-up number."""

import json

import numpy as np
import pytest

from secateur.analysis.layer_errors import layer_errors
from secateur.formats.describing.describe import describe
from secateur.graph.context import Context
from secateur.graph.coupling.channels import couplings
from secateur.graph.layers import example_inputs
from secateur.graph.lowering import to_onnx
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.model.deviation import UNCHANGED, Deviation, deviation_of, reasons_missing, sentence_of
from secateur.model.documents import LayerError

BARE = ChannelPruning(round_to=1, ratio=0.4, repair=False)


def errors_of(before, after):
    inputs = example_inputs(describe(before))
    return {e.layer: e for e in layer_errors(to_onnx(before), to_onnx(after), inputs, after.kept)}


def test_a_layer_that_nothing_was_done_to_is_unchanged_and_those_behind_a_change_have_decibels(networks):
    model = networks.model_of(networks.residual())
    errors = errors_of(model, MagnitudePruning(ratio=0.5).apply(model, ["b"], Context()))
    assert errors["stem"].weight.is_unchanged
    assert errors["stem"].output.is_unchanged
    assert errors["head"].weight.is_unchanged
    assert 0 < errors["b"].weight.sqnr_db < 60
    assert 0 < errors["head"].output.sqnr_db < 60


def test_after_channel_pruning_every_layer_is_compared_over_what_is_left_of_it(make_model):
    model = make_model()
    chosen = [name for name, found in couplings(model).layers.items() if not found.reason]
    pruned = BARE.apply(model, chosen, Context())
    assert pruned.kept
    for name, error in errors_of(model, pruned).items():
        if error.weight.is_missing:  # groups of more than one channel lose different columns each
            assert describe(model).layer(name).groups > 1
        else:
            assert error.weight.is_unchanged  # without the repair nothing but the width of a layer changes
        assert not error.output.is_missing


def test_two_rounds_of_channel_pruning_are_still_compared_with_the_opened_network(networks):
    model = networks.model_of(networks.residual())
    twice = BARE.apply(BARE.apply(model, ["a", "stem"], Context()), ["a", "stem"], Context())
    error = errors_of(model, twice)["a"]
    left = describe(twice).layer("a").out_channels
    assert error.weight.is_unchanged
    assert f"the {left} of 10 channels that are left" in sentence_of("Weights", error.weight)


def test_without_a_map_of_the_channels_the_shapes_are_the_reason(networks):
    model = networks.model_of(networks.residual())
    pruned = BARE.apply(model, ["a"], Context())
    inputs = example_inputs(describe(model))
    errors = {e.layer: e for e in layer_errors(to_onnx(model), to_onnx(pruned), inputs)}
    assert errors["a"].weight.is_missing
    assert "10×12×3×3 against 6×12×3×3" in errors["a"].weight.note
    assert errors["a"].output_sqnr_db is None
    told = reasons_missing([("a", errors["a"].weight)])
    assert told == ("No number for a: its weights have another shape, 10×12×3×3 against 6×12×3×3.",)


@pytest.mark.parametrize("earlier", [200.0, float("inf")])
def test_what_earlier_versions_kept_as_200_decibels_is_read_as_unchanged(earlier):
    read = LayerError.model_validate({"layer": "a", "weight_sqnr_db": earlier, "output_sqnr_db": 30.0})
    assert (read.weight_sqnr_db, read.weight_note) == (None, UNCHANGED)
    plain = json.loads(read.model_dump_json())
    assert (plain["name"], plain["weight_sqnr_db"], plain["weight_note"]) == ("a", None, "unchanged")
    assert LayerError.model_validate(plain) == read


def test_the_rounding_of_a_sum_is_no_change_and_silence_is_no_number():
    values = np.random.default_rng(0).normal(size=1000)
    signal = float((values**2).sum())
    assert deviation_of(signal, signal * 1e-14).is_unchanged
    assert deviation_of(signal, signal * 1e-4).sqnr_db == pytest.approx(40.0)
    assert deviation_of(0.0, 1.0).is_missing
    assert Deviation(None, UNCHANGED).words == "unchanged"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_layer_that_puts_out_no_numbers_is_not_called_unchanged(value):
    found = deviation_of(4.0, value)
    assert found.is_missing
    assert "not finite" in found.note
    assert LayerError.of("a", found, found).output.is_missing
    read = LayerError(layer="a", weight_sqnr_db=np.nan, output_sqnr_db=np.inf)
    assert read.weight.is_missing
    assert read.output.is_unchanged  # what earlier versions wrote for it
