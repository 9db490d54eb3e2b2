"""What channel pruning is predicted to leave is what the run leaves."""

from collections.abc import Sequence

import numpy as np
import pytest

from secateur.formats.describing.describe import describe
from secateur.formats.reading import open_model
from secateur.graph.context import Context
from secateur.graph.coupling.channels import couplings
from secateur.graph.network import TorchModel
from secateur.methods.facts import Facts
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.counting import spectra_of
from secateur.model.description import ModelDescription, ModelSource
from secateur.model.documents import Predicted
from secateur.recipe.prediction import layer_costs, predict_plan
from secateur.recipe.recipe import Recipe, Step
from secateur.recipe.resolve import require_plan
from secateur.recipe.widths import Lost, channels_lost, shrunk

SPECTRA = spectra_of(np.random.default_rng(0).normal(0, 0.1, (8, 8)).astype(np.float32))


def coupled(model: TorchModel) -> ModelDescription:
    return describe(model).with_couplings(couplings(model))


def predicted(model: TorchModel, recipe: Recipe) -> Predicted:
    description = coupled(model)
    return predict_plan(description, dict.fromkeys(model.weights(), Facts(SPECTRA)), recipe, None, None)


def params(model: TorchModel) -> int | None:
    return predicted(model, Recipe()).params


def macs(model: TorchModel) -> int:
    return describe(model).macs


def run(model: TorchModel, steps: Sequence[Step]) -> TorchModel:
    description = coupled(model)
    for step in steps:
        layers = [layer.name for layer in description.weighted_layers if not layer.fixed_channels]
        model = step.method.apply(model, [n for n in layers if step.selects(n)], Context())  # type: ignore[assignment]
    return model


@pytest.mark.parametrize("ratio", [0.25, 0.5])
def test_parameters_and_products_are_predicted_as_the_run_leaves_them(make_model, ratio):
    model = make_model()
    recipe = Recipe((Step(ChannelPruning(round_to=1, ratio=ratio), ("*",)),))
    pruned = run(model, recipe.steps)
    told = predicted(model, recipe)
    # a bias that its network never reads keeps its channels, where the layer's weight loses them
    slack = 0.03 if "scale" in model.weights() else 0.0
    assert told.params == pytest.approx(params(pruned), rel=slack)
    assert told.macs == pytest.approx(macs(pruned), rel=slack)


def test_two_rounds_are_predicted_like_two_runs(make_model):
    model = make_model()
    recipe = Recipe(
        (Step(ChannelPruning(round_to=1, ratio=0.25), ("*",)), Step(ChannelPruning(round_to=1, ratio=0.3), ("*",)))
    )
    assert predicted(model, recipe).params == pytest.approx(params(run(model, recipe.steps)), rel=0.06)


def test_blocks_are_counted_before_the_run(networks):
    model = networks.model_of(networks.pixel_shuffle())
    layer = coupled(model).layer("a")
    assert layer.channel_block == 4
    effect = ChannelPruning(round_to=1, ratio=0.1).predict(layer, Facts())
    assert not effect.smaller
    assert "blocks of 4" in effect.sentence


def test_before_it_is_known_which_channels_leave_together_nothing_is_promised(networks):
    layer = describe(networks.model_of(networks.pixel_shuffle())).layer("a")
    effect = ChannelPruning(round_to=1, ratio=0.5).predict(layer, Facts())
    assert (effect.costs.bytes, effect.smaller, effect.faster) == (layer.size_bytes, False, False)
    assert "is still being found out" in effect.sentence


def test_what_the_run_leaves_whole_is_told_with_the_reason(networks):
    model = networks.model_of(networks.pixel_shuffle())
    left_out = []
    ChannelPruning(round_to=1, ratio=0.1).apply(model, ["a", "b"], Context(leave_out=left_out.extend))
    assert {one.layer: one.reason for one in left_out} == {
        "a": "Its channels go in blocks of 4, and the ratio takes fewer.",
        "b": "The ratio takes less than one of its channels.",
    }
    np.testing.assert_equal(len(left_out), 2)


def test_the_sample_with_fewer_channels_in_int8_is_what_was_predicted():
    """MACs, the shape of every layer and the parameters of the file: exactly."""
    model = open_model(ModelSource("sample:model"))
    assert isinstance(model, TorchModel)
    description = coupled(model)
    spectra = {name: Facts(spectra_of(weight)) for name, weight in model.weights().items()}
    recipe = Recipe((Step(ChannelPruning(round_to=1, ratio=0.25)), Step(StaticInt8())))
    told = predict_plan(description, spectra, recipe, None, None)
    channels, int8 = require_plan(recipe, description).steps
    pruned = channels.method.rehearse(model, channels.layers)
    made = int8.method.rehearse(pruned, int8.layers)
    assert (told.params, told.macs) == (params(pruned), macs(pruned))
    assert told.macs == macs(made)
    assert told.params < description.params * 0.6

    def weights(layers):
        return sum(layer.weight.count for layer in layers if layer.is_weighted and layer.weight)

    costs = layer_costs(description, spectra, recipe)
    lost = channels_lost(description, recipe)
    narrow = [shrunk(layer, lost.get(layer.name, Lost())) for layer in description.layers]
    assert weights(narrow) == weights(describe(made).layers)
    assert sum(cost.costs.bytes for cost in costs.values()) + description.planned_overhead_bytes == told.bytes
    assert {layer.name: layer.weight.shape for layer in narrow if layer.is_weighted and layer.weight} == {
        layer.name: layer.weight.shape for layer in describe(made).layers if layer.is_weighted and layer.weight
    }
