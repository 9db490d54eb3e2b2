"""What happens after the first frame: modules are loaded on a thread, panels are built one per turn of the loop.

So the window is on the screen in about the time of an empty one, and never stands still for a tenth of a second.
"""

import functools
import gc
import importlib
import threading
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, Qt, QTimer, Signal

MODULES: tuple[str, ...] = (
    "numpy",
    "secateur.session.session",
    "secateur.engine.client",
    "secateur.methods",
    "secateur.ui.bridge",
    "secateur.ui.panels.notices",
    "secateur.ui.workspace",
    "secateur.ui.commands",
    "secateur.ui.display",
    "secateur.ui.wiring",
    "pyqtgraph",
    "secateur.ui.panels.weights",
    "secateur.ui.panels.sensitivity",
    "secateur.ui.panels.activations",
    "secateur.ui.graph.tab",
    "secateur.ui.panels.compare",
    "secateur.ui.panels.distil",
)
"""What the workspace needs, in the order of need; none of it imports torch or onnx."""


@functools.cache  # once: what a first window leaves behind is still collected when a second one of the process starts
def _freeze_modules() -> None:
    gc.freeze()


class Startup(QObject):
    """Loads `MODULES`, then runs `steps`, one per turn; `finished` at the end, `failed` with what was raised."""

    finished = Signal()
    failed = Signal(object)
    _loaded = Signal()

    def __init__(self, steps: Callable[[], Iterator[None]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._steps = steps
        self._running: Iterator[None] | None = None
        self._stopped = self._done = False
        self._error: Exception | None = None
        self._loaded.connect(self._begin, Qt.ConnectionType.QueuedConnection)
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._step)
        self._thread = threading.Thread(target=self._load, name="secateur-startup", daemon=True)

    @property
    def is_done(self) -> bool:
        """Whether every step has run."""
        return self._done

    def start(self) -> None:
        self._thread.start()

    def _load(self) -> None:
        try:
            for name in MODULES:
                if self._stopped:
                    return
                importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - handed to the window's thread, which reports it
            self._error = error
        self._loaded.emit()

    def _begin(self) -> None:
        if self._stopped:
            return
        if self._error is not None:
            self.failed.emit(self._error)
            return
        # what was loaded stays for good: a full collection walks some 90,000 objects of modules otherwise, and takes
        # 60 ms in the middle of a person's work
        _freeze_modules()
        self._running = self._steps()
        self._timer.start()

    def _step(self) -> None:
        if self._running is None:
            return
        try:
            next(self._running)
        except StopIteration:
            self._timer.stop()
            self._running, self._done = None, True
            self.finished.emit()

    def stop(self) -> None:
        """Break off, and wait for the loading thread."""
        self._stopped = True
        self._timer.stop()
        self._running = None
        if self._thread.is_alive():
            self._thread.join(30)
