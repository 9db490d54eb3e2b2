"""The session: wishes become requests, events become state, and nothing is ever lost. No Qt, no torch."""

from dataclasses import replace

import numpy as np
import pytest

from secateur.engine import events as ev
from secateur.engine import requests as rq
from secateur.methods.distil.distillation import Distillation
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import (
    ChannelBundle,
    Coupling,
    Couplings,
    Layer,
    ModelDescription,
    ModelSource,
    TensorInfo,
)
from secateur.model.documents import DataDescription, SensitivityRow, SensitivityTable
from secateur.model.spectrum import Spectra, Spectrum
from secateur.recipe.recipe import Recipe, Step
from secateur.recipe.speed_cost import SpeedCost
from secateur.session.session import Session

NAMES = ("conv1", "conv2", "fc")


class FakeEngine:
    def __init__(self):
        self.requests, self.cancelled, self.restarts = [], [], 0

    def submit(self, request):
        self.requests.append(request)
        return len(self.requests)

    def cancel(self, job):
        self.cancelled.append(job)

    def restart(self, job=None):
        self.restarts += 1

    def close(self):
        self.restarts = -1


def description(fixed="The last layer."):
    layers = tuple(
        Layer(
            n,
            "Conv2d",
            TensorInfo(n, "float32", (8, 4, 3, 3), 1152),
            params=288,
            macs=1000,
            size_bytes=1152,
            fixed_channels=fixed if n == "fc" else "",
        )
        for n in NAMES
    )
    return ModelDescription(
        "net", ModelSource("net.onnx"), "onnx", 5000, layers, (), (), overhead_bytes=500, fingerprint="f"
    )


def spectra():
    values = np.random.default_rng(0).standard_normal(288).astype(np.float32)
    keys, counts = np.unique(values.view(np.uint32) >> 16, return_counts=True)
    low, high = float(values.min()), float(values.max())
    one = Spectrum(keys.astype(np.uint16), counts, 288, float(values.sum()), float((values**2).sum()), low, high)
    return Spectra(one, one, np.zeros((8, 4), np.float32))


def table(depth="measure"):
    rows = tuple(
        SensitivityRow(layer=n, option=o, damage=d, bytes=b, macs=1000, measured=True, faster=o == "int8")
        for n in NAMES
        for o, d, b in (("int8", 0.001, 500), ("int4", 0.1, 300))
    )
    return SensitivityTable(
        depth=depth, metric="top1", unit="nats", samples=9, seconds=1, rank_correlation=0.9, rows=rows
    )


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
def session(engine):
    states = []
    made = Session(engine, lambda state, changed: states.append(state))
    made.receive(ev.Finished(0, ev.ModelOpened(description())))
    made.receive(ev.Partial(0, ev.SpectraReady({n: spectra() for n in NAMES})))
    made.seen = states
    return made


def with_data(session):
    session.update(data_source=rq.DataSource("sample:mnist"), data=object())


def test_opening_a_model_asks_for_its_spectra_times_and_runs(session, engine):
    kinds = {type(request) for request in engine.requests}
    assert {rq.CountSpectra, rq.MeasureLatency, rq.ListRuns} <= kinds


@pytest.fixture
def uncoupled(session):
    """The session with a model of which nobody knows yet which channels leave together."""
    model = description(fixed="")
    layers = tuple(replace(layer, channels_known=False) for layer in model.layers)
    session.receive(ev.Finished(0, ev.ModelOpened(replace(model, layers=layers))))
    session.receive(ev.Partial(0, ev.SpectraReady({n: spectra() for n in NAMES})))
    return session


COUPLINGS = Couplings(
    {"conv1": Coupling(("conv2",), ""), "conv2": Coupling(("conv1",), ""), "fc": Coupling((), "The last layer.")},
    (ChannelBundle(8, (("conv1", 1), ("conv2", 1)), ()),),
)


def test_which_channels_leave_together_is_asked_once_and_stands_in_the_state(uncoupled, engine):
    asked = [request for request in engine.requests if isinstance(request, rq.FindCouplings)]
    assert asked == [rq.FindCouplings(uncoupled.state.model.source)]
    assert any(job.request == asked[0] for job in uncoupled.state.jobs)
    uncoupled.set_method(["conv1"], "channel_pruning", ChannelPruning())
    assert sum(isinstance(request, rq.FindCouplings) for request in engine.requests) == 1
    job = engine.requests.index(asked[0]) + 1
    uncoupled.receive(ev.Finished(job, ev.CouplingsFound(COUPLINGS)))
    assert not uncoupled.state.jobs
    assert uncoupled.state.model.layer("conv1").coupled == ("conv2",)
    assert uncoupled.state.model.bundles == COUPLINGS.bundles


def test_a_plan_that_removes_channels_is_predicted_once_it_is_known_what_goes_along(uncoupled):
    before = uncoupled.predicted()
    uncoupled.set_method(["conv1"], "channel_pruning", ChannelPruning(ratio=0.5))
    assert before is not None
    assert uncoupled.predicted() is None
    uncoupled.receive(ev.Finished(0, ev.CouplingsFound(COUPLINGS)))
    assert uncoupled.predicted().params < before.params


def test_a_plan_made_before_that_leaves_out_the_layers_whose_channels_stay(uncoupled):
    uncoupled.set_method(["conv1", "fc"], "channel_pruning", ChannelPruning())
    uncoupled.receive(ev.Finished(0, ev.CouplingsFound(COUPLINGS)))
    assert uncoupled.state.recipe.steps[0].layers == ("conv1",)
    assert any("The last layer." in notice.sentence for notice in uncoupled.state.notices)


def test_they_are_asked_for_again_where_finding_them_went_wrong(uncoupled, engine):
    job = next(job.job for job in uncoupled.state.jobs if isinstance(job.request, rq.FindCouplings))
    uncoupled.receive(ev.Failed(job, "It went wrong.", "", "", ()))
    uncoupled.set_method(["conv1"], "channel_pruning", ChannelPruning())
    assert sum(isinstance(request, rq.FindCouplings) for request in engine.requests) == 2


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


def test_running_needs_data_and_says_so(session, engine):
    session.choose_option(NAMES, "int8")
    session.run_plan()
    assert not any(isinstance(r, rq.Compress) for r in engine.requests)
    assert "data" in session.state.notices[-1].sentence


def test_running_submits_the_plan_as_it_is(session, engine):
    with_data(session)
    session.choose_option(NAMES, "int8")
    session.run_plan()
    assert engine.requests[-1].recipe == session.state.recipe


def test_cancelling_a_job_keeps_the_plan_and_leaves_no_job(session, engine):
    with_data(session)
    session.choose_option(NAMES, "int8")
    plan = session.state.recipe
    session.run_plan()
    job = len(engine.requests)
    session.receive(ev.Started(job, engine.requests[-1]))
    session.stop(job)
    assert engine.cancelled == [job]
    session.receive(ev.Stopped(job))
    assert session.state.jobs == ()
    assert session.state.recipe == plan


def test_stopping_twice_restarts_an_engine_that_does_not_listen(session, engine):
    session.receive(ev.Started(9, engine.requests[0]))
    session.stop(9)
    session.stop(9)
    assert engine.restarts == 1


def test_a_dead_engine_keeps_the_session_and_offers_to_resume(session, engine):
    with_data(session)
    session.choose_option(NAMES, "int8")
    plan = session.state.recipe
    session.run_plan()
    request = engine.requests[-1]
    session.receive(ev.Started(5, request))
    session.receive(ev.EngineDied("The engine was ended.", (request,)))
    assert session.state.model is not None
    assert session.state.recipe == plan
    assert session.state.jobs == ()
    assert session.state.notices[-1].remedy == f"resume:{request.run}"


def test_resuming_asks_for_the_same_run_with_the_same_recipe(session, engine):
    with_data(session)
    session.choose_option(NAMES, "int8")
    session.run_plan()
    request = engine.requests[-1]
    session.receive(ev.Stopped(len(engine.requests)))
    record = ev.RunRecord(request.run, "int8", "net", "f", "d", request.recipe.to_yaml(), "interrupted", 1.0, "/x")
    session.receive(ev.Finished(0, ev.RunsListed((record,))))
    session.history.resume(request.run)
    assert engine.requests[-1].resume
    assert engine.requests[-1].run == request.run
    assert engine.requests[-1].recipe == request.recipe


def test_restoring_a_run_brings_its_plan_back_and_can_be_undone(session):
    recipe = Recipe((Step(StaticInt8(), ("conv*",)),))
    record = ev.RunRecord("r1", "int8", "net", "f", "d", recipe.to_yaml(), "finished", 1.0, "/x")
    session.receive(ev.Finished(0, ev.RunsListed((record,))))
    session.history.restore("r1")
    assert session.state.planned_layers == ("conv1", "conv2")
    session.undo()
    assert session.state.recipe == Recipe()


def test_a_recipe_that_is_opened_leaves_out_what_its_methods_do_not_support_and_says_why(session):
    session.load_recipe(Recipe((Step(ChannelPruning(), ("*",)),)))
    assert session.state.recipe.steps[0].layers == ("conv1", "conv2")
    assert session.state.notices[-1].sentence == "Channel pruning leaves 1 of 3 layers as it is, fc: The last layer."


def test_a_failed_job_is_one_notice_and_changes_nothing_else(session, engine):
    before = session.state
    session.receive(ev.Started(3, engine.requests[0]))
    session.receive(ev.Failed(3, "It did not work.", "Try again."))
    assert session.state.notices[-1].sentence == "It did not work."
    assert session.state.with_(notices=()) == before.with_(notices=())


def test_measured_rows_fill_the_table_while_it_is_measured(session):
    session.receive(ev.Partial(2, ev.RowsMeasured(table().rows[:2])))
    session.receive(ev.Partial(2, ev.RowsMeasured(table().rows[2:4])))
    assert len(session.state.tables["measure"].rows) == 4


@pytest.mark.parametrize(
    "action", ["run", "measure", "budget", "undo", "redo", "export", "data", "compare", "reset", "stop"]
)
def test_every_unavailable_action_says_why_with_nothing_open(engine, action):
    assert Session(engine, lambda state, changed: None).why_not(action).endswith(".")


def measuring(session, engine):
    """A measurement that runs, as the newest request."""
    with_data(session)
    session.score("measure")
    session.receive(ev.Started(len(engine.requests), engine.requests[-1]))
    return len(engine.requests)


def test_half_a_measurement_is_no_table_to_plan_from(session, engine):
    session.receive(ev.Finished(0, ev.SpectraCounted(table("free"))))
    whole = session.budget.range()
    job = measuring(session, engine)
    session.receive(ev.Partial(job, ev.RowsMeasured(table().rows[:2])))
    assert session.budget.range() == whole
    session.receive(ev.Stopped(job))
    assert session.state.measured is None
    assert session.state.measured_in_part.rows == table().rows[:2]


@pytest.mark.parametrize("end", ["stopped", "failed", "died"])
def test_a_measurement_that_breaks_off_is_looked_up_as_a_part_to_go_on_from(session, engine, end):
    job = measuring(session, engine)
    request = engine.requests[-1]
    session.receive(ev.Partial(job, ev.RowsMeasured(table().rows[:2])))
    ends = {"stopped": ev.Stopped(job), "failed": ev.Failed(job, "No."), "died": ev.EngineDied("It died.", (request,))}
    session.receive(ends[end])
    assert rq.FindSensitivity(request) in engine.requests
    part = table().model_copy(update={"rows": table().rows[:2], "pending": 4})
    session.receive(ev.Finished(99, ev.SensitivityFound(part)))
    assert session.state.measured_in_part == part
    assert session.state.measured is None


def test_what_was_measured_before_is_looked_up_when_data_is_opened(session, engine):
    data = DataDescription(name="d", source="d", task="none", metric="", classes=(), train=1, calibration=1, test=1)
    opening = rq.OpenData(session.state.model.source, rq.DataSource("d.npz"))
    session.receive(ev.Started(7, opening))
    session.receive(ev.Finished(7, ev.DataOpened(data, (), None)))
    found = engine.requests[-1]
    assert isinstance(found, rq.FindSensitivity)
    assert found.what.data == opening.data
    session.receive(ev.Finished(8, ev.SensitivityFound(table())))
    assert session.state.measured == table()


def test_a_new_measurement_leaves_the_earlier_one_until_it_is_whole(session):
    session.receive(ev.Finished(0, ev.SensitivityScored(table())))
    session.receive(ev.Partial(2, ev.RowsMeasured(table().rows[:1])))
    assert session.state.measured == table()


def test_what_was_measured_on_another_model_is_dropped(session, engine):
    other = rq.ScoreSensitivity(ModelSource("other.onnx"), None, "free", ("int8",))
    session.receive(ev.Started(50, other))
    session.receive(ev.Finished(50, ev.SensitivityScored(table())))
    assert not session.state.tables


def test_a_run_is_not_started_twice_while_it_waits(session, engine):
    with_data(session)
    session.choose_option(NAMES, "int8")
    session.run_plan()
    session.run_plan()
    assert sum(isinstance(request, rq.Compress) for request in engine.requests) == 1


def test_the_budget_works_again_after_the_engine_died_while_solving(session, engine):
    session.receive(ev.Finished(0, ev.SensitivityScored(table())))
    session.budget.set({"bytes": 4000})
    session.receive(ev.EngineDied("It died.", (engine.requests[-1],)))
    session.budget.set({"bytes": 3000})
    assert engine.requests[-1].limits["bytes"] == 3000


def test_a_network_whose_shape_the_data_set_is_taken_over_with_the_plan_kept(session, engine):
    planned = session.state.recipe
    data = DataDescription(name="d", source="d", task="none", metric="", classes=(), train=1, calibration=1, test=1)
    opening = rq.OpenData(session.state.model.source, rq.DataSource("d.npz"))
    anew = replace(session.state.model, notes=("The input shape 3×12×12 is that of d.npz.",))
    session.receive(ev.Started(7, opening))
    session.receive(ev.Finished(7, ev.DataOpened(data, (), None, anew)))
    assert session.state.model == anew
    assert session.state.recipe == planned
    assert rq.MeasureLatency(anew.source) in engine.requests


def test_opening_another_model_gives_up_what_is_asked_of_weights_and_samples(session, engine):
    source = session.state.model.source
    session.looking.ask("matrix", rq.ReadMatrix(source, "conv1", (0, 8), (0, 36)))
    asked = [len(engine.requests)]
    session.update(model=replace(session.state.model, runnable=True, trainable=True))
    session.following.follow(rq.Sample(file="a.png"))
    asked.append(len(engine.requests))
    assert session.state.followed.is_running
    session.open_model(ModelSource("other.onnx"))
    assert set(asked) <= set(engine.cancelled)
    session.receive(ev.Failed(len(engine.requests), "It is no model."))
    assert not session.state.followed.is_running  # the model that was open stays, and nothing is on its way


def test_spectra_that_are_counted_beside_a_job_that_dies_are_still_known_as_of_their_model(session, engine):
    source = session.state.model.source
    session.receive(ev.Started(50, rq.CountSpectra(source)))
    session.receive(ev.Started(51, rq.MeasureLatency(source)))
    session.receive(ev.EngineDied("It died.", (rq.MeasureLatency(source),), False, (51,)))
    assert [job.job for job in session.state.jobs] == [50]
    session.open_model(ModelSource("other.onnx"))
    assert 50 in engine.cancelled
    session.receive(ev.Finished(len(engine.requests), ev.ModelOpened(replace(description(), source=ModelSource("o")))))
    session.receive(ev.Partial(50, ev.SpectraReady({"conv1": spectra()})))
    assert not session.state.spectra
