"""Choices that a person keeps while the budget chooses for the other layers."""

import pytest
from known_sessions import NAMES, description, spectra, table
from recording_engine import RecordingEngine
from solved_budgets import newest_solution

from secateur.engine import events as ev
from secateur.engine.requests import SolveBudget
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.recipe.chosen import choice_in
from secateur.session.memory import Memory
from secateur.session.notices import KEPT
from secateur.session.session import Session


@pytest.fixture
def solving(session: Session) -> Session:
    """A session whose plan the budget has made."""
    session.update(tables={"measure": table()})
    drag(session, 2100.0)
    return session


def drag(session: Session, size: float) -> None:
    session.budget.set({"bytes": size})
    session.receive(newest_solution(session.engine))  # type: ignore[arg-type]


def choices(session: Session) -> dict[str, str | None]:
    return {name: choice_in(session.state.recipe, name) for name in NAMES}


def told(session: Session) -> list[str]:
    return [notice.remedy for notice in session.state.notices if notice.subject == KEPT]


def test_a_kept_layer_stays_while_the_slider_moves(solving: Session) -> None:
    solving.keeping.keep(["conv1"])
    before = choices(solving)["conv1"]
    for size in (3000.0, 2500.0, 2000.0, 4000.0):
        drag(solving, size)
        assert choices(solving)["conv1"] == before
    asked = solving.engine.asked(SolveBudget)[-1]  # type: ignore[attr-defined]
    assert asked.pins == {"conv1": before}


def test_a_layer_may_be_kept_in_float(solving: Session) -> None:
    solving.clear_layers(["fc"])
    drag(solving, 2200.0)
    assert choices(solving)["fc"] == ""


def test_what_a_person_chooses_while_a_budget_stands_is_kept_and_said_with_a_way_back(solving: Session) -> None:
    other = "int4" if choices(solving)["conv2"] == "int8" else "int8"
    solving.choose_option(["conv2"], other)
    assert solving.state.kept == {"conv2"}
    assert told(solving) == ["free:conv2"]
    drag(solving, 2600.0)
    assert choices(solving)["conv2"] == other


def test_what_is_no_option_of_the_table_is_kept_as_it_is(solving: Session) -> None:
    solving.set_method(["conv2"], "weight_pruning", MagnitudePruning(ratio=0.37))
    planned = solving.state.steps_of("conv2")
    drag(solving, 2600.0)
    assert solving.state.steps_of("conv2") == planned


def test_without_a_budget_a_choice_is_a_choice_and_no_more(session: Session) -> None:
    session.update(tables={"measure": table()})
    session.choose_option(["conv1"], "int8")
    assert session.state.kept == frozenset()
    assert told(session) == []


def test_the_first_budget_says_that_it_took_the_place_of_what_was_planned(session: Session) -> None:
    session.update(tables={"measure": table()})
    session.choose_option(["conv1"], "int4")
    drag(session, 3900.0)
    assert told(session) == ["undo"]
    session.undo()
    assert choices(session)["conv1"] == "int4"


def test_a_choice_for_all_layers_is_where_the_budget_starts_anew(solving: Session) -> None:
    solving.choose_option(NAMES, "int8")
    assert solving.state.kept == frozenset()


def test_letting_go_has_the_budget_choose_again_at_once_and_is_one_undo(solving: Session) -> None:
    solved = choices(solving)
    solving.keeping.keep(["conv1", "conv2", "fc"])
    drag(solving, 2101.0)
    kept = solving.state
    solving.keeping.free(["conv1"])
    solving.receive(newest_solution(solving.engine))  # type: ignore[arg-type]
    assert solving.state.kept == {"conv2", "fc"}
    solving.undo()
    assert (solving.state.recipe, solving.state.kept) == (kept.recipe, kept.kept)
    assert choices(solving) == solved


def test_keeping_is_undone_and_done_again(solving: Session) -> None:
    recipe = solving.state.recipe
    solving.keeping.toggle(["conv1", "conv2"])
    assert solving.state.kept == {"conv1", "conv2"}
    solving.undo()
    assert (solving.state.kept, solving.state.recipe) == (frozenset(), recipe)
    solving.redo()
    assert solving.state.kept == {"conv1", "conv2"}
    solving.keeping.toggle(["conv1", "conv2"])
    assert solving.state.kept == frozenset()


def test_what_is_kept_while_a_wish_is_being_solved_is_solved_with(solving: Session) -> None:
    before = choices(solving)["conv1"]
    solving.budget.set({"bytes": 4200.0})
    solving.keeping.keep(["conv1"])
    solving.receive(newest_solution(solving.engine))  # type: ignore[arg-type]
    assert choices(solving)["conv1"] == before
    solving.receive(newest_solution(solving.engine))  # type: ignore[arg-type]
    assert choices(solving)["conv1"] == before
    assert solving.engine.asked(SolveBudget)[-1].limits == {"bytes": 4200.0}  # type: ignore[attr-defined]


def test_a_plan_that_is_reset_or_loaded_keeps_nothing(solving: Session) -> None:
    solving.keeping.keep(["conv1"])
    plan = solving.state.recipe
    solving.load_recipe(plan)
    assert solving.state.kept == frozenset()
    solving.keeping.keep(["conv1"])
    solving.reset_plan()
    assert solving.state.kept == frozenset()


def test_what_is_kept_comes_back_with_its_model(tmp_path) -> None:
    for turn in range(2):
        session = Session(RecordingEngine(), lambda state, changed: None, Memory(tmp_path))
        session.receive(ev.Finished(0, ev.ModelOpened(description())))
        session.receive(ev.Partial(0, ev.SpectraReady({n: spectra() for n in NAMES})))
        if turn == 0:
            session.choose_option(["conv1"], "int8")
            session.keeping.keep(["conv1", "fc"])
            session.remembering.keep()
    assert session.state.kept == {"conv1", "fc"}


# ---------------------------------------------------------------------- limits that cannot be met


def test_a_budget_that_cannot_be_met_offers_the_nearest_plan_and_the_button_takes_it(solving: Session) -> None:
    before = solving.state.recipe
    drag(solving, 600.0)
    assert solving.state.recipe == before
    notice = next(notice for notice in solving.state.notices if notice.remedy == "nearest")
    assert "smallest file" in notice.hint
    assert not solving.why_not("nearest")
    solving.budget.take_nearest()
    assert set(choices(solving).values()) == {"int4"}
    assert solving.state.taken["bytes"] == pytest.approx(1400, rel=0.01)
    assert solving.state.unmet is None
    assert not any(notice.remedy == "nearest" for notice in solving.state.notices)
    solving.undo()
    assert solving.state.recipe == before


def test_a_budget_that_can_be_met_takes_the_offer_away(solving: Session) -> None:
    drag(solving, 600.0)
    drag(solving, 2500.0)
    assert solving.state.unmet is None
    assert solving.why_not("nearest")


def test_the_limit_that_binds_is_known_until_the_plan_is_another(solving: Session) -> None:
    assert solving.state.binding == {"bytes"}
    solving.choose_option(["conv1"], "prune50")
    assert solving.state.binding == frozenset()
