"""The Activations tab: the distribution of the layers' outputs over many samples, or one sample on its way through."""

from collections.abc import Sequence
from typing import ClassVar

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from secateur.session.state import SessionState
from secateur.ui.panels.distribution import DistributionView
from secateur.ui.panels.sample_view import SampleView
from secateur.ui.widgets.segmented import Segmented


class ActivationsTab(QWidget):
    """`record_wanted` when the person asks for the recording; the wishes of `sample` are its own signals."""

    shows: ClassVar[frozenset[str]] = frozenset(
        {
            "activations",
            "chosen_step",
            "data",
            "data_source",
            "followed",
            "jobs",
            "model",
            "progress",
            "recipe",
            "runs",
            "shown_run",
        }
    )

    record_wanted = Signal()
    look_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("activations_tab")
        self.setAccessibleName(self.tr("Activations"))
        self.setProperty("role", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.view = Segmented(
            [("distribution", self.tr("Distribution")), ("sample", self.tr("One sample"))], self.tr("What is shown")
        )
        self.view.setObjectName("activations_view")
        self.view.set_tooltip("distribution", self.tr("What each layer puts out over many samples"))
        self.view.set_tooltip(
            "sample", self.tr("One sample through the network, layer by layer, beside the plan or a run")
        )
        self.view.set_value("distribution")
        self.view.chosen.connect(self._choose)
        row = QHBoxLayout()
        row.setContentsMargins(16, 10, 16, 0)
        row.addWidget(self.view)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        self._stack = QStackedWidget(self)
        column.addWidget(self._stack, 1)
        self.distribution = DistributionView(self._stack)
        self.distribution.record_wanted.connect(self.record_wanted)
        self.sample = SampleView(self._stack)
        self._stack.addWidget(self.distribution)
        self._stack.addWidget(self.sample)
        self._shown: tuple[SessionState, tuple[str, ...]] | None = None

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 200)

    def show_state(self, state: SessionState, selected: Sequence[str]) -> None:
        """Show what is chosen of this state."""
        self._shown = state, tuple(selected)
        if self.view.value() == "sample":
            self.sample.show_state(state, selected)
        else:
            self.distribution.show_state(state, selected)

    @property
    def look(self) -> str:
        """One sample is a picture that needs room, a distribution is read beside the whole table."""
        return "sample" if self.view.value() == "sample" else "activations"

    def _choose(self, key: str) -> None:
        self._stack.setCurrentWidget(self.sample if key == "sample" else self.distribution)
        self.look_changed.emit()
        if self._shown is not None:
            self.show_state(*self._shown)

    def picture(self) -> QWidget:
        """The widget that a copied or saved picture shows."""
        return self.sample.picture() if self.view.value() == "sample" else self.distribution.picture()
