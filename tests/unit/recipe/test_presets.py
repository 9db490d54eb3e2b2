"""Recipes that come with the program."""

from pathlib import Path

import pytest

from secateur.errors import UserError
from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.recipe.presets import PRESETS, preset, recipe_at
from secateur.recipe.resolve import require_plan
from secateur.resources import resource


def network(**more):
    weight = TensorInfo("conv.weight", "float32", (20, 8, 3, 3), 5760)
    layers = (
        Layer("conv", "Conv2d", weight, params=1440, macs=10_000, size_bytes=5760),
        Layer("head", "Linear", TensorInfo("head.weight", "float32", (3, 20), 240), fixed_channels="They are answers."),
    )
    return ModelDescription("net", ModelSource("net.onnx"), "onnx", 6000, layers, (), (), **more)


def test_every_bundled_recipe_is_a_preset_and_every_preset_has_its_file():
    assert {path.stem for path in resource("recipes").glob("*.yaml")} == {one.id for one in PRESETS}


@pytest.mark.parametrize("one", PRESETS, ids=lambda one: one.id)
def test_every_preset_is_a_plan_for_a_network_of_convolutions(one):
    assert one.why_not_for(network()) == ""
    assert require_plan(recipe_at(Path(f"preset:{one.id}")), network()).steps


def test_iterative_pruning_prunes_and_trains_in_turns():
    plan = require_plan(preset("iterative_pruning").recipe(), network())
    assert [step.method.family for step in plan.steps] == ["channel_pruning", "distil"] * 4
    ratios = [step.method.ratio for step in plan.steps[::2]]
    assert ratios == sorted(set(ratios)), "each round takes more than the one before"
    assert all("head" not in step.layers for step in plan.steps[::2])


def test_what_cannot_be_trained_is_told_why_not():
    assert preset("iterative_pruning").why_not_for(network(trainable=False, reason="It has a loop."))


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(UserError) as caught:
        recipe_at(Path("preset:magic"))
    assert "preset:iterative_pruning" in caught.value.hint
