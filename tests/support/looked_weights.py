"""The window with a small network whose weights are looked at, and an engine that answers each look."""

from types import SimpleNamespace

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from secateur.engine.events import Stopped
from secateur.engine.reporting import Reporter
from secateur.engine.requests import ReadChannels, ReadFilters, ReadMatrix
from secateur.engine.weight_views import WeightLooks
from secateur.engine.worker import run_job

LEFT = Qt.MouseButton.LeftButton
SHAPES = {"first": (6, 3, 3, 3), "conv": (12, 5, 3, 3), "deep": (8, 1, 3, 3), "wide": (300, 700), "head": (10, 64)}
LOOKS = (ReadChannels, ReadFilters, ReadMatrix)


class Looked:
    """The window with an engine that answers every look from arrays, when it is told to."""

    def __init__(self, shown, network, spectra_of) -> None:
        random = np.random.default_rng(5)
        self.shown, self.model = shown, network(SHAPES)
        self.weights = {name: random.normal(0, 0.1, shape).astype(np.float32) for name, shape in SHAPES.items()}
        self.weights["conv"][4] = 0.9 * self.weights["conv"][9]
        self.weights["conv"][2] *= 5
        shown.open(self.model, {name: spectra_of(weight) for name, weight in self.weights.items()})
        bench = SimpleNamespace(description=self.model, tensors={}, weights=self.weights, model=None)
        self.workshop = SimpleNamespace(bench=lambda source, reporter: bench, looks=WeightLooks())
        self.answered: set[int] = set()
        self.tab = shown.workspace.detail.tab("weights")

    def answer(self) -> None:
        """Answer what was asked and not given up, until nothing more is asked."""
        for _ in range(20):
            QApplication.processEvents()
            waiting = [
                (job, request)
                for job, request in enumerate(self.shown.engine.requests, 1)
                if isinstance(request, LOOKS) and job not in self.answered
            ]
            if not waiting:
                return
            with self.shown.qtbot.waitSignal(self.shown.assembly.display.shown):
                for job, request in waiting:
                    self.answered.add(job)
                    if job in self.shown.engine.cancelled:
                        self.shown.engine.say(Stopped(job))
                    else:
                        reporter = Reporter(job, self.shown.engine.say)
                        self.shown.engine.say(run_job(request, reporter, self.workshop))
            self.shown.qtbot.wait(20)

    @property
    def unanswered(self) -> list[object]:
        asked = enumerate(self.shown.engine.requests, 1)
        return [request for job, request in asked if isinstance(request, LOOKS) and job not in self.answered]

    def show(self, view: str, layer: str = "conv") -> QWidget:
        self.shown.layers.select([layer])
        self.shown.workspace.detail.show_tab("weights")
        self.shown.qtbot.mouseClick(self.tab.views.findChild(QAbstractButton, f"segment_{view}"), LEFT)
        self.answer()
        self.shown.qtbot.wait(100)  # the view rests before it asks for a part
        self.answer()
        return self.tab.view(view)

    def plan(self, layer: str, method) -> None:
        with self.shown.qtbot.waitSignal(self.shown.assembly.display.shown):
            self.shown.session.set_method([layer], method.family, method)
        self.answer()

    def find(self, kind, name: str):
        return self.shown.find(kind, name)

    @property
    def channel(self):
        return self.shown.state.channel
