"""Measured sensitivity: half of it is no table, what broke off is found again, what is of another model is dropped."""

import pytest
from known_sessions import table, with_data

from secateur.engine import events as ev
from secateur.engine import requests as rq
from secateur.model.description import ModelSource
from secateur.model.documents import DataDescription
from secateur.session import tables


def test_measured_rows_fill_the_table_while_it_is_measured(session):
    session.receive(ev.Partial(2, ev.RowsMeasured(table().rows[:2])))
    session.receive(ev.Partial(2, ev.RowsMeasured(table().rows[2:4])))
    assert len(session.state.tables["measure"].rows) == 4


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


def test_fewer_samples_are_what_is_asked_for_and_what_is_known_of_them_is_looked_up(session, engine):
    with_data(session)
    session.receive(ev.Finished(0, ev.SensitivityScored(table())))
    tables.measure_on(session, 64)
    assert session.state.measured is None  # it was of 512
    assert isinstance(engine.requests[-1], rq.FindSensitivity)
    assert engine.requests[-1].what.samples == 64
    session.score("measure")
    assert engine.requests[-1].samples == 64
    asked = len(engine.requests)
    tables.measure_on(session, 64)
    assert len(engine.requests) == asked


def test_rows_of_a_running_measurement_bring_the_unit_of_their_damage(session):
    session.receive(ev.Partial(2, ev.RowsMeasured((), "")))
    assert session.state.measured_in_part.unit == ""
    session.receive(ev.Partial(2, ev.RowsMeasured(table().rows[:1], "relative error")))
    session.receive(ev.Partial(2, ev.RowsMeasured((), "")))
    assert session.state.measured_in_part.unit == "relative error"


def test_analyse_estimates_first_and_measures_once_there_is_an_estimate(session, engine):
    with_data(session)
    session.analyse()
    assert engine.requests[-1].depth == "estimate"
    session.receive(ev.Finished(0, ev.SensitivityScored(table("estimate"))))
    assert session.state.on_samples == session.state.table == table("estimate")
    session.analyse()
    assert engine.requests[-1].depth == "measure"


def test_a_measurement_goes_before_an_estimate_and_that_before_data_free(session):
    for depth in ("free", "estimate", "measure"):
        session.receive(ev.Finished(0, ev.SensitivityScored(table(depth))))
        assert session.state.table.depth == depth


def test_rows_of_an_estimate_fill_a_table_of_their_own(session):
    session.receive(ev.Partial(2, ev.RowsMeasured(table().rows[:2], "nats", "estimate")))
    assert session.state.estimated is None
    assert session.state.tables["estimate"].pending
    assert "measure" not in session.state.tables


def test_what_is_found_replaces_the_parts_that_were_shown(session):
    session.receive(ev.Partial(2, ev.RowsMeasured(table().rows[:2], "nats", "estimate")))
    session.receive(ev.Finished(8, ev.SensitivityFound(None, table("estimate"))))
    assert session.state.estimated == table("estimate")
    session.receive(ev.Finished(9, ev.SensitivityFound(None)))
    assert session.state.estimated == table("estimate")


def test_an_estimate_of_other_data_is_dropped(session, engine):
    with_data(session)
    session.receive(ev.Finished(0, ev.SensitivityScored(table("estimate"))))
    data = DataDescription(name="d", source="d", task="none", metric="", classes=(), train=1, calibration=1, test=1)
    session.receive(ev.Started(7, rq.OpenData(session.state.model.source, rq.DataSource("other.npz"))))
    session.receive(ev.Finished(7, ev.DataOpened(data, (), None)))
    assert session.state.estimated is None
