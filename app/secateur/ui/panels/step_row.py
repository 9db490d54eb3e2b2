"""A row of the plan's order: one step, or the head of a repeat with its number of rounds."""

import re

from PySide6.QtCore import QEvent, QPointF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from secateur.figures import counted
from secateur.recipe.recipe import Growth, Repeat, Step
from secateur.recipe.words import is_share, layers_of, values_of
from secateur.ui.theme.style import icon, notifier, set_role
from secateur.ui.widgets.card import label
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.number_field import NumberField

MOST_ROUNDS = 100
INDENT = 20
KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Delete, Qt.Key.Key_D, Qt.Key.Key_R)


class StepRow(QFrame):
    """`chosen(id, whether others stay chosen)`, `key(row, key, modifiers)` for the keys of the order.

    `dragged(row, y in the parent)` while it is pulled, then `dropped(row)`, or `let_go(row)` after Escape.
    """

    chosen = Signal(str, bool)
    key = Signal(object, int, object)
    rounds_wanted = Signal(str, int)
    values_wanted = Signal(str, str, object)
    dragged = Signal(object, int)
    dropped = Signal(object)
    let_go = Signal(object)

    def __init__(self, kind: type[Step | Repeat], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind, self.step_id, self.is_inner = kind, "", False
        self._icon_name = "repeat"
        self._pressed: QPointF | None = None
        self._is_dragged = False
        self.setProperty("role", "step")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._line = QHBoxLayout(self)
        self._line.setContentsMargins(6, 4, 6, 4)
        self._line.setSpacing(6)
        self._number = label("", "secondary")
        self._icon = QLabel()
        words = QVBoxLayout()
        words.setSpacing(0)
        self.title = ElidedLabel("", size=12)
        self.values = label("", "caption", wrap=True)
        words.addWidget(self.title)
        words.addWidget(self.values)
        self.course = QLineEdit()
        self.course.hide()
        self.course.editingFinished.connect(self._take_course)
        self._growth: Growth | None = None
        words.addWidget(self.course)
        at = Qt.AlignmentFlag.AlignVCenter if kind is Repeat else Qt.AlignmentFlag.AlignTop
        self._line.addWidget(self._number, 0, at)
        self._line.addWidget(self._icon, 0, at)
        self._line.addLayout(words, 1)
        self.rounds: NumberField | None = None
        if kind is Repeat:
            self.rounds = NumberField(1, MOST_ROUNDS, whole=True, name=self.tr("Rounds"))
            self.rounds.set_help(self.tr("How often the steps below are done; what grows reaches the same."))
            self.rounds.setFixedWidth(48)
            self.rounds.edited.connect(lambda value: self.rounds_wanted.emit(self.step_id, round(value)))
            self._line.addWidget(self.rounds)
            self._unit = label("", "secondary")
            self._line.addWidget(self._unit)
        notifier.theme_changed.connect(self._draw_icon)

    def show_entry(self, entry: Step | Repeat, number: str, *, is_inner: bool) -> None:
        """Show what it does; `number` is its place in the plan."""
        self.step_id, self.is_inner = entry.id, is_inner
        self.setObjectName(f"step_{number}")
        self._number.setText(number)
        self._line.setContentsMargins(INDENT if is_inner else 6, 4, 6, 4)
        if isinstance(entry, Repeat):
            title, values, self._icon_name = self.tr("Repeat"), "", "repeat"
            told = self.tr("Step {}: repeat, {}").format(number, counted(entry.rounds, "round"))
            if self.rounds is not None:
                self.rounds.setObjectName(f"rounds_{number}")
                self.rounds.set_value(entry.rounds)
                self._unit.setText(self.tr("round") if entry.rounds == 1 else self.tr("rounds"))
        else:
            title, self._icon_name = entry.method.title, entry.method.family
            values = " · ".join(part for part in (layers_of(entry), values_of(entry)) if part)
            told = self.tr("Step {}: {}, {}").format(number, title, values)
        self.setToolTip(self._help(entry))
        self._show_course(entry, number)
        self.title.set_text(title)
        self.values.setText(values)
        self.values.setVisible(bool(values))
        self.setAccessibleName(told)
        self._draw_icon()

    def _help(self, entry: Step | Repeat) -> str:
        how = self.tr("Drag it to another place, or move it with Alt+↑ and Alt+↓.")
        if isinstance(entry, Repeat):
            return self.tr("The indented steps are done one after the other, round after round.") + f"\n{how}"
        return f"{', '.join(entry.layers)}\n{how}" if entry.method.scope == "layer" else how

    def set_chosen(self, on: bool) -> None:
        set_role(self, "chosen" if on else "", "state")
        self.course.setVisible(on and self._growth is not None)

    def _show_course(self, entry: Step | Repeat, number: str) -> None:
        """The values by round of what grows, to be typed while the step is chosen."""
        growing = entry.growing if isinstance(entry, Step) else ()
        self._growth = next(iter(growing), None)
        if self._growth is None or not isinstance(entry, Step):
            self.course.hide()
            return
        title = type(entry.method).model_fields[self._growth.field].title or self._growth.field
        self.course.setObjectName(f"values_{number}")
        self.course.setText(course_text(self._growth))
        unit = self.tr(" in percent") if is_share(self._growth.field) else ""
        self.course.setAccessibleName(self.tr("{} by round").format(title))
        self.course.setToolTip(self.tr("{}{} in each round, with commas between; one is for all.").format(title, unit))

    def _take_course(self) -> None:
        if self._growth is None or self.course.text() == course_text(self._growth):
            return
        scale = 100.0 if is_share(self._growth.field) else 1.0
        is_whole = all(isinstance(value, int) for value in self._growth.values)
        try:
            numbers = [float(part) for part in re.split(r"[,;\s]+", self.course.text().strip(" ,;%"))]
        except ValueError:
            self.course.setText(course_text(self._growth))
            return
        values = tuple(int(number) if is_whole else round(number / scale, 6) for number in numbers)
        self.values_wanted.emit(self.step_id, self._growth.field, values)

    def _draw_icon(self) -> None:
        self._icon.setPixmap(icon(self._icon_name, "secondary").pixmap(QSize(16, 16), self.devicePixelRatioF()))

    # ------------------------------------------------------------------ mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        shift = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier
        extends = bool(event.modifiers() & shift)
        is_left = event.button() == Qt.MouseButton.LeftButton
        self._pressed = event.position() if is_left and not extends else None
        self.chosen.emit(self.step_id, extends)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        far = (event.position() - self._pressed).manhattanLength() >= QApplication.startDragDistance()
        if far and not self._is_dragged:
            self._is_dragged = True
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        if self._is_dragged:
            self.dragged.emit(self, round(self.mapToParent(event.position()).y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._end_drag():
            self.dropped.emit(self)

    def _end_drag(self) -> bool:
        """Whether there was one."""
        was_dragged, self._is_dragged, self._pressed = self._is_dragged, False, None
        self.unsetCursor()
        return was_dragged

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._is_own(event):
            event.accept()  # Del takes a step out of the plan here, and not out of the selected layers
            return True
        return super().event(event)

    def _is_own(self, event: QKeyEvent) -> bool:
        return event.key() in KEYS or (self._is_dragged and event.key() == Qt.Key.Key_Escape)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, modifiers = event.key(), event.modifiers()
        if key == Qt.Key.Key_Escape and self._end_drag():
            self.let_go.emit(self)
        elif key in KEYS and not modifiers & Qt.KeyboardModifier.ControlModifier:
            self.key.emit(self, key, modifiers)
        elif key in (Qt.Key.Key_Space, Qt.Key.Key_Return):
            self.chosen.emit(self.step_id, bool(modifiers & Qt.KeyboardModifier.ShiftModifier))
        else:
            super().keyPressEvent(event)


def course_text(growth: Growth) -> str:
    """Values by round as they are typed: `10, 20, 30, 35`."""
    scale = 100.0 if is_share(growth.field) else 1.0
    return ", ".join(f"{float(value) * scale:.4g}" for value in growth.values)
