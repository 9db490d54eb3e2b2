"""Milliseconds of the options: asked in a rest, making way for everything else, and forgotten with what they are of."""

from dataclasses import replace

import pytest
from known_sessions import EIGHT_BITS, free_table, one_layer
from recording_engine import RecordingEngine

from secateur.engine import events as ev
from secateur.engine.requests import CountSpectra, MeasureLatency, RehearsePlan, ScoreSensitivity, SolveBudget
from secateur.engine.solving import LeastFound
from secateur.engine.timing import OptionsTimed, TimeOptions
from secateur.errors import UserError
from secateur.methods.facts import UNCOUNTED
from secateur.model.documents import Latency, SensitivityRow
from secateur.model.workload import BETWEEN, FLOAT, Precision, Workload
from secateur.recipe.choices import choices_of
from secateur.recipe.editing import with_method
from secateur.recipe.options import option
from secateur.session.effects import _latency
from secateur.session.session import Session
from secateur.session.timing import STOPPED
from secateur.targets.flow import Flow
from secateur.targets.timings import Spread, Timings

CONV = Workload("conv", 8, 8, (10, 10), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1))
INT8 = Precision(8, 8)


def known(ms: float = 2.0) -> OptionsTimed:
    kernels = {CONV: Spread(ms, ms, ms), CONV.at(INT8): Spread(ms / 2, ms / 2, ms / 2)}
    kernels[CONV.at(BETWEEN)] = kernels[CONV]
    wholes = {FLOAT: ms, INT8: ms / 2}
    return OptionsTimed(Timings("onnxruntime", 1, {"conv": (CONV,)}, kernels, wholes, Flow()), fastest_ms=ms / 2)


@pytest.fixture
def session(engine: RecordingEngine) -> Session:
    made = Session(engine, lambda state, changed: None)
    made.receive(ev.Finished(99, ev.ModelOpened(one_layer())))
    for job, request in enumerate(engine.requests, 1):
        made.receive(ev.Started(job, request))
        made.receive(ev.Stopped(job))
    return made


def begun(session: Session, engine: RecordingEngine) -> int:
    """The measurement as the engine begins it; its job."""
    session.timing.ask()
    job = len(engine.requests)
    session.receive(ev.Started(job, engine.requests[-1]))
    return job


def test_it_is_asked_once_and_its_answer_stands_in_the_state(session: Session, engine: RecordingEngine) -> None:
    job = begun(session, engine)
    session.timing.ask()
    assert len(engine.asked(TimeOptions)) == 1
    assert [entry.job for entry in session.state.jobs] == [job]
    assert "ONNX Runtime" in session.state.jobs[0].title
    session.receive(ev.Finished(job, known()))
    assert session.state.timings is not None
    assert session.state.latency_before == 2.0
    session.timing.ask()
    assert len(engine.asked(TimeOptions)) == 1


def test_while_something_goes_on_it_is_not_asked(session: Session, engine: RecordingEngine) -> None:
    session.measure_latency()
    session.receive(ev.Started(len(engine.requests), engine.requests[-1]))
    session.timing.ask()
    assert not engine.asked(TimeOptions)


def test_it_makes_way_for_a_job_and_is_taken_up_again(session: Session, engine: RecordingEngine) -> None:
    job = begun(session, engine)
    session.submit(MeasureLatency(one_layer().source))
    assert engine.cancelled == [job]
    session.receive(ev.Stopped(job))
    session.timing.ask()
    assert len(engine.asked(TimeOptions)) == 2


def test_it_does_not_make_way_for_what_another_process_answers(session: Session, engine: RecordingEngine) -> None:
    begun(session, engine)
    session.submit(CountSpectra(one_layer().source))
    assert not engine.cancelled


def test_once_a_person_stopped_it_it_says_so_and_waits_to_be_chosen_again(
    session: Session, engine: RecordingEngine
) -> None:
    job = begun(session, engine)
    session.stop(job)
    session.receive(ev.Stopped(job))
    assert session.state.timed == OptionsTimed(None, STOPPED)
    session.timing.ask()
    assert len(engine.asked(TimeOptions)) == 1
    session.timing.choose("onnxruntime")
    assert len(engine.asked(TimeOptions)) == 2


def test_another_target_is_another_measurement(session: Session, engine: RecordingEngine) -> None:
    job = begun(session, engine)
    session.timing.choose("xnnpack")
    assert engine.cancelled == [job]
    session.receive(ev.Finished(job, known()))  # too late: of the other runtime
    assert session.state.timed is None
    assert session.state.target == "xnnpack"
    with pytest.raises(UserError, match="no target"):
        session.timing.choose("abacus")


def test_another_model_has_other_milliseconds_in_the_same_target(session: Session, engine: RecordingEngine) -> None:
    session.receive(ev.Finished(begun(session, engine), known()))
    session.timing.choose("openvino")
    session.receive(ev.Finished(99, ev.ModelOpened(one_layer("other"))))
    assert session.state.timed is None
    assert session.state.target == "openvino"


def test_narrower_layers_of_the_plan_are_timed_once_they_are_planned(session: Session, engine: RecordingEngine) -> None:
    session.receive(ev.Finished(begun(session, engine), known()))
    session.choose_option(["conv"], "int8")
    session.timing.ask()
    assert len(engine.asked(TimeOptions)) == 1  # known already
    low_rank = option("rank25").method
    session.set_method(["conv"], "quantize", None)
    session.set_method(["conv"], low_rank.family, low_rank)
    session.timing.ask()
    narrow = engine.asked(TimeOptions)[-1].further
    assert [(work.inputs, work.outputs) for work in narrow if not work.precision.is_between] == [(8, 2), (2, 8)]
    session.receive(ev.Finished(len(engine.requests), known()))  # that could not be timed
    session.timing.ask()
    assert len(engine.asked(TimeOptions)) == 2  # and is not asked for ever


def test_two_methods_on_a_layer_are_timed_where_they_could_be_chosen(session: Session, engine: RecordingEngine) -> None:
    whole, job = known(), begun(session, engine)
    session.receive(ev.Finished(job, whole))
    session.timing.ask()
    assert len(engine.asked(TimeOptions)) == 1
    rank = SensitivityRow(layer="conv", option="rank25", damage=0.1, bytes=128, macs=3200)
    session.receive(ev.Finished(70, ev.SensitivityScored(free_table(EIGHT_BITS, rank))))
    assert not any("+" in choice.option for choice in choices_of(one_layer(), session.state.table, whole.timings))
    job = begun(session, engine)
    factors = engine.asked(TimeOptions)[-1].further
    assert [(work.inputs, work.outputs, work.precision) for work in factors] == [(8, 2, INT8), (2, 8, INT8)]
    timings = whole.timings
    kernels = {**timings.kernels, **{work: Spread(0.2, 0.2, 0.2) for work in factors}}
    session.receive(ev.Finished(job, replace(whole, timings=replace(timings, kernels=kernels))))
    session.timing.ask()
    assert len(engine.asked(TimeOptions)) == 2
    choices = choices_of(one_layer(), session.state.table, session.state.timings)
    assert next(c for c in choices if c.option == "rank25+int8").costs.latency_ms == pytest.approx(0.4, abs=0.2)


def test_what_one_option_does_as_well_is_not_timed(session: Session, engine: RecordingEngine) -> None:
    session.receive(ev.Finished(begun(session, engine), known()))
    useless = SensitivityRow(layer="conv", option="rank25", damage=0.1, bytes=256, macs=6400)
    session.receive(ev.Finished(70, ev.SensitivityScored(free_table(EIGHT_BITS, useless))))
    session.timing.ask()
    assert len(engine.asked(TimeOptions)) == 1


def test_a_limit_on_milliseconds_is_counted_as_the_options_were_timed(
    session: Session, engine: RecordingEngine
) -> None:
    session.receive(ev.Finished(begun(session, engine), known()))
    session.update(tables={"free": free_table(EIGHT_BITS)})
    assert session.budget.latency_range() == (1.0, 2.0)
    session.update(least=LeastFound(100, 0.5))
    assert session.budget.latency_range() == (0.5, 2.0), "fewer channels are faster still"
    session.budget.set({"bytes": 300.0, "latency_ms": 1.5})
    asked = engine.requests[-1]
    assert isinstance(asked, SolveBudget)
    assert asked.limits == {"bytes": 300.0, "latency_ms": 1.5}
    assert asked.timings is session.state.timings


def slower() -> OptionsTimed:
    """The same network, in which eight bits turned out to be hardly any quicker."""
    timed = known()
    assert timed.timings is not None
    kernels = {**timed.timings.kernels, CONV.at(INT8): Spread(1.8, 1.8, 1.8)}
    return replace(timed, timings=replace(timed.timings, kernels=kernels, wholes={**timed.timings.wholes, INT8: 1.8}))


@pytest.mark.parametrize("meanwhile", [False, True], ids=["once it is solved", "while it is being solved"])
def test_a_plan_that_takes_longer_once_its_shapes_are_timed_is_solved_again(
    session: Session, engine: RecordingEngine, meanwhile: bool
) -> None:
    session.receive(ev.Finished(begun(session, engine), known()))
    session.update(tables={"free": free_table(EIGHT_BITS)})
    session.budget.set({"latency_ms": 1.5})
    plan = with_method(session.state.recipe, ["conv"], "quantize", option("int8").method)
    solved = ev.Finished(engine.job_of(SolveBudget), ev.PlanSolved(plan))
    timed = slower(), TimeOptions(one_layer().source, "onnxruntime", ())
    if meanwhile:
        session.timing.answered(*timed)
        assert len(engine.asked(SolveBudget)) == 1
        session.receive(solved)
    else:
        session.receive(solved)
        assert len(engine.asked(SolveBudget)) == 1
        session.timing.answered(*timed)
    assert [wish.limits for wish in engine.asked(SolveBudget)] == [{"latency_ms": 1.5}] * 2


def test_scoring_makes_it_wait(session: Session, engine: RecordingEngine) -> None:
    job = begun(session, engine)
    session.submit(ScoreSensitivity(one_layer().source, None, "free", ("int8",)))
    assert engine.cancelled == [job]


def test_the_effect_on_a_layer_has_its_milliseconds_as_measured(session: Session, engine: RecordingEngine) -> None:
    session.receive(ev.Finished(begun(session, engine), known()))
    session.choose_option(["conv"], "int8")
    assert _latency(session.state, session.state.rows, is_whole=False) == (2.0, pytest.approx(1.0))
    before, after = _latency(session.state, session.state.rows, is_whole=True)
    assert before == 2.0
    assert after == pytest.approx(1.0)


def test_what_a_plan_took_that_was_tried_is_known_when_the_next_is_predicted(
    session: Session, engine: RecordingEngine
) -> None:
    session.receive(ev.Finished(begun(session, engine), known()))
    session.choose_option(["conv"], "int8")
    request = RehearsePlan(session.state.model.source, session.state.recipe, session.state.target)
    job = session.submit(request)
    session.receive(ev.Started(job, request))
    before, after = (Latency(median=ms, p10=ms, p90=ms, runtime="r", threads=1) for ms in (4.0, 3.6))
    session.receive(ev.Finished(job, ev.PlanRehearsed(before, after)))
    assert _latency(session.state, session.state.rows, is_whole=True)[1] == pytest.approx(2.0 * 3.6 / 4.0)
    session.receive(ev.Finished(begun(session, engine), known()))
    assert _latency(session.state, session.state.rows, is_whole=True)[1] == pytest.approx(1.8), "it stays known"


def scored(session: Session) -> None:
    """A table with a cell of eight bits and one of four, as the engine sends it."""
    rows = tuple(
        SensitivityRow(layer="conv", option=o, damage=0.1, bytes=9, macs=6400, faster=o == "int8")
        for o in ("int8", "int4")
    )
    session.receive(ev.Finished(70, ev.SensitivityScored(free_table(*rows))))


def test_what_is_faster_is_told_anew_by_the_target_that_is_chosen(session: Session) -> None:
    scored(session)
    assert session.state.facts == {} or all(f.target.id == "onnxruntime" for f in session.state.facts.values())
    assert [row.faster for row in session.state.table.rows] == [True, False]
    session.receive(ev.Partial(71, ev.SpectraReady({"conv": UNCOUNTED})))
    session.timing.choose("xnnpack")
    assert [facts.target.id for facts in session.state.facts.values()] == ["xnnpack"]
    assert [row.faster for row in session.state.table.rows] == [True, False], "a convolution is unpacked there, too"


def test_cells_have_milliseconds_once_these_are_measured_and_none_in_a_target_that_is_not(
    session: Session, engine: RecordingEngine
) -> None:
    scored(session)
    job = begun(session, engine)
    session.receive(ev.Finished(job, known()))
    assert [row.latency_ms for row in session.state.table.rows] == [1.0, None]
    session.timing.choose("coreml")
    assert [row.latency_ms for row in session.state.table.rows] == [None, None]
