"""What a person plans layer by layer or by a budget: undone, redone, kept in order, predicted."""

from known_sessions import NAMES, table

from secateur.engine import events as ev
from secateur.engine import requests as rq
from secateur.methods.distil.distillation import Distillation
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.recipe.recipe import Recipe, Step
from secateur.recipe.speed_cost import SpeedCost


def test_choosing_a_method_can_be_undone_and_redone(session):
    session.set_method(["conv1"], "weight_pruning", MagnitudePruning(ratio=0.5))
    planned = session.state.recipe
    session.undo()
    assert session.state.recipe == Recipe()
    assert not session.state.can_undo
    session.redo()
    assert session.state.recipe == planned


def test_a_drag_is_one_undo_step(session):
    for ratio in (0.1, 0.2, 0.3):
        session.set_method(["conv1"], "weight_pruning", MagnitudePruning(ratio=ratio), merge="drag")
    session.set_method(["conv1"], "weight_pruning", MagnitudePruning(ratio=0.9), merge="another drag")
    session.undo()
    assert session.state.step_of("conv1", "weight_pruning") == MagnitudePruning(ratio=0.3)
    session.undo()
    assert session.state.recipe == Recipe()


def test_layers_with_equal_parameters_share_a_step(session):
    session.set_method(["conv1"], "quantize", StaticInt8())
    session.set_method(["conv2", "fc"], "quantize", StaticInt8())
    assert [step.layers for step in session.state.recipe.steps] == [("conv1", "conv2", "fc")]


def test_steps_stand_in_the_order_in_which_they_run(session):
    session.set_method(["conv1"], "quantize", StaticInt8())
    session.set_model_method("distil", Distillation())
    session.set_method(["conv1"], "weight_pruning", MagnitudePruning())
    assert [s.method.id for s in session.state.recipe.steps] == ["magnitude_pruning", "distillation", "static_int8"]


def test_a_layer_that_a_method_does_not_support_is_left_out(session):
    from secateur.methods.prune.channel import ChannelPruning

    session.set_method(NAMES, "channel_pruning", ChannelPruning())
    assert session.state.recipe.steps[0].layers == ("conv1", "conv2")


def test_choosing_an_option_again_takes_it_out(session):
    session.choose_option(["conv1"], "int8")
    assert session.state.step_of("conv1", "quantize") == StaticInt8()
    session.choose_option(["conv1"], "int8")
    assert session.state.step_of("conv1", "quantize") is None


def test_back_to_float_leaves_the_other_layers_alone(session):
    session.choose_option(NAMES, "int4")
    session.clear_layers(["conv2"])
    assert session.state.planned_layers == ("conv1", "fc")


def test_a_budget_wish_during_a_solution_waits_and_only_the_newest_counts(session, engine):
    session.receive(ev.Finished(0, ev.SensitivityScored(table())))
    before = len(engine.requests)
    for size in (4000, 3000, 2000):
        session.budget.set({"bytes": size})
    solves = [r for r in engine.requests[before:] if isinstance(r, rq.SolveBudget)]
    assert [r.limits["bytes"] for r in solves] == [4000]
    session.receive(ev.Finished(len(engine.requests), ev.PlanSolved(Recipe((Step(StaticInt8(), NAMES),)))))
    solves = [r for r in engine.requests[before:] if isinstance(r, rq.SolveBudget)]
    assert [r.limits["bytes"] for r in solves] == [4000, 2000]


def test_what_a_budget_costs_in_speed_stands_until_the_plan_is_another(session, engine):
    session.receive(ev.Finished(0, ev.SensitivityScored(table())))
    cost = SpeedCost(("conv1",), ("4-bit",), 700, 5000, 0.26)
    session.budget.set({"bytes": 4000})
    session.receive(ev.Finished(len(engine.requests), ev.PlanSolved(Recipe((Step(StaticInt8(), NAMES),)), cost)))
    assert session.state.speed_cost == cost
    session.choose_option(["conv1"], "int8")
    session.clear_layers(["conv1"])
    assert session.state.speed_cost is None


def test_a_budget_that_cannot_be_met_is_said_and_changes_nothing(session, engine):
    session.receive(ev.Finished(0, ev.SensitivityScored(table())))
    session.choose_option(["conv1"], "int8")
    plan = session.state.recipe
    session.budget.set({"bytes": 10})
    session.receive(ev.Failed(len(engine.requests), "No plan meets the budget.", "Try more."))
    assert session.state.recipe == plan
    assert session.state.notices[-1].sentence == "No plan meets the budget."


def test_prediction_falls_with_the_plan(session):
    untouched = session.predicted()
    session.choose_option(NAMES, "int8")
    planned = session.predicted()
    assert planned.bytes < untouched.bytes
    assert session.effect(["conv1"]).bytes_after < session.effect(["conv1"]).bytes_before


def test_a_recipe_that_is_opened_leaves_out_what_its_methods_do_not_support_and_says_why(session):
    session.load_recipe(Recipe((Step(ChannelPruning(), ("*",)),)))
    assert session.state.recipe.steps[0].layers == ("conv1", "conv2")
    assert session.state.notices[-1].sentence == "Channel pruning leaves 1 of 3 layers as it is, fc: The last layer."


def test_the_budget_works_again_after_the_engine_died_while_solving(session, engine):
    session.receive(ev.Finished(0, ev.SensitivityScored(table())))
    session.budget.set({"bytes": 4000})
    session.receive(ev.EngineDied("It died.", (engine.requests[-1],)))
    session.budget.set({"bytes": 3000})
    assert engine.requests[-1].limits["bytes"] == 3000
