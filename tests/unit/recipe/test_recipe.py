"""Recipes are read strictly, written shortly, and resolved against a model."""

import pytest

from secateur.errors import UserError
from secateur.graph.context import LeftOut
from secateur.methods import METHODS
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.recipe.reading import load_recipe, parse_recipe
from secateur.recipe.recipe import Recipe, Step
from secateur.recipe.resolve import Plan, require_plan, resolve


def layer(name, kind="Conv2d", fixed=""):
    weight = TensorInfo(f"{name}.weight", "float32", (16, 8, 3, 3), 16 * 8 * 9 * 4)
    return Layer(name, kind, weight, params=1152, macs=10_000, size_bytes=4608, fixed_channels=fixed)


MODEL = ModelDescription(
    "net",
    ModelSource("net.onnx"),
    "onnx",
    20_000,
    (layer("conv1"), layer("block.conv2"), layer("fc", "Linear", "It ends.")),
    (),
    (),
)


def document(**step):
    return {"schema": 1, "steps": [step]}


def test_a_recipe_survives_the_way_to_yaml_and_back(tmp_path):
    recipe = Recipe(
        (Step(MagnitudePruning(ratio=0.75), ("conv*",)), Step(StaticInt8(observer="percentile"), ("*",), ("fc",)))
    )
    path = tmp_path / "r.yaml"
    path.write_text(recipe.to_yaml())
    assert load_recipe(path) == recipe


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"schema": 1, "steps": [], "stepz": 1}, "stepz"),
        ({"schema": 2, "steps": []}, "schema 2"),
        (document(method="nothing"), "nothing"),
        (document(method="magnitude_pruning", ratioo=0.5), "ratioo"),
        (document(method="magnitude_pruning", ratio=1.5), "ratio"),
        (document(method="magnitude_pruning", ratio="half"), "ratio"),
        (document(method="static_int8", observer="best"), "observer"),
        (document(method="static_int8", layers=3), "layers"),
        (document(layers=["*"]), "names no method"),
        ({"schema": 1, "steps": "all"}, "list of steps"),
        ("words", "not a recipe"),
        ({"schema": 1, "steps": [], 5: 1, "foo": 2}, "5"),
        ({"schema": 1, "steps": [{"method": "static_int8", 7: 1, "bar": 2}]}, "7"),
    ],
)
def test_a_wrong_recipe_is_refused_by_name(bad, named):
    with pytest.raises(UserError) as caught:
        parse_recipe(bad)
    assert named in str(caught.value)
    assert caught.value.hint


def test_broken_yaml_is_refused_with_its_line(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("schema: 1\nsteps: [\n  - {")
    with pytest.raises(UserError, match="line 3"):
        load_recipe(path)


def test_patterns_select_layers_and_exceptions_leave_them_out():
    plan = require_plan(
        parse_recipe(document(method="magnitude_pruning", layers=["*conv*"], **{"except": ["conv1"]})), MODEL
    )
    assert plan.steps[0].layers == ("block.conv2",)


def test_a_layer_that_does_not_exist_is_a_problem_with_a_suggestion():
    problems = resolve(parse_recipe(document(method="magnitude_pruning", layers=["conv11"])), MODEL)
    assert not isinstance(problems, Plan)
    assert "conv11" in problems[0].sentence
    assert "conv1?" in problems[0].hint


def test_an_unsupported_layer_named_in_full_is_a_problem_and_caught_by_a_pattern_is_left_out():
    assert isinstance(resolve(parse_recipe(document(method="channel_pruning", layers=["fc"])), MODEL), list)
    plan = require_plan(parse_recipe(document(method="channel_pruning", layers=["*"])), MODEL)
    assert plan.steps[0].layers == ("conv1", "block.conv2")
    assert plan.steps[0].left_out == (LeftOut("fc", "It ends."),)
    assert plan.warnings == ("Channel pruning leaves 1 of 3 layers as it is, fc: It ends.",)


def test_a_step_that_is_left_with_no_layer_says_why():
    problems = resolve(parse_recipe(document(method="channel_pruning", layers=["f*"])), MODEL)
    assert isinstance(problems, list)
    assert "leaves fc as it is: It ends." in problems[0].sentence


@pytest.mark.parametrize("method", [m for m in METHODS if m.scope == "layer"])
def test_every_layer_that_a_pattern_catches_is_planned_or_left_out_with_a_reason(method):
    plan = require_plan(Recipe((Step(method(), ("*",)),)), MODEL)
    (step,) = plan.steps
    assert {*step.layers, *(one.layer for one in step.left_out)} == {"conv1", "block.conv2", "fc"}
    assert all(one.reason for one in step.left_out)


def test_two_quantizations_of_one_layer_are_a_problem():
    recipe = parse_recipe(
        {"schema": 1, "steps": [{"method": "static_int8"}, {"method": "weight_only", "layers": ["fc"]}]}
    )
    problems = resolve(recipe, MODEL)
    assert isinstance(problems, list)
    assert "fc is quantized twice" in problems[0].sentence


def test_a_step_that_needs_data_says_so():
    problems = resolve(parse_recipe(document(method="static_int8")), MODEL, has_data=False)
    assert isinstance(problems, list)
    assert "needs data" in problems[0].sentence
