"""The wishes of the budget sliders, and what a person changes while one of them is being solved."""

from dataclasses import replace

import pytest
from known_sessions import EIGHT_BITS, free_table, one_layer
from recording_engine import RecordingEngine

from secateur.engine import events as ev
from secateur.engine.requests import SolveBudget
from secateur.methods import METHODS
from secateur.model.description import ChannelBundle
from secateur.recipe.editing import with_method
from secateur.recipe.options import option
from secateur.recipe.recipe import Recipe
from secateur.session.session import Session


@pytest.fixture
def session(engine: RecordingEngine) -> Session:
    """A session with a network of one layer, that is being asked for half of its size."""
    made = Session(engine, lambda state, changed: None)
    made.update(model=one_layer(), tables={"free": free_table(EIGHT_BITS)})
    made.budget.set({"bytes": 200.0})
    return made


def answer(session: Session, engine: RecordingEngine) -> None:
    """The solver's answer to the newest wish: its plan with the layer in integers."""
    wish = engine.asked(SolveBudget)[-1]
    method = option("int8").method
    session.receive(
        ev.Finished(engine.job_of(SolveBudget), ev.PlanSolved(with_method(wish.keep, ["conv"], "quantize", method)))
    )


def training() -> object:
    return next(kind for kind in METHODS if kind.scope == "model")()


def test_the_answer_is_the_plan(session: Session, engine: RecordingEngine) -> None:
    answer(session, engine)
    assert session.state.step_of("conv", "quantize") == option("int8").method
    assert len(engine.asked(SolveBudget)) == 1


def test_a_training_that_is_switched_on_meanwhile_stays_and_the_wish_is_met_with_it(
    session: Session, engine: RecordingEngine
) -> None:
    session.set_model_method("distil", training())
    answer(session, engine)
    assert session.state.model_step("distil") == training()
    assert [wish.limits for wish in engine.asked(SolveBudget)] == [{"bytes": 200.0}] * 2
    assert engine.asked(SolveBudget)[-1].keep == session.state.recipe
    answer(session, engine)
    assert session.state.model_step("distil") == training()
    assert session.state.step_of("conv", "quantize") == option("int8").method
    assert len(engine.asked(SolveBudget)) == 2


def test_a_layer_that_is_changed_by_hand_meanwhile_counts_more_than_the_wish(
    session: Session, engine: RecordingEngine
) -> None:
    session.choose_option(["conv"], "prune50")
    by_hand = session.state.recipe
    answer(session, engine)
    assert session.state.recipe == by_hand
    assert len(engine.asked(SolveBudget)) == 1
    session.undo()
    assert session.state.recipe == Recipe()


def test_while_a_slider_is_dragged_channels_stay_and_where_it_rests_others_are_looked_for(
    session: Session, engine: RecordingEngine
) -> None:
    answer(session, engine)
    assert session.state.model is not None
    session.update(model=replace(session.state.model, bundles=(ChannelBundle(8, (("conv", 1),), ()),)))
    session.budget.set({"bytes": 190.0})
    session.budget.set({"bytes": 180.0})
    answer(session, engine)
    assert [wish.near for wish in engine.asked(SolveBudget)] == [False, True, True]
    answer(session, engine)
    last = engine.asked(SolveBudget)[-1]
    assert (last.limits, last.near) == ({"bytes": 180.0}, False)
    answer(session, engine)
    assert len(engine.asked(SolveBudget)) == 4, "the last answer stands"
