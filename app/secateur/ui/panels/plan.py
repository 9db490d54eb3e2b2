"""The plan of the selected layers: a card for each family of methods, the predicted effect at the foot."""

from collections.abc import Sequence
from typing import ClassVar

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from secateur.methods.base import Method
from secateur.session.session import LayerEffect
from secateur.session.state import SessionState
from secateur.ui.panels.effect_card import EffectCard
from secateur.ui.panels.plan_cards import FamilyCard, ModelCard
from secateur.ui.panels.plan_families import families, supported
from secateur.ui.panels.plan_rail import PlanRail
from secateur.ui.panels.steps_card import StepsCard
from secateur.ui.widgets.button import IconButton
from secateur.ui.widgets.card import label
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.why_not import set_why_not

ROOM_TO_DRAG = 40
"""Pixels above and below the place that a step is dragged to."""
HEAD_HEIGHT = 62
"""The title, the gaps around the steps, and the margin below the effect."""
KEEP = "Keep this choice: the budget leaves the selected layers as they are planned, in float too (K)"
FREE = "Let the budget choose: what is planned for the selected layers is kept now (K)"
RAIL_WIDTH, LEAST_WIDTH, WIDTH = 40, 264, 288
LEAST_STEPS = 104
"""Height that the steps keep beside the effect: two cards and their gap."""


class PlanPanel(QWidget):
    """Shows `show_state(state, selected)` and `show_effect(effect, source)`; says what a person wants.

    `method_wanted(family, method | None, merge)` concerns the selected layers that the method works on (see
    `layers_for`), `model_method_wanted(family, method | None)` the whole model.
    """

    shows: ClassVar[frozenset[str]] = frozenset(
        {"chosen_step", "data", "explained", "kept", "model", "recipe", "target", "timed"}
    )

    method_wanted = Signal(str, object, str)
    model_method_wanted = Signal(str, object)
    keep_wanted = Signal()
    clear_wanted = Signal()
    tab_wanted = Signal(str)
    rail_opened = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plan_panel")
        self.setAccessibleName(self.tr("Plan of the selected layers"))
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._metric = ""
        self._layers: tuple[str, ...] = ()
        self._state = SessionState()
        self.rail = PlanRail(self)
        self.rail.clicked.connect(self.rail_opened)
        self.rail.hide()
        self._content = QWidget(self)
        self._assemble()
        self._connect()
        self.set_rail(False)
        self.show_state(self._state, ())
        self.show_effect(None, "")

    # ------------------------------------------------------------------ build

    def _assemble(self) -> None:
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.rail)
        outer.addWidget(self._content, 1)
        column = QVBoxLayout(self._content)
        column.setContentsMargins(12, 0, 12, 12)
        column.setSpacing(8)
        column.addLayout(self._head())
        self.steps_area = self._area()
        column.addWidget(self.steps_area, 1)
        self._holder = steps = QWidget(self.steps_area.viewport())
        self._steps = QVBoxLayout(steps)
        self._steps.setContentsMargins(0, 0, 0, 0)
        self._steps.setSpacing(8)
        self.nothing = label(
            self.tr("Select one layer or several in the table: what can be done to them appears here."),
            "secondary",
            wrap=True,
        )
        self.nothing.setObjectName("plan_nothing")
        self._steps.addWidget(self.nothing)
        self.cards = {family: FamilyCard(family, steps) for family in families("layer")}
        self.model_cards = {family: ModelCard(family, "distil", steps) for family in families("model")}
        self.order = StepsCard(steps)
        for card in (*self.cards.values(), *self.model_cards.values(), self.order):
            self._steps.addWidget(card)
        self._steps.addStretch(1)
        self.steps_area.setWidget(steps)
        steps.setAutoFillBackground(False)
        self.steps_area.viewport().setAutoFillBackground(False)
        self.effect = EffectCard(self._content)
        column.addWidget(self.effect)

    def _area(self) -> QScrollArea:
        area = QScrollArea(self._content)
        area.setObjectName("plan_steps")
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return area

    def _head(self) -> QHBoxLayout:
        head = QHBoxLayout()
        head.setContentsMargins(0, 6, 0, 0)
        head.setSpacing(8)
        self.subject = ElidedLabel("", size=12, role="secondary")
        self.subject.setObjectName("plan_subject")
        self.clear = IconButton("reset", self.tr("Back to float: take every step out of these layers (Del)"))
        self.clear.setObjectName("plan_clear")
        head.addWidget(label(self.tr("Plan"), "title"))
        head.addWidget(self.subject, 1)
        self.keep = IconButton("free", KEEP)
        self.keep.setObjectName("plan_keep")
        head.addWidget(self.keep)
        head.addWidget(self.clear)
        return head

    def _connect(self) -> None:
        self.clear.clicked.connect(self.clear_wanted)
        self.keep.clicked.connect(self.keep_wanted)
        for family, card in self.cards.items():
            card.wanted.connect(lambda method, merge, family=family: self.method_wanted.emit(family, method, merge))
        for family, model_card in self.model_cards.items():
            model_card.wanted.connect(lambda method, family=family: self.model_method_wanted.emit(family, method))
            model_card.tab_wanted.connect(self.tab_wanted)
        self.order.drag_at.connect(self._scroll_along)

    def _scroll_along(self, y: int) -> None:
        """Let the place in the order that a step is dragged to be seen."""
        place = self.order.mapTo(self._holder, QPoint(0, y))
        self.steps_area.ensureVisible(0, place.y(), 0, ROOM_TO_DRAG)

    # ------------------------------------------------------------------ show

    def show_state(self, state: SessionState, selected: Sequence[str]) -> None:
        """Show the plan of the selected layers."""
        self._state = state
        chosen = set(selected)
        layers = [layer for layer in state.rows if layer.name in chosen]
        self._layers = tuple(layer.name for layer in layers)
        self._metric = state.data.metric if state.data else ""
        self._show_subject()
        has_steps = any(state.steps_of(name) for name in self._layers)
        set_why_not(self.clear, "" if has_steps else self.tr("Nothing is planned for the selected layers."))
        self._show_kept()
        for card in self.cards.values():
            card.setVisible(bool(layers))
            card.show_layers(state, layers)
        self.nothing.setVisible(not layers)
        for model_card in self.model_cards.values():
            model_card.show_state(state)
        self.order.show_state(state)

    def _show_kept(self) -> None:
        """A closed lock where the choice of all selected layers is kept."""
        are_kept = bool(self._layers) and self._state.kept.issuperset(self._layers)
        self.keep.set_icon("keep" if are_kept else "free", "accent" if are_kept else "")
        self.keep.setAccessibleName(FREE if are_kept else KEEP)
        set_why_not(self.keep, "" if self._layers else self.tr("Select a layer first."), FREE if are_kept else KEEP)

    def _show_subject(self) -> None:
        count = len(self._layers)
        text = self._layers[0] if count == 1 else self.tr("{} layers").format(count) if count else ""
        names = [row.name for row in self._state.rows]
        self.subject.set_name(text, names)
        self.rail.set_subject(text, names)

    def show_effect(self, effect: LayerEffect | None, source: str) -> None:
        """Show what the plan would do to the selected layers; `source` says where the numbers come from."""
        self.effect.show_effect(effect, source, self._metric, is_selected=bool(self._layers))

    def show_why(self, sentence: str) -> None:
        """Say why the selected layer is planned as it is."""
        self.effect.show_why(sentence)

    def layers_for(self, method: Method) -> list[str]:
        """Names of the selected layers that this method works on."""
        chosen = set(self._layers)
        return supported(method, [layer for layer in self._state.rows if layer.name in chosen])

    # ------------------------------------------------------------------ rail

    def set_rail(self, on: bool) -> None:
        """Fold the panel to a rail of 40 px, or unfold it."""
        self.rail.setVisible(on)
        self._content.setVisible(not on)
        self.setMinimumWidth(RAIL_WIDTH if on else LEAST_WIDTH)
        if on:
            self.setMaximumWidth(RAIL_WIDTH)
        elif self.maximumWidth() == RAIL_WIDTH:
            self.setMaximumWidth(400)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.effect.set_room(max(event.size().height() - HEAD_HEIGHT - LEAST_STEPS, 1))

    def sizeHint(self) -> QSize:
        return QSize(RAIL_WIDTH if self.rail.isVisibleTo(self) else WIDTH, 480)
