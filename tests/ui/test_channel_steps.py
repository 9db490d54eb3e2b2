"""Channel pruning is proposed in the steps that the chosen target likes, and its card says so."""

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from secateur.engine.timing import OptionsTimed
from secateur.methods.base import Method
from secateur.model.description import Layer, TensorInfo
from secateur.recipe.recipe import Recipe, Step
from secateur.session.state import SessionState
from secateur.targets.timings import Timings
from secateur.ui.panels.plan_cards import FamilyCard

LAYER = Layer("conv", "Conv2d", TensorInfo("conv.weight", "float32", (32, 32, 3, 3), 36864))
NOT_TIMED = OptionsTimed(None, "It runs elsewhere.")


@pytest.mark.parametrize(
    ("target", "timed", "step"),
    [
        ("openvino", None, 16),
        ("onnxruntime", NOT_TIMED, 8),
        ("onnxruntime", OptionsTimed(Timings("onnxruntime", 1, channel_step=4)), 4),
    ],
    ids=["as is known", "not timed", "measured"],
)
def test_the_step_of_the_target_is_proposed_and_said(
    qtbot: QtBot, target: str, timed: OptionsTimed | None, step: int
) -> None:
    card = FamilyCard("channel_pruning")
    qtbot.addWidget(card)
    wishes: list[Method] = []
    card.wanted.connect(lambda method, _: wishes.append(method))
    state = SessionState(target=target, timed=timed)
    card.show_layers(state, [LAYER])
    card.switch.click()
    assert wishes[-1].multiple == step
    card.show_layers(state.with_(recipe=Recipe((Step(wishes[-1], ("conv",)),))), [LAYER])
    note = card.findChild(QLabel, "note_channel_pruning")
    assert f"at widths that {step} divides." in note.text()
