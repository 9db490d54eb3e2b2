"""The plan panel alone, with a network of four layers and an effect of 4-bit weights."""

import pytest
from plan_cards import REASON, Wishes, conv
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from secateur.methods.base import Effect
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.costs import Costs
from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.session.session import LayerEffect
from secateur.session.state import SessionState
from secateur.ui.panels.plan import PlanPanel
from secateur.ui.theme.palette import DARK
from secateur.ui.theme.style import apply_theme


@pytest.fixture
def state() -> SessionState:
    head = Layer("fc", "Linear", TensorInfo("fc.weight", "float32", (10, 64), 2560), fixed_channels=REASON)
    layers = (conv("conv1", ("block.conv2",)), conv("block.conv1"), conv("block.conv2"), head)
    return SessionState(model=ModelDescription("net", ModelSource("net.onnx"), "onnx", 113_000, layers, (), ()))


@pytest.fixture
def effect() -> LayerEffect:
    sentence = "ONNX Runtime here unpacks 4-bit weights to float before it computes."
    one = Effect(Costs(4700, 2_359_296), 13.0, smaller=True, faster=False, sentence=sentence)
    return LayerEffect(
        bytes_before=36_900,
        bytes_after=4700,
        macs_before=2_359_296,
        macs_after=2_359_296,
        latency_before_ms=0.11,
        latency_after_ms=0.11,
        sqnr_db=13.0,
        metric_before=0.81,
        metric_after=0.806,
        effects=((WeightOnly(), one),),
    )


@pytest.fixture
def panel(qtbot: QtBot, qapp: QApplication) -> PlanPanel:
    apply_theme(qapp, DARK)
    made = PlanPanel()
    qtbot.addWidget(made)
    made.resize(288, 700)
    made.show()
    return made


@pytest.fixture
def wishes(panel: PlanPanel) -> Wishes:
    heard: Wishes = []
    panel.method_wanted.connect(lambda family, method, merge: heard.append((family, method, merge)))
    return heard
