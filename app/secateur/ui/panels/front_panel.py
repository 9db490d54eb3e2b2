"""The best plans of all sizes, or of all latencies, over the panels above the plan bar: a click takes one."""

from typing import ClassVar

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget
from shiboken6 import isValid

from secateur.data.metrics import kind_of
from secateur.engine.events import RunRecord
from secateur.model.documents import Predicted
from secateur.session.explaining import FrontPlace
from secateur.session.state import SessionState
from secateur.ui.plots.front_plot import FrontPlot, FrontShown
from secateur.ui.plots.legend import Entry, Legend
from secateur.ui.widgets.card import label
from secateur.ui.widgets.icon_button import IconButton
from secateur.ui.widgets.segmented import Segmented

WIDTH, HEIGHT, EDGE = 620, 340, 8


class FrontPanel(QFrame):
    """`axis_wanted(axis)` asks for a front, None where it is looked at no more; `plan_taken(place)`.

    It lies over `host`, above `below`, as long as it is open.
    """

    shows: ClassVar[frozenset[str]] = frozenset(
        {"baseline", "explained", "front", "recipe", "runs", "tables", "timed", "data"}
    )

    axis_wanted = Signal(object)
    plan_taken = Signal(object)

    def __init__(self, host: QWidget, below: QWidget) -> None:
        super().__init__(host)
        self.setObjectName("front_panel")
        self.setAccessibleName(self.tr("The best plans"))
        self.setProperty("role", "card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # its keys are the plot's, without a ring from the start
        self._host, self._below = host, below
        self._axis = "bytes"
        self._before: QWidget | None = None
        self.axes = Segmented([("bytes", self.tr("Size")), ("latency_ms", self.tr("Latency"))], self.tr("Axis"))
        self.axes.setObjectName("front_axis")
        self.axes.set_value(self._axis)
        self.axes.set_tooltip("bytes", self.tr("The best plan of each file size"))
        self.axes.set_tooltip("latency_ms", self.tr("The best plan of each latency in the target"))
        self.axes.chosen.connect(self._choose_axis)
        close = IconButton("close", self.tr("Close (Esc)"))
        close.setObjectName("front_close")
        close.clicked.connect(self.fold)
        self.plot = FrontPlot(self)
        self.plot.taken.connect(self.plan_taken)
        entries = (self.tr("best plans, predicted"), "result"), (self.tr("runs, measured"), "secondary")
        self.legend = Legend([Entry(name, role, dot=True) for name, role in entries])
        self.legend.setObjectName("front_legend")
        self.waiting = label("", "secondary", wrap=True)
        self.waiting.setObjectName("front_waiting")
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.buys = label("", "caption", wrap=True)
        self.buys.setObjectName("front_buys")
        head = QHBoxLayout()
        head.addWidget(label(self.tr("The best plans"), "card-title"))
        head.addStretch(1)
        head.addWidget(self.legend)
        head.addWidget(self.axes)
        head.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(6)
        column.addLayout(head)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.plot)
        self._stack.addWidget(self.waiting)
        column.addLayout(self._stack, 1)
        column.addWidget(self.buys)
        host.installEventFilter(self)
        self.hide()

    # ------------------------------------------------------------------ open and closed

    def toggle(self) -> None:
        if self.isVisible():
            self.fold()
        else:
            self.unfold()

    def unfold(self) -> None:
        """Open it, and ask for the front."""
        self._before = QApplication.focusWidget()
        self._place()
        self.show()
        self.raise_()
        self.setFocus()
        self.axis_wanted.emit(self._axis)

    def fold(self) -> None:
        """Close it: nothing is found for it any more. The keyboard goes back to where it was."""
        now, before = QApplication.focusWidget(), self._before
        if now is not None and (now is self or self.isAncestorOf(now)):
            is_there = before is not None and isValid(before) and before.isVisible()
            (before if before is not None and is_there else self._below).setFocus()
        self._before = None
        self.hide()
        self.axis_wanted.emit(None)

    def _choose_axis(self, axis: str) -> None:
        self._axis = axis
        self.axis_wanted.emit(axis)

    def _place(self) -> None:
        width = min(WIDTH, self._host.width() - 2 * EDGE)
        bottom = self._below.geometry().top() - EDGE
        height = min(HEIGHT, bottom - EDGE)
        self.setGeometry(EDGE, bottom - height, width, height)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest) and self.isVisible():
            self._place()
        return False

    def event(self, event: QEvent) -> bool:
        """Esc closes it, wherever in it the keyboard is, and stops no job."""
        is_key = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if is_key and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        if is_key and event.type() == QEvent.Type.KeyPress:
            self.fold()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.plot.keyPressEvent(event)

    # ------------------------------------------------------------------ show

    def show_state(
        self,
        state: SessionState,
        places: tuple[FrontPlace, ...],
        predicted: Predicted | None,
        damage: float | None,
        buys: str,
    ) -> None:
        """Show the front, where the present plan stands beside it, and in words what giving up more would buy.

        `damage` is what the present plan does by the table that the front is made of.
        """
        reason = "" if state.timings else self.tr("Milliseconds of the options have not been measured yet.")
        self.axes.set_enabled_keys({"bytes"} if reason else {"bytes", "latency_ms"}, reason)
        front = state.front
        is_there = front is not None and bool(places)
        self._stack.setCurrentWidget(self.plot if is_there else self.waiting)
        self.waiting.setText(self._why_nothing(state))
        self.legend.hide()
        if front is not None and is_there:
            self.axes.set_value(front.axis)
            shown = self._shown(state, places, predicted, damage)
            self.plot.show_front(shown)
            self.legend.setVisible(bool(shown.runs))
        self.buys.setText(buys)
        self.buys.setVisible(bool(buys))

    def _why_nothing(self, state: SessionState) -> str:
        if state.front is not None and state.front.problem:
            return state.front.problem
        if state.table is None:
            return self.tr("Appears once the options of the layers are scored.")
        return self.tr("The best plans are being found …")

    def _shown(
        self, state: SessionState, places: tuple[FrontPlace, ...], predicted: Predicted | None, damage: float | None
    ) -> FrontShown:
        axis = state.front.axis if state.front is not None else "bytes"
        metric = state.baseline.metric if state.baseline is not None else None
        kind = kind_of(metric.name) if metric and all(place.metric is not None for place in places) else None
        plan = None
        if predicted is not None:
            across = predicted.bytes if axis == "bytes" else predicted.latency_ms
            up = predicted.metric if kind is not None else damage
            plan = (float(across), up) if across is not None and up is not None else None
        runs = tuple(at for run in state.runs if kind and (at := _measured(run, axis, kind.name)) is not None)
        unit = state.table.unit if state.table is not None else ""
        return FrontShown(axis, places, plan, runs, kind, metric.value if metric else 0.0, unit)


def _measured(run: RunRecord, axis: str, metric: str) -> tuple[str, float, float] | None:
    """(name, what it takes, metric) of a run's result; None where that is not known."""
    result = run.document.result if run.document is not None else None
    if result is None or result.metric is None or result.metric.name != metric:
        return None
    amount = result.bytes if axis == "bytes" else result.latency_ms.median if result.latency_ms is not None else None
    return (run.name, float(amount), result.metric.value) if amount else None
