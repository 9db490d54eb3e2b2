"""The wishes of the budget sliders, and what a person changes while one of them is being solved."""

import pytest

from secateur.engine import events as ev
from secateur.engine.requests import SolveBudget
from secateur.methods import METHODS
from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.recipe.editing import with_method
from secateur.recipe.options import option
from secateur.recipe.recipe import Recipe
from secateur.session.session import Session


class Recording:
    """An engine that answers nothing by itself."""

    def __init__(self) -> None:
        self.requests: list[object] = []

    def submit(self, request: object) -> int:
        self.requests.append(request)
        return len(self.requests) - 1

    def cancel(self, job: int) -> None: ...

    def restart(self, job: int | None = None) -> None: ...

    def close(self) -> None: ...

    @property
    def wishes(self) -> list[SolveBudget]:
        return [request for request in self.requests if isinstance(request, SolveBudget)]

    def job_of(self, wish: SolveBudget) -> int:
        return self.requests.index(wish)


@pytest.fixture
def engine() -> Recording:
    return Recording()


@pytest.fixture
def session(engine: Recording) -> Session:
    """A session with a network of one layer, that is being asked for half of its size."""
    made = Session(engine, lambda state, changed: None)
    weight = TensorInfo("conv.weight", "float32", (8, 8, 1, 1), 256)
    layer = Layer("conv", "Conv2d", weight, None, 64, 6400, 256, (8, 10, 10), (1, 1))
    model = ModelDescription("net", ModelSource("net.onnx"), "onnx", 400, (layer,), (), (), fingerprint="net")
    row = SensitivityRow(layer="conv", option="int8", damage=0.1, bytes=70, macs=6400)
    free = SensitivityTable(
        depth="free", metric="", unit="", samples=0, seconds=0.0, rank_correlation=None, rows=(row,)
    )  # fmt: skip
    made.update(model=model, tables={"free": free})
    made.budget.set({"bytes": 200.0})
    return made


def answer(session: Session, engine: Recording) -> None:
    """The solver's answer to the newest wish: its plan with the layer in integers."""
    wish = engine.wishes[-1]
    method = option("int8").method
    session.receive(
        ev.Finished(engine.job_of(wish), ev.PlanSolved(with_method(wish.keep, ["conv"], "quantize", method)))
    )


def training() -> object:
    return next(kind for kind in METHODS if kind.scope == "model")()


def test_the_answer_is_the_plan(session: Session, engine: Recording) -> None:
    answer(session, engine)
    assert session.state.step_of("conv", "quantize") == option("int8").method
    assert len(engine.wishes) == 1


def test_a_training_that_is_switched_on_meanwhile_stays_and_the_wish_is_met_with_it(
    session: Session, engine: Recording
) -> None:
    session.set_model_method("distil", training())
    answer(session, engine)
    assert session.state.model_step("distil") == training()
    assert [wish.limits for wish in engine.wishes] == [{"bytes": 200.0}] * 2
    assert engine.wishes[-1].keep == session.state.recipe
    answer(session, engine)
    assert session.state.model_step("distil") == training()
    assert session.state.step_of("conv", "quantize") == option("int8").method
    assert len(engine.wishes) == 2


def test_a_layer_that_is_changed_by_hand_meanwhile_counts_more_than_the_wish(
    session: Session, engine: Recording
) -> None:
    session.choose_option(["conv"], "prune50")
    by_hand = session.state.recipe
    answer(session, engine)
    assert session.state.recipe == by_hand
    assert len(engine.wishes) == 1
    session.undo()
    assert session.state.recipe == Recipe()
