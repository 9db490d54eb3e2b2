"""What channel pruning is predicted to leave is what the run leaves."""

from collections.abc import Sequence

import numpy as np
import pytest

from secateur.formats.describing.describe import describe
from secateur.methods.base import Context
from secateur.methods.prune.channel import ChannelPruning
from secateur.model.model import TorchModel
from secateur.recipe.recipe import Recipe, Step
from secateur.recipe.widths import shares_left


def predicted_params(model: TorchModel, recipe: Recipe) -> float:
    description = describe(model)
    shares = shares_left(description, recipe)
    return sum(
        layer.params * (shares[layer.name].both if layer.name in shares else 1.0) for layer in description.layers
    )


def params(model: TorchModel) -> int:
    return sum(layer.params for layer in describe(model).layers)


def macs(model: TorchModel) -> int:
    return describe(model).macs


def run(model: TorchModel, steps: Sequence[Step]) -> TorchModel:
    description = describe(model)
    for step in steps:
        layers = [layer.name for layer in description.weighted_layers if not layer.fixed_channels]
        model = step.method.apply(model, [n for n in layers if step.selects(n)], Context())  # type: ignore[assignment]
    return model


@pytest.mark.parametrize("ratio", [0.25, 0.5])
def test_parameters_and_products_are_predicted_within_a_few_per_cent(make_model, ratio):
    model = make_model()
    recipe = Recipe((Step(ChannelPruning(ratio=ratio), ("*",)),))
    pruned = run(model, recipe.steps)
    assert predicted_params(model, recipe) == pytest.approx(params(pruned), rel=0.05)
    shares = shares_left(describe(model), recipe)
    expected = sum(
        layer.macs * (shares[layer.name].both if layer.name in shares else 1.0) for layer in describe(model).layers
    )
    assert expected == pytest.approx(macs(pruned), rel=0.05)


def test_two_rounds_are_predicted_like_two_runs(make_model):
    model = make_model()
    recipe = Recipe((Step(ChannelPruning(ratio=0.25), ("*",)), Step(ChannelPruning(ratio=0.3), ("*",))))
    assert predicted_params(model, recipe) == pytest.approx(params(run(model, recipe.steps)), rel=0.06)


def test_blocks_are_counted_before_the_run(networks):
    model = networks.model_of(networks.pixel_shuffle())
    layer = describe(model).layer("a")
    assert layer.channel_block == 4
    effect = ChannelPruning(ratio=0.1).predict(layer, None)  # type: ignore[arg-type]
    assert not effect.smaller
    assert "blocks of 4" in effect.sentence


def test_what_the_run_leaves_whole_is_told_with_the_reason(networks):
    model = networks.model_of(networks.pixel_shuffle())
    left_out = []
    ChannelPruning(ratio=0.1).apply(model, ["a", "b"], Context(leave_out=left_out.extend))
    assert {one.layer: one.reason for one in left_out} == {
        "a": "Its channels go in blocks of 4, and the ratio takes fewer.",
        "b": "The ratio takes less than one of its channels.",
    }
    np.testing.assert_equal(len(left_out), 2)
