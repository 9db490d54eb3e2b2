"""A repeat stands in the recipe as one entry, and is unrolled into rounds with their own values."""

import pytest
import yaml

from secateur.errors import UserError
from secateur.methods.distil.distillation import Distillation
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.model.description import ChannelBundle, Layer, ModelDescription, ModelSource, TensorInfo
from secateur.recipe.reading import parse_recipe
from secateur.recipe.recipe import Growth, Recipe, Repeat, Step
from secateur.recipe.resolve import Plan, require_plan, resolve
from secateur.recipe.widths import channels_lost


def layer(name, width=20):
    weight = TensorInfo(f"{name}.weight", "float32", (width, 8, 3, 3), width * 72 * 4)
    return Layer(name, "Conv2d", weight, params=width * 72, macs=10_000, size_bytes=width * 288)


MODEL = ModelDescription(
    "net",
    ModelSource("net.onnx"),
    "onnx",
    20_000,
    (layer("conv1"), layer("conv2")),
    (),
    (),
    bundles=(ChannelBundle(20, (("conv1", 1),), (("conv2", 1),)), ChannelBundle(20, (("conv2", 1),), ())),
)

ROUNDS = {
    "repeat": 4,
    "steps": [
        {"method": "channel_pruning", "layers": ["conv1"], "ratio": [0.1, 0.2, 0.3, 0.35], "criterion": "l1"},
        {"method": "distillation", "epochs": 1},
    ],
}


def recipe(*entries):
    return parse_recipe({"schema": 1, "steps": list(entries)})


def test_a_repeat_survives_the_way_to_yaml_and_back():
    read = recipe(ROUNDS, {"method": "static_int8"})
    assert read == parse_recipe(yaml.safe_load(read.to_yaml()))
    assert read.to_document()["steps"][0]["repeat"] == 4
    assert read.to_document()["steps"][0]["steps"][0]["ratio"] == [0.1, 0.2, 0.3, 0.35]


def test_a_repeat_is_unrolled_into_a_flat_plan_with_the_values_of_each_round():
    plan = require_plan(recipe({"method": "magnitude_pruning"}, ROUNDS), MODEL)
    assert [step.method.id for step in plan.steps] == ["magnitude_pruning"] + ["channel_pruning", "distillation"] * 4
    assert [s.method.ratio for s in plan.steps if s.method.id == "channel_pruning"] == [0.1, 0.2, 0.3, 0.35]
    assert [str(s.place) for s in plan.steps[-2:]] == ["step 2, round 4"] * 2
    assert plan.steps[-2].where == "Step 2, round 4 (channel_pruning)"


def test_a_ratio_that_grows_counts_from_the_opened_model_and_an_equal_one_from_what_is_left():
    growing = require_plan(recipe(ROUNDS), MODEL)
    assert {s.method.ratio_of for s in growing.steps if s.method.id == "channel_pruning"} == {"original"}
    any_width = {**ROUNDS, "steps": [{**ROUNDS["steps"][0], "round_to": 1}, *ROUNDS["steps"][1:]]}
    lost = channels_lost(MODEL, recipe(any_width))
    assert lost["conv1"].outputs == int(20 * 0.35)
    assert channels_lost(MODEL, recipe(ROUNDS))["conv1"].outputs == 20 - 16, "in steps of eight"
    alike = {"repeat": 2, "steps": [{"method": "channel_pruning", "layers": ["conv1"], "ratio": 0.5, "round_to": 1}]}
    assert {s.method.ratio_of for s in require_plan(recipe(alike), MODEL).steps} == {"present"}
    assert channels_lost(MODEL, recipe(alike))["conv1"].outputs == 10 + 5


def test_every_step_of_a_repeat_counts_once_with_its_last_values():
    final = recipe(ROUNDS).final
    assert [step.method for step in final] == [ChannelPruning(ratio=0.35, criterion="l1"), Distillation(epochs=1)]


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({**ROUNDS, "until": 3}, "until"),
        ({**ROUNDS, "repeat": 0}, "repeat = 0"),
        ({**ROUNDS, "repeat": "often"}, "'often'"),
        ({**ROUNDS, "repeat": True}, "repeat = True"),
        ({"repeat": 2}, "list of steps"),
        ({"repeat": 2, "steps": []}, "list of steps"),
        ({"repeat": 2, "steps": [ROUNDS]}, "repeat within a repeat"),
        ({**ROUNDS, "repeat": 3}, "4 values for ratio and 3 rounds"),
        ({"repeat": 2, "steps": [{"method": "magnitude_pruning", "ratioo": [0.1, 0.2]}]}, "ratioo"),
        ({"repeat": 2, "steps": [{"method": "magnitude_pruning", "ratio": [0.1, 1.2]}]}, "Step 1, round 2, of"),
        ({"repeat": 2, "steps": [{"method": "distillation"}, {"method": "distillation", "epochs": 0}]}, "Step 1.2 of"),
        ({"repeat": 2, "steps": [{"layers": ["*"]}]}, "names no method"),
        ({"method": "magnitude_pruning", "ratio": [0.1, 0.2]}, "is done once"),
    ],
)
def test_a_wrong_repeat_is_refused_by_name(bad, named):
    with pytest.raises(UserError) as caught:
        recipe(bad)
    assert named in str(caught.value)
    assert caught.value.hint


def problems(*entries):
    found = resolve(recipe(*entries), MODEL)
    assert not isinstance(found, Plan)
    return [problem.sentence for problem in found]


def test_what_is_wrong_in_every_round_is_told_once():
    wrong = {"repeat": 4, "steps": [{"method": "channel_pruning", "layers": ["conv9"], "ratio": 0.1}]}
    assert problems(wrong) == ["Step 1 (channel_pruning) names the layer 'conv9', which net does not have."]


def test_what_is_gone_does_not_come_back_in_a_later_round():
    shrinking = {"repeat": 3, "steps": [{"method": "channel_pruning", "layers": ["conv1"], "ratio": [0.1, 0.3, 0.2]}]}
    assert problems(shrinking) == ["Step 1, round 3 (channel_pruning): ratio falls from 0.3 to 0.2."]


def test_a_repeat_that_quantizes_names_the_round_in_which_it_cannot_go_on():
    steps = [{"method": "channel_pruning", "layers": ["conv1"], "ratio": 0.1}, {"method": "static_int8"}]
    assert problems({"repeat": 3, "steps": steps}) == [
        (
            "Step 1, round 2 (channel_pruning) cannot come after step 1, round 1 (static_int8), "
            "which stores layers in few bits."
        ),
        "conv1 is quantized twice, by step 1, round 1 (static_int8) and step 1, round 2 (static_int8).",
        "conv2 is quantized twice, by step 1, round 1 (static_int8) and step 1, round 2 (static_int8).",
    ]


def test_one_method_may_stand_in_a_recipe_twice():
    plan = require_plan(recipe({"method": "distillation"}, {"method": "distillation", "epochs": 2}), MODEL)
    assert [step.method.epochs for step in plan.steps] == [Distillation().epochs, 2]


def test_every_step_has_an_id_that_is_in_no_file():
    read = recipe(ROUNDS, {"method": "static_int8"})
    ids = [read.steps[0].id, *(step.id for step in read.final)]
    assert len(set(ids)) == 4
    assert "id" not in read.to_yaml()
    assert read == Recipe(
        (
            Repeat(
                4,
                (
                    Step(
                        ChannelPruning(ratio=0.35, criterion="l1"),
                        ("conv1",),
                        growing=(Growth("ratio", (0.1, 0.2, 0.3, 0.35)),),
                    ),
                    Step(Distillation(epochs=1)),
                ),
            ),
            read.steps[1],
        )
    )


def test_a_magnitude_ratio_that_grows_is_the_share_of_all_weights():
    growing = {"repeat": 2, "steps": [{"method": "magnitude_pruning", "ratio": [0.2, 0.6]}]}
    assert [s.method for s in require_plan(recipe(growing), MODEL).steps] == [
        MagnitudePruning(ratio=0.2),
        MagnitudePruning(ratio=0.6),
    ]
