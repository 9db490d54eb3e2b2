"""Editing a recipe changes what was asked for, and moves or drops nothing else."""

from itertools import permutations

import pytest

from secateur.methods import METHODS
from secateur.methods.distil.distillation import Distillation
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.recipe.chosen import recipe_of
from secateur.recipe.editing import (
    dissolved,
    doubled,
    moved,
    repeated,
    step_of,
    with_method,
    with_model_step,
    with_rounds,
    with_values,
    without_layers,
    without_step,
)
from secateur.recipe.recipe import Growth, Recipe, Repeat, Step

ORDERED = Recipe(
    (
        Step(MagnitudePruning(), ("a", "b")),
        Step(StaticInt8(), ("a", "b")),
        Step(Distillation(epochs=2)),
        Step(Distillation(epochs=3)),
    )
)
ROUNDS = Recipe(
    (
        Repeat(
            4,
            (
                Step(ChannelPruning(ratio=0.4), ("a", "b"), growing=(Growth("ratio", (0.1, 0.2, 0.3, 0.4)),)),
                Step(Distillation(epochs=1)),
            ),
        ),
        Step(StaticInt8(), ("a",)),
    )
)


def ids(recipe):
    return [step.id for step in recipe.steps]


def told(recipe):
    return [step.method.id for step in recipe.final]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_an_edit_of_one_step_leaves_every_other_where_it_is(order):
    recipe = Recipe(tuple(ORDERED.steps[place] for place in order))
    for edited in (
        with_method(recipe, ["a", "b"], "weight_pruning", MagnitudePruning(ratio=0.9)),
        with_method(recipe, ["a", "b"], "quantize", WeightOnly()),
        with_model_step(recipe, "distil", Distillation(epochs=9)),
    ):
        assert ids(edited) == ids(recipe)
        assert sum(new != old for new, old in zip(edited.steps, recipe.steps, strict=True)) == 1


@pytest.mark.parametrize("method", [kind for kind in METHODS if kind.scope == "layer"])
@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_new_step_goes_between_the_others_and_moves_none(order, method):
    recipe = Recipe(tuple(ORDERED.steps[place] for place in order))
    added = with_method(
        recipe, ["new"], method.family, method(**({"bits": 4} if "bits" in method.model_fields else {}))
    )
    assert [step.id for step in added.steps if step.id in ids(recipe)] == ids(recipe)


def test_a_new_step_goes_where_its_kind_belongs():
    plan = Recipe((Step(StaticInt8(), ("a",)),))
    plan = with_model_step(plan, "distil", Distillation())
    plan = with_method(plan, ["a"], "channel_pruning", ChannelPruning())
    assert told(plan) == ["channel_pruning", "distillation", "static_int8"]
    assert told(with_method(plan, ["b"], "quantize", WeightOnly())) == [
        "channel_pruning",
        "distillation",
        "weight_only",
        "static_int8",
    ]


def test_layers_that_leave_a_shared_step_get_one_behind_it():
    plan = with_method(ORDERED, ["a"], "weight_pruning", MagnitudePruning(ratio=0.9))
    assert [(step.layers, step.method.ratio) for step in plan.steps[:2]] == [(("b",), 0.5), (("a",), 0.9)]
    again = with_method(plan, ["a"], "weight_pruning", MagnitudePruning(ratio=0.5))
    assert [step.layers for step in again.steps[:1]] == [("b", "a")]
    assert len(again.steps) == len(ORDERED.steps)


def test_equal_steps_that_a_person_wrote_apart_stay_apart():
    plan = Recipe((Step(MagnitudePruning(), ("a",)), Step(MagnitudePruning(), ("b",)), Step(StaticInt8(), ("c",))))
    edited = with_method(plan, ["c"], "quantize", WeightOnly())
    assert ids(edited) == ids(plan)


def test_of_several_steps_the_chosen_one_is_edited():
    first, second = (step for step in ORDERED.steps if step.method.scope == "model")
    edited = with_model_step(ORDERED, "distil", Distillation(epochs=9), second.id)
    assert [s.method.epochs for s in edited.final if s.method.scope == "model"] == [2, 9]
    edited = with_model_step(ORDERED, "distil", Distillation(epochs=9))
    assert [s.method.epochs for s in edited.final if s.method.scope == "model"] == [9, 3]
    assert first.id != second.id


def test_a_family_that_is_taken_out_leaves_nothing_of_it():
    assert told(with_model_step(ORDERED, "distil", None)) == ["magnitude_pruning", "static_int8"]
    assert with_method(ORDERED, ["a", "b"], "weight_pruning", None).steps == ORDERED.steps[1:]
    assert told(without_layers(ROUNDS, ["a", "b"])) == ["distillation"]


def test_a_step_in_a_repeat_is_edited_there_and_grows_to_its_new_value():
    plan = with_method(ROUNDS, ["a", "b"], "channel_pruning", ChannelPruning(ratio=0.2))
    repeat = plan.steps[0]
    assert repeat.rounds == 4
    assert repeat.steps[0].values_of("ratio") == (0.05, 0.1, 0.15, 0.2)
    split = with_method(ROUNDS, ["b"], "channel_pruning", ChannelPruning(ratio=0.2)).steps[0]
    assert [(step.layers, step.values_of("ratio")[-1:]) for step in split.steps] == [
        (("a",), (0.4,)),
        (("b",), (0.2,)),
        (("*",), ()),
    ]


def test_steps_move_past_each_other_and_stop_at_the_ends():
    last = ORDERED.steps[-1].id
    assert told(moved(ORDERED, last, -1)) == told(ORDERED)
    assert [s.method.epochs for s in moved(ORDERED, last, -1).final[2:]] == [3, 2]
    assert told(moved(ORDERED, last, -9))[0] == "distillation"
    assert moved(ORDERED, last, 1) == ORDERED
    inner = ROUNDS.steps[0].steps[1].id
    assert told(moved(ROUNDS, inner, -1)) == ["distillation", "channel_pruning", "static_int8"]
    assert moved(ROUNDS, inner, 1) == ROUNDS
    assert told(moved(ROUNDS, ROUNDS.steps[0].id, 1)) == ["static_int8", "channel_pruning", "distillation"]


def test_one_step_is_taken_out_and_the_others_stay():
    assert told(without_step(ORDERED, ORDERED.steps[2].id)) == ["magnitude_pruning", "static_int8", "distillation"]
    assert told(without_step(ROUNDS, ROUNDS.steps[0].steps[1].id)) == ["channel_pruning", "static_int8"]
    assert told(without_step(ROUNDS, ROUNDS.steps[0].id)) == ["static_int8"]


def test_a_step_done_twice_stands_behind_itself_or_its_repeat():
    assert told(doubled(ORDERED, ORDERED.steps[0].id))[:2] == ["magnitude_pruning"] * 2
    twice = doubled(ROUNDS, ROUNDS.steps[0].steps[1].id)
    assert told(twice) == ["channel_pruning", "distillation", "distillation", "static_int8"]
    assert isinstance(twice.steps[1], Step)


def test_neighbours_become_a_repeat_in_which_what_is_taken_away_grows():
    plan = Recipe((Step(ChannelPruning(ratio=0.4), ("a",)), Step(Distillation()), Step(StaticInt8(), ("a",))))
    made = repeated(plan, ids(plan)[:2])
    assert [type(entry) for entry in made.steps] == [Repeat, Step]
    assert made.steps[0].steps[0].values_of("ratio") == (0.1, 0.2, 0.3, 0.4)
    assert made.final == plan.final or told(made) == told(plan)
    assert repeated(plan, [plan.steps[0].id, plan.steps[2].id]) == plan
    assert dissolved(made, made.steps[0].id) == plan


def test_a_step_next_to_a_repeat_is_taken_into_it():
    plan = Recipe((*ROUNDS.steps[:1], Step(Distillation(epochs=5))))
    wider = repeated(plan, ids(plan))
    assert [len(entry.steps) for entry in wider.steps] == [3]
    assert wider.steps[0].id == plan.steps[0].id
    assert repeated(plan, [plan.steps[0].id]) == plan


@pytest.mark.parametrize("rounds", [1, 2, 3, 5, 8])
def test_more_or_fewer_rounds_reach_the_same(rounds):
    changed = with_rounds(ROUNDS, ROUNDS.steps[0].id, rounds)
    values = changed.steps[0].steps[0].values_of("ratio") or (0.4,)
    assert len(values) == rounds
    assert values == tuple(pytest.approx(0.4 * n / rounds, abs=0.01) for n in range(1, rounds + 1))
    assert changed.final[0].method.ratio == 0.4


def test_the_values_of_the_rounds_are_set_one_by_one():
    step = ROUNDS.steps[0].steps[0]
    edited = with_values(ROUNDS, step.id, "ratio", (0.2, 0.2, 0.3, 0.5))
    assert edited.find(step.id).values_of("ratio") == (0.2, 0.2, 0.3, 0.5)
    assert step_of(edited, "a", "channel_pruning").method.ratio == 0.5
    assert with_values(edited, step.id, "ratio", (0.1,)).find(step.id).growing == ()


def test_a_budget_puts_its_choices_where_their_family_stood():
    plan = recipe_of({"a": "int4", "b": "int8"}, ORDERED)
    assert told(plan) == ["weight_only", "static_int8", "distillation", "distillation"]
    assert told(recipe_of({"a": "int4"}, ROUNDS))[:2] == ["channel_pruning", "distillation"]
