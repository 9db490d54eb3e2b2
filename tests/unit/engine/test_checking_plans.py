"""A plan is measured as a whole, solved again around that, and the best measured one wins."""

from dataclasses import replace
from typing import Any

import pytest

from secateur.analysis.in_context import measure_whole
from secateur.engine.checking import CheckPlan, PlanChecked, PlanMeasured
from secateur.engine.events import Event, Finished, Partial, PlanRehearsed
from secateur.engine.jobs import checking
from secateur.engine.jobs.applying import apply_plan
from secateur.engine.reporting import Reporter
from secateur.engine.requests import RehearsePlan, ScoreSensitivity
from secateur.engine.timing import TimeOptions
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.methods.distil.distillation import Distillation
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.documents import Latency
from secateur.recipe.budget import Budget, Wish
from secateur.recipe.check_words import check_sentences
from secateur.recipe.chosen import recipe_of
from secateur.recipe.recipe import Recipe, Step
from secateur.recipe.resolve import require_plan
from secateur.targets.timings import Spread, Timings

OPTIONS = ("w8", "int6", "int4", "int3", "int2", "prune50")
SAMPLES = 40


class Bench:
    """A small network with its table, and what a check of it needs."""

    def __init__(self, model: Any, data: Any) -> None:
        self.workshop, self.model, self.data = Workshop(1), model, data
        asked = ScoreSensitivity(model, data, "measure", OPTIONS, SAMPLES)
        self.table = self.ended(asked)[0].table
        self.bench = self.workshop.bench(model, self.reporter())
        self.budget = Budget(self.bench.description, self.table)

    def reporter(self) -> Reporter:
        return Reporter(1, lambda event: None)

    def ended(self, request: Any) -> tuple[Any, list[Any]]:
        live: list[Any] = []

        def send(event: Event) -> None:
            if isinstance(event, Partial):
                live.append(event.value)

        event = run_job(request, Reporter(1, send), self.workshop)
        assert isinstance(event, Finished), event
        return event.result, live

    def request(self, share: float = 0.3, **changes: Any) -> CheckPlan:
        programme = self.budget.programme
        limit = programme.takes("bytes", programme.items_of({})) * share
        recipe = recipe_of(self.budget.solve(Wish({"bytes": limit})))
        request = CheckPlan(self.model, self.data, recipe, self.table, {"bytes": limit}, samples=SAMPLES)
        return replace(request, **changes)


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECATEUR_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def bench(shared: Any, at_home: Any) -> Bench:
    return Bench(*shared)


@pytest.fixture
def alone(bench: Bench, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Nothing is known of plans yet."""
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path))
    return bench


def test_what_is_measured_is_what_carrying_out_the_plan_does(alone: Bench, tmp_path: Any) -> None:
    request = alone.request(limits={})
    found, live = alone.ended(request)
    assert isinstance(found, PlanChecked)
    lowered = alone.workshop.lowered(alone.bench, alone.reporter())
    data = alone.workshop.data(alone.bench, alone.data, alone.reporter())
    plan = require_plan(request.recipe, alone.bench.description)
    after, _ = apply_plan(lowered, plan, alone.reporter(), tmp_path / "steps", data=data)
    whole = measure_whole(lowered, after, data, SAMPLES, lambda done, total, text: None)  # type: ignore[arg-type]
    assert found.check.best_plan.measured == whole.told
    assert [value.plan.measured for value in live if isinstance(value, PlanMeasured)] == [whole.told]
    assert found.recipe == request.recipe


def test_predicted_is_the_sum_of_the_layers_and_interaction_what_it_lacks(alone: Bench) -> None:
    request = alone.request(limits={})
    check = alone.ended(request)[0].check
    chosen = check.first_plan.chosen
    rows = [alone.table.row(layer, choice) for layer, choice in chosen.items() if choice]
    assert check.first_plan.predicted == pytest.approx(sum(row.damage for row in rows if row and row.damage))
    assert check.interaction == pytest.approx(check.first_plan.measured.damage / check.first_plan.predicted)


@pytest.mark.parametrize("share", [0.5, 0.3, 0.22])
def test_the_best_plan_does_no_more_damage_than_the_first_and_is_within_the_limits(alone: Bench, share: float) -> None:
    request = alone.request(share)
    found = alone.ended(request)[0]
    plans = found.check.plans
    assert found.check.best_plan.measured.damage == min(plan.measured.damage for plan in plans)
    programme = alone.budget.programme
    assert programme.takes("bytes", programme.items_of(found.check.best_plan.chosen)) <= request.limits["bytes"]
    assert len({tuple(plan.chosen.items()) for plan in plans}) == len(plans)


def test_a_check_that_is_done_again_measures_nothing(alone: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = alone.ended(alone.request())[0]
    for name in ("apply_plan", "measure_whole"):
        monkeypatch.setattr(checking, name, lambda *given, **named: pytest.fail("measured again"))
    again = alone.ended(alone.request())[0]
    assert again.check.plans == first.check.plans
    assert again.recipe == first.recipe


def test_without_time_the_plan_itself_is_measured_and_stays(alone: Bench) -> None:
    found = alone.ended(alone.request(seconds=0.0))[0]
    assert len(found.check.plans) == 1
    assert found.check.best == 0


def test_pinned_layers_stay_in_all_plans(alone: Bench) -> None:
    layer = alone.bench.description.weighted_layers[0].name
    chosen = alone.budget.solve(Wish(alone.request().limits, pins={layer: "int6"}))
    found = alone.ended(alone.request(pins={layer: "int6"}, recipe=recipe_of(chosen)))[0]
    assert all(plan.chosen[layer] == "int6" for plan in found.check.plans)


def test_training_is_left_out_of_what_is_measured_and_stays_in_the_plan(alone: Bench) -> None:
    plain = alone.request(limits={})
    recipe = Recipe((*plain.recipe.steps, Step(Distillation(epochs=1))))
    found = alone.ended(replace(plain, recipe=recipe))[0]
    assert found.recipe == recipe
    assert found.check.notes == ("The plan was measured without its training.",)
    assert found.check.plans == alone.ended(plain)[0].check.plans


def test_a_plan_that_no_budget_chooses_is_measured_and_not_solved_again(alone: Bench) -> None:
    recipe = Recipe((Step(MagnitudePruning(ratio=0.37), ("*",)),))
    found = alone.ended(alone.request(recipe=recipe))[0]
    assert len(found.check.plans) == 1
    assert "not solved again" in found.check.notes[0]


def test_biases_of_several_steps_of_a_method_are_corrected_as_those_of_one(alone: Bench, tmp_path: Any) -> None:
    lowered = alone.workshop.lowered(alone.bench, alone.reporter())
    data = alone.workshop.data(alone.bench, alone.data, alone.reporter())
    names = [layer.name for layer in alone.bench.description.weighted_layers]
    method = WeightOnly(bits=3)

    def made(*groups: list[str]) -> Any:
        plan = require_plan(Recipe(tuple(Step(method, tuple(g)) for g in groups)), alone.bench.description)
        return apply_plan(lowered, plan, alone.reporter(), tmp_path, data=data)[0]

    one, several = made(names), made(names[:1], names[1:])
    inputs = data.batch("validation", range(16)).arrays
    assert (one.run(*inputs) == several.run(*inputs)).all()
    assert (one.run(*inputs) != lowered.run(*inputs)).any()


def test_of_plans_that_were_tried_those_that_keep_the_milliseconds_win(
    alone: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that is tried slower than its limit is solved again with what it took, whatever damage that does."""
    options = ("w7a8", "w8")
    table = alone.ended(ScoreSensitivity(alone.model, alone.data, "measure", options, SAMPLES))[0].table
    timings = in_halves(alone.ended(TimeOptions(alone.model, "onnxruntime", options))[0].timings)
    told: list[float] = []

    def rehearse(request: RehearsePlan, reporter: Reporter, workshop: Workshop) -> PlanRehearsed:
        told.append(0.85 if not told else 0.7)
        before, after = (Latency(median=ms, p10=ms, p90=ms, runtime="r", threads=1) for ms in (1.0, told[-1]))
        return PlanRehearsed(before, after)

    monkeypatch.setattr(checking, "rehearse", rehearse)
    limits = {"latency_ms": 0.8 * timings.whole}
    recipe = recipe_of({"0": "w7a8", "3": "w7a8"})
    found = alone.ended(alone.request(recipe=recipe, table=table, timings=timings, limits=limits))[0]
    first = found.check.first_plan
    assert first.latency == 0.85
    assert first.predicted_latency is not None
    assert first.predicted_latency <= 0.8
    assert found.timings.learned > 0, "what it took is learned"
    assert found.check.best == 1
    assert found.check.best_plan.latency == 0.7
    assert any("0.70 of the original's milliseconds" in sentence for sentence in check_sentences(found.check))


def in_halves(timings: Timings) -> Timings:
    """The same network on a machine where a layer takes half as long in integers, and borders nothing."""
    kernels = {work: 0.5 if work.precision.is_static else 1.0 for work in timings.kernels}
    count = len(timings.layers)
    return replace(
        timings,
        kernels={work: Spread(ms, ms, ms) for work, ms in kernels.items()},
        wholes={precision: count * (0.5 if precision.is_static else 1.0) for precision in timings.wholes},
        mixed=None,
    )
