"""What window tests share: a network in plain values, the window on an engine that only records, a look behind each.

Nothing here imports torch.
"""

import gc
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from counted_spectra import spectra_of
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot
from recording_engine import RecordingEngine
from watched_state import watch_views

from secateur.engine.events import (
    DataOpened,
    EngineReady,
    Event,
    Finished,
    ModelOpened,
    Partial,
    Preview,
    SpectraReady,
    Started,
)
from secateur.engine.requests import OpenData, OpenModel
from secateur.model.description import Layer, ModelDescription, ModelSource, Port, TensorInfo
from secateur.model.documents import DataDescription, Evaluation, Metric, SensitivityRow, SensitivityTable
from secateur.model.spectrum import Spectra
from secateur.session.state import SessionState
from secateur.ui.app import build_window
from secateur.ui.assembly import Assembly
from secateur.ui.main_window import MainWindow
from secateur.ui.theme.palette import DARK
from secateur.ui.theme.style import apply_theme

QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)  # as the program does, for Netron's page

SHAPES: dict[str, tuple[int, ...]] = {
    "conv1": (8, 3, 3, 3),
    "layer1.0.conv1": (8, 8, 3, 3),
    "layer1.0.conv2": (8, 8, 3, 3),
    "layer2.0.conv1": (16, 8, 3, 3),
    "layer2.0.conv2": (16, 16, 3, 3),
    "linear": (10, 16),
}


def network(shapes: dict[str, tuple[int, ...]], name: str = "small.onnx") -> ModelDescription:
    """A description of convolutions and linear layers with these weight shapes."""
    layers = []
    for layer, shape in shapes.items():
        count = int(np.prod(shape))
        weight = TensorInfo(f"{layer}.weight", "float32", shape, 4 * count)
        kind = "Linear" if len(shape) == 2 else "Conv2d"
        kernel = shape[2:] if len(shape) == 4 else ()
        macs = count * (64 if kind == "Conv2d" else 1)
        layers.append(Layer(layer, kind, weight, None, count, macs, 4 * count, (shape[0],), kernel))
    size = sum(layer.size_bytes for layer in layers)
    port = Port("input", "float32", (None, 3, 8, 8))
    source = ModelSource(name)
    return ModelDescription(
        name, source, "onnx", size + 500, tuple(layers), (port,), (), overhead_bytes=500, fingerprint="f" * 8
    )


@pytest.fixture
def make_network() -> Callable[[dict[str, tuple[int, ...]]], ModelDescription]:
    """`network`, for tests that need shapes of their own."""
    return network


@pytest.fixture
def make_spectra() -> Callable[[NDArray[np.float32]], Spectra]:
    """`spectra_of`, for tests that need weights of their own."""
    return spectra_of


@pytest.fixture
def model() -> ModelDescription:
    """Six layers, two of them alike."""
    return network(SHAPES)


@pytest.fixture
def big_model() -> ModelDescription:
    """500 layers with long names."""
    return network({f"encoder.block{n // 5}.attention.layer{n}.projection": (8, 8, 3, 3) for n in range(500)})


@pytest.fixture
def spectra(model: ModelDescription) -> dict[str, Spectra]:
    """Spectra of the small network's weights, drawn with a fixed seed."""
    random = np.random.default_rng(0)
    return {
        layer.name: spectra_of(random.normal(0, 0.1, layer.weight.shape).astype(np.float32))
        for layer in model.layers
        if layer.weight
    }


@pytest.fixture
def evaluation() -> Evaluation:
    """What the untouched network scores."""
    metric = Metric(name="top1", value=0.81, ci95=(0.8, 0.82))
    return Evaluation(
        metric=metric, loss=0.6, samples=1000, bytes=16_000, zip_bytes=15_000, params=4000, nonzero_params=4000,
        macs=250_000, latency_ms=None,
    )  # fmt: skip


@pytest.fixture
def data() -> DataDescription:
    return DataDescription(
        name="digits", source="sample:mnist", task="classification", metric="top1",
        classes=tuple("0123456789"), train=3500, calibration=500, test=1000,
        preprocessing={"resize": [28, 28], "crop": None, "mean": [0.1307], "std": [0.3081]},
    )  # fmt: skip


@pytest.fixture
def previews() -> tuple[Preview, ...]:
    """Four samples with known labels."""
    shades = [np.full((8, 8, 3), 40 * n, np.uint8) for n in range(4)]
    return tuple(Preview(image, f"class {n}", -0.42, 2.82, 0.1) for n, image in enumerate(shades))


@pytest.fixture
def table(model: ModelDescription) -> SensitivityTable:
    """A data-free table: every option of every layer, damage growing with the option."""
    damage = {
        "int8": 1e-4,
        "w7a8": 3e-4,
        "w6a8": 7e-4,
        "w5a8": 0.004,
        "w4a8": 0.012,
        "w3a8": 0.06,
        "w2a8": 0.31,
        "w8": 1e-4,
        "int6": 6e-4,
        "int5": 0.003,
        "int4": 0.01,
        "int3": 0.05,
        "int2": 0.3,
        "prune50": 0.1,
        "prune75": 0.3,
        "prune90": 0.6,
        "rank25": 0.2,
        "rank10": 0.5,
    }
    share = {
        "int8": 0.3,
        "w7a8": 0.27,
        "w6a8": 0.25,
        "w5a8": 0.22,
        "w4a8": 0.2,
        "w3a8": 0.16,
        "w2a8": 0.13,
        "w8": 0.3,
        "int6": 0.25,
        "int5": 0.22,
        "int4": 0.2,
        "int3": 0.16,
        "int2": 0.12,
        "prune50": 1.0,
        "prune75": 1.0,
        "prune90": 1.0,
        "rank25": 0.6,
        "rank10": 0.3,
    }
    rows = tuple(
        SensitivityRow(
            layer=layer.name,
            option=option,
            damage=value,
            bytes=round(layer.size_bytes * share[option]),
            macs=layer.macs,
        )
        for layer in model.layers
        for option, value in damage.items()
    )
    return SensitivityTable(
        depth="free", metric="", unit="relative error", samples=0, seconds=0.0, rank_correlation=None, rows=rows
    )


class Shown:
    """The window under test with its engine, session and panels."""

    def __init__(self, window: MainWindow, engine: RecordingEngine, assembly: Assembly, qtbot: QtBot) -> None:
        self.window, self.engine, self.assembly, self.qtbot = window, engine, assembly, qtbot

    @property
    def session(self):
        return self.assembly.session

    @property
    def state(self) -> SessionState:
        return self.assembly.session.state

    @property
    def workspace(self):
        return self.window.workspace

    @property
    def layers(self):
        return self.window.workspace.layers

    def until(self, condition: Callable[[], object], timeout_ms: int = 30_000) -> None:
        """Run the event loop until the condition holds."""
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=timeout_ms)

    def settle(self) -> None:
        """Run the event loop until the newest state is shown, part by part."""
        self.until(lambda: self.assembly.display.is_settled)

    def press(
        self,
        key: Qt.Key,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
        widget: QWidget | None = None,
    ) -> None:
        """Press a key in a widget, or in the window."""
        self.qtbot.keyClick(widget or self.window, key, modifiers)

    def find(self, kind: type[QWidget], name: str) -> QWidget:
        """The child of this objectName; fails where there is none."""
        found = self.window.findChild(kind, name)
        assert found is not None, f"the window has no {kind.__name__} named {name}"
        return found

    def open(self, model: ModelDescription, spectra: dict[str, Spectra] | None = None) -> None:
        """Let the engine open a network and count its spectra."""
        self.session.open_model(model.source)
        job = self.engine.job_of(OpenModel)
        self.engine.say(EngineReady("CPU", 2, 1), Started(job, self.engine.requests[job - 1]))
        self.engine.say(Finished(job, ModelOpened(model)))
        if spectra:
            self.engine.say(Partial(job, SpectraReady(spectra)))
        self.settle()

    def open_data(self, data: DataDescription, previews: tuple[Preview, ...], evaluation: Evaluation) -> None:
        """Let the engine open the data that the session has asked for."""
        job = self.engine.job_of(OpenData)
        self.engine.say(
            Started(job, self.engine.requests[job - 1]), Finished(job, DataOpened(data, previews, evaluation))
        )
        self.until(lambda: self.state.data is not None)
        self.settle()


@pytest.fixture
def shown(qtbot: QtBot, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    """The real main window on a recording engine, assembled and empty; closed afterwards."""
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path))
    engines: list[RecordingEngine] = []

    def make_engine(on_event: Callable[[Event], None]) -> RecordingEngine:
        engines.append(RecordingEngine(on_event))
        return engines[-1]

    window = build_window(engine=make_engine)
    window.resize(1440, 900)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=30_000)  # keys go to the active window alone
    assembly = window.findChild(Assembly, "assembly")
    qtbot.waitUntil(lambda: assembly.is_ready and assembly.startup.is_done, timeout=60_000)
    yield Shown(window, engines[0], assembly, qtbot)
    window.end()
    window.deleteLater()


@pytest.fixture(autouse=True)
def every_view_says_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In every test of the window: what a view reads of the state stands in its `shows`."""
    unsaid = watch_views(monkeypatch)
    yield
    assert not unsaid, sorted(unsaid)


@pytest.fixture(autouse=True, scope="module")
def libraries_are_no_garbage() -> None:
    """Take what is loaded out of the garbage collection that follows every test: it would be most of it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_is_left(qapp: QApplication) -> Iterator[None]:
    """After every test: no window on the screen, no thread, and the dark theme again."""
    threads = set(threading.enumerate())
    yield
    qapp.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    if QApplication.topLevelWidgets() or set(threading.enumerate()) - threads:
        gc.collect()
    stray = [w for w in QApplication.topLevelWidgets() if w.isVisible()]
    for widget in stray:
        widget.close()
    left = [thread.name for thread in threading.enumerate() if thread not in threads and thread.is_alive()]
    apply_theme(qapp, DARK)
    assert not stray, f"windows left open: {[w.objectName() or type(w).__name__ for w in stray]}"
    assert not left, f"threads left running: {left}"
