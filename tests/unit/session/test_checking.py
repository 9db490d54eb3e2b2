"""The check of the plan in the session: what was measured is known of that plan alone, and a better one is taken."""

from typing import Any

import pytest
from known_sessions import table
from recording_engine import RecordingEngine
from solved_budgets import newest_solution

from secateur.engine import events as ev
from secateur.engine.checking import CheckPlan, KnownPlan, PlanChecked, PlanMeasured
from secateur.engine.requests import FindSensitivity, ScoreSensitivity
from secateur.methods.distil.distillation import Distillation
from secateur.methods.prune.channel import ChannelPruning
from secateur.model.plan_check import CheckedPlan, MeasuredPlan, PlanCheck
from secateur.recipe.chosen import choice_in, recipe_of
from secateur.recipe.recipe import Recipe, Step
from secateur.session.notices import CHECKED
from secateur.session.session import SAMPLE_DATA, Session

NAMES = ("conv1", "conv2", "fc")


def measured(damage: float, change: float = -0.01) -> MeasuredPlan:
    return MeasuredPlan(
        damage=damage, damage_interval=None, unit="nats", samples=64, metric="top1", before=0.9, after=0.9 + change,
        change=change, change_interval=(change - 0.01, change + 0.01),
    )  # fmt: skip


class Solved:
    """A session whose plan the budget has made, on data, and what the engine says of its check."""

    def __init__(self, session: Session, engine: RecordingEngine) -> None:
        self.session, self.engine = session, engine
        session.update(tables={"measure": table()}, data_source=SAMPLE_DATA)
        session.budget.set({"bytes": 2100.0})
        session.receive(newest_solution(engine))
        self.recipe = session.state.recipe
        chosen = {name: choice_in(self.recipe, name) or "" for name in NAMES}
        self.chosen = {**chosen, "fc": "int8" if chosen["fc"] != "int8" else "int4"}
        self.better = recipe_of(self.chosen, self.recipe)

    def ask(self) -> CheckPlan:
        self.session.checking.check()
        return self.engine.asked(CheckPlan)[-1]

    def plan(self, damage: float, recipe: Recipe, change: float = -0.01, **chosen: str) -> PlanMeasured:
        plan = CheckedPlan(chosen=chosen or self.chosen, predicted=damage / 2, measured=measured(damage, change))
        return PlanMeasured(plan, recipe)

    def say(self, make: Any, *values: Any) -> None:
        self.session.receive(make(self.engine.job_of(CheckPlan), *values))

    def both_measured(self) -> tuple[PlanMeasured, PlanMeasured]:
        first, second = self.plan(0.4, self.recipe, -0.03), self.plan(0.2, self.better, -0.01)
        self.say(ev.Partial, first)
        self.say(ev.Partial, second)
        return first, second

    def ended(self, *plans: PlanMeasured, best: int = 0, notes: tuple[str, ...] = ()) -> None:
        recipe = plans[best].recipe
        told = tuple(one.plan for one in plans)
        check = PlanCheck(recipe=recipe.to_document(), plans=told, best=best, interaction=2.0, notes=notes)
        self.say(ev.Finished, PlanChecked(check, recipe))

    @property
    def told(self) -> list[str]:
        return [notice.sentence for notice in self.session.state.notices if notice.subject == CHECKED]


@pytest.fixture
def solved(session: Session, engine: RecordingEngine) -> Solved:
    return Solved(session, engine)


def test_a_plan_of_a_budget_is_checked_within_it_and_is_a_job_at_once(solved: Solved) -> None:
    asked = solved.ask()
    assert (asked.recipe, dict(asked.limits), asked.data) == (solved.recipe, {"bytes": 2100.0}, SAMPLE_DATA)
    assert [job.title for job in solved.session.state.jobs] == ["Checking the plan"]
    assert "being checked" in solved.session.why_not("check")


def test_a_plan_that_was_changed_by_hand_is_measured_and_nothing_else(solved: Solved) -> None:
    solved.session.clear_layers(["fc"])
    assert solved.ask().limits == {}


def test_what_was_measured_is_known_of_that_plan_alone_and_again_when_it_comes_back(solved: Solved) -> None:
    solved.ask()
    first = solved.plan(0.4, solved.recipe)
    solved.say(ev.Partial, first)
    assert solved.session.state.measured_plan == first.plan.measured
    solved.session.clear_layers(["fc"])
    assert solved.session.state.measured_plan is None
    solved.session.undo()
    assert solved.session.state.measured_plan == first.plan.measured


def test_a_better_plan_is_taken_told_in_one_sentence_and_can_be_undone(solved: Solved) -> None:
    solved.ask()
    solved.ended(*solved.both_measured(), best=1)
    state = solved.session.state
    assert state.recipe == solved.better
    assert state.measured_plan == measured(0.2)
    assert len(solved.told) == 1
    assert "0.50 times the damage" in solved.told[0]
    assert dict(solved.session.budget.limits) == {"bytes": 2100.0}
    solved.session.undo()
    assert solved.session.state.recipe == solved.recipe
    assert not solved.told


def test_a_plan_that_stays_is_measured_and_stays(solved: Solved) -> None:
    solved.ask()
    solved.ended(solved.plan(0.2, solved.recipe), solved.plan(0.3, solved.better))
    assert solved.session.state.recipe == solved.recipe
    assert "no less damage" in solved.told[0]


def test_what_could_not_be_done_is_told(solved: Solved) -> None:
    solved.ask()
    solved.ended(solved.plan(0.2, solved.recipe), notes=("It has steps that no budget chooses.",))
    assert solved.told == ["It has steps that no budget chooses."]


def test_a_plan_that_a_person_has_changed_meanwhile_stays(solved: Solved) -> None:
    solved.ask()
    solved.session.clear_layers(["conv1"])
    now = solved.session.state.recipe
    solved.ended(*solved.both_measured(), best=1)
    assert solved.session.state.recipe == now
    assert "stays as it is" in solved.told[0]


@pytest.mark.parametrize("end", ["stopped", "failed", "died"])
def test_a_check_that_ends_before_its_end_keeps_the_best_so_far(solved: Solved, end: str) -> None:
    asked = solved.ask()
    solved.both_measured()
    match end:
        case "stopped":
            solved.say(ev.Stopped)
        case "failed":
            solved.say(ev.Failed, "Memory is full.")
        case _:
            solved.session.receive(ev.EngineDied("It ended.", (asked,), jobs=(solved.engine.job_of(CheckPlan),)))
    assert solved.session.state.recipe == solved.better
    assert solved.session.state.measured_plan == measured(0.2)
    assert not solved.session.state.jobs


def test_what_was_measured_another_day_comes_with_the_tables(solved: Solved) -> None:
    known = KnownPlan(solved.recipe, measured(0.4))
    asked = ScoreSensitivity(solved.session.state.model.source, SAMPLE_DATA, "measure", ())  # type: ignore[union-attr]
    solved.session.submit(asked)
    solved.session.receive(ev.Started(solved.engine.job_of(ScoreSensitivity), asked))
    done = ev.SensitivityScored(table(), (known,))
    solved.session.receive(ev.Finished(solved.engine.job_of(ScoreSensitivity), done))
    assert solved.session.state.measured_plan == known.measured


def test_what_was_measured_on_other_data_is_passed_over(solved: Solved) -> None:
    other = ScoreSensitivity(solved.session.state.model.source, None, "measure", ())  # type: ignore[union-attr]
    solved.session.checking.found((KnownPlan(solved.recipe, measured(0.4)),), FindSensitivity(other))
    assert solved.session.state.measured_plan is None


def test_prediction_learns_from_other_plans_and_not_from_the_plan_itself(solved: Solved) -> None:
    session = solved.session
    others = [recipe_of({**solved.chosen, "conv1": name}) for name in ("int8", "int4")]
    assert not session.checking.learned.is_known
    session.checking.remember(tuple(KnownPlan(one, measured(0.4)) for one in (*others, solved.recipe)))
    assert len(session.checking.learned.ratios) == len([one for one in others if one != solved.recipe])
    session.load_recipe(others[0])
    assert len(session.checking.learned.ratios) == 2


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Step(Distillation(epochs=1)), "trains the network"),
        (Step(ChannelPruning(ratio=0.25), ("conv1",)), "takes channels away"),
    ],
)
def test_plans_that_a_check_cannot_judge_say_why(solved: Solved, step: Step, reason: str) -> None:
    solved.session.plan(Recipe((step,)))
    assert reason in solved.session.why_not("check")


def test_without_a_plan_data_or_scores_there_is_a_reason(session: Session) -> None:
    assert "Choose data" in session.why_not("check")
    session.update(data_source=SAMPLE_DATA)
    assert "plan is empty" in session.why_not("check")
    session.choose_option(["conv1"], "int8")
    assert "Analyse first" in session.why_not("check")
    session.checking.check()
    assert [notice.subject for notice in session.state.notices] == ["refused:check"]
