"""Measured plans are kept with their steps, found again whatever wrote the file, and teach the next prediction."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from small_instances import make_wide

from secateur.analysis.in_context import Whole
from secateur.engine.checking import CheckPlan, KnownPlan
from secateur.engine.events import Event, Finished
from secateur.engine.measurements import MeasurementStore, Subject
from secateur.engine.plan_measurements import PlanStore
from secateur.engine.reporting import Reporter
from secateur.engine.requests import DataSource, FindSensitivity, ScoreSensitivity
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource
from secateur.model.plan_check import MeasuredPlan
from secateur.recipe.recipe import Recipe, Step

SUBJECT = Subject("model", "data")


def plan(bits: int) -> Recipe:
    return Recipe((Step(WeightOnly(bits=bits), ("a", "b")),))


def whole(damage: float, samples: int = 4) -> Whole:
    told = MeasuredPlan(damage=damage, damage_interval=None, unit="nats", samples=samples)
    return Whole(told, np.ones((2, samples)))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlanStore:
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path))
    return PlanStore(MeasurementStore(), SUBJECT)


def test_plans_are_found_with_their_steps_once_each_on_the_most_samples(store: PlanStore) -> None:
    assert store.known() == ()
    store.keep(plan(4), whole(0.2, 8))
    store.keep(plan(4), whole(0.1, 4))
    store.keep(plan(3), whole(0.5))
    found = {one.recipe.final[0].method: one.measured for one in store.known()}
    assert found == {WeightOnly(bits=4): whole(0.2, 8).told, WeightOnly(bits=3): whole(0.5).told}


def test_plans_of_other_data_are_not_found(store: PlanStore) -> None:
    store.keep(plan(4), whole(0.2))
    assert PlanStore(MeasurementStore(), Subject("model", "other")).known() == ()


def test_a_file_that_was_written_without_the_steps_is_read_and_grows(store: PlanStore) -> None:
    store.keep(plan(4), whole(0.2))
    with sqlite3.connect(MeasurementStore().path) as database:
        database.execute("ALTER TABLE plans DROP COLUMN recipe")
    assert store.known() == ()
    found = store.find(plan(4), 4)
    assert found is not None
    assert found.told == whole(0.2).told
    store.keep(plan(3), whole(0.5))
    assert [one.measured for one in store.known()] == [whole(0.5).told]


def done(request: CheckPlan | FindSensitivity | ScoreSensitivity, workshop: Workshop) -> object:
    def send(event: Event) -> None:
        pass

    end = run_job(request, Reporter(1, send), workshop)
    assert isinstance(end, Finished), end
    return end.result


def test_a_check_states_the_change_of_the_metric_with_its_interval_and_what_it_found_is_known_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    made, workshop = make_wide(tmp_path), Workshop(1)
    source, data = ModelSource(str(made.network)), DataSource(str(made.data))
    asked = ScoreSensitivity(source, data, "measure", ("w8", "int4", "int3", "int2"), 24)
    table = done(asked, workshop).table  # type: ignore[attr-defined]
    inside = []
    for bits in (4, 3, 2):
        recipe = Recipe((Step(WeightOnly(bits=bits), ("*",)),))
        check = done(CheckPlan(source, data, recipe, table, samples=24), workshop).check  # type: ignore[attr-defined]
        told = check.first_plan
        assert told.predicted_interval is not None
        low, high = told.predicted_interval
        assert low <= told.predicted_change <= high
        inside.append(low <= told.measured.change <= high)
    assert sum(inside) >= 2
    plans: tuple[KnownPlan, ...] = done(FindSensitivity(asked), workshop).plans  # type: ignore[attr-defined]
    assert {one.recipe.final[0].method for one in plans} == {WeightOnly(bits=bits) for bits in (4, 3, 2)}
