"""The plan as a whole: its steps in the order in which they run, a repeat as one block of rounds."""

import re

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from secateur.recipe.recipe import Growth, Repeat, Step
from secateur.recipe.words import is_share, layers_of, values_of
from secateur.session.ordering import why_not_doubled, why_not_moved, why_not_repeated
from secateur.session.state import SessionState
from secateur.ui.theme.style import icon, notifier, set_role
from secateur.ui.widgets.button import IconButton
from secateur.ui.widgets.card import Card, label
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.number_field import NumberField
from secateur.ui.widgets.why_not import set_why_not

MOST_ROUNDS = 100
INDENT = 20
KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Delete, Qt.Key.Key_D, Qt.Key.Key_R)


class StepsCard(Card):
    """Shows `show_state(state)`. Chosen steps are what the buttons and keys are about.

    `move_wanted(id, by)`, `delete_wanted(ids)`, `double_wanted(id)`, `repeat_wanted(ids)` (of a repeat alone: done
    once again), `rounds_wanted(id, rounds)`, `values_wanted(id, field, values by round)`, `step_chosen(id)`.
    """

    move_wanted = Signal(str, int)
    delete_wanted = Signal(object)
    double_wanted = Signal(str)
    repeat_wanted = Signal(object)
    rounds_wanted = Signal(str, int)
    values_wanted = Signal(str, str, object)
    step_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Order of the steps", "", "plan", parent)
        self.setObjectName("steps_card")
        self._state = SessionState()
        self._chosen: tuple[str, ...] = ()
        self._followed = ""
        self.rows: list[StepRow] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(4)
        self.body.addLayout(self._list)
        self.body.addLayout(self._tools())
        self.hide()

    def _tools(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(4)
        self.up = IconButton("up", self.tr("Move the chosen step up: it runs earlier (Alt+↑)"))
        self.down = IconButton("down", self.tr("Move the chosen step down: it runs later (Alt+↓)"))
        self.double = IconButton("copy", self.tr("Do the chosen step a second time (D)"))
        self.repeat = IconButton("repeat", "")
        self.delete = IconButton("trash", self.tr("Take the chosen steps out of the plan (Del)"))
        for name, button in (
            ("up", self.up),
            ("down", self.down),
            ("double", self.double),
            ("repeat", self.repeat),
            ("delete", self.delete),
        ):
            button.setObjectName(f"step_{name}")
            line.addWidget(button)
        line.addStretch(1)
        self.up.clicked.connect(lambda: self._move(-1))
        self.down.clicked.connect(lambda: self._move(1))
        self.double.clicked.connect(self._double)
        self.repeat.clicked.connect(self._repeat)
        self.delete.clicked.connect(self._delete)
        return line

    # ------------------------------------------------------------------ show

    def show_state(self, state: SessionState) -> None:
        """Show the plan's steps; what was chosen stays chosen while it is there."""
        known = self._state.recipe
        self._state = state
        self.setVisible(bool(state.recipe.steps))
        if state.recipe != known or [row.step_id for row in self.rows] != [one.id for one, _, _ in self._entries()]:
            self._show_rows()
            self._follow()
        there = {row.step_id for row in self.rows}
        self._chosen = tuple(step_id for step_id in self._chosen if step_id in there)
        self._show_choice()

    def _entries(self) -> list[tuple[Step | Repeat, str, bool]]:
        """(entry, its number, whether it stands in a repeat) from top to bottom."""
        found: list[tuple[Step | Repeat, str, bool]] = []
        for number, entry in enumerate(self._state.recipe.steps, 1):
            found.append((entry, f"{number}", False))
            if isinstance(entry, Repeat):
                found += [(step, f"{number}.{part}", True) for part, step in enumerate(entry.steps, 1)]
        return found

    def _show_rows(self) -> None:
        entries = self._entries()
        count = len(self._state.recipe.steps)
        told = self.tr("1 step") if count == 1 else self.tr("{} steps").format(count)
        self.set_title(self.tr("Order of the steps"), told)
        kinds = [type(entry) for entry, _, _ in entries]
        if kinds != [row.kind for row in self.rows]:  # rows that stay keep the focus
            had_focus = next((place for place, row in enumerate(self.rows) if row.hasFocus()), None)
            for row in self.rows:
                self._list.removeWidget(row)
                row.hide()
                row.setParent(None)
                row.deleteLater()
            self.rows = [self._row(kind) for kind in kinds]
            if had_focus is not None and self.rows:
                self.rows[min(had_focus, len(self.rows) - 1)].setFocus()
        for row, (entry, number, is_inner) in zip(self.rows, entries, strict=True):
            row.show_entry(entry, number, is_inner=is_inner)

    def _follow(self) -> None:
        """Let the focus stay with the step that was moved."""
        row = next((row for row in self.rows if row.step_id == self._followed), None)
        if row is not None and any(other.hasFocus() for other in self.rows):
            row.setFocus()
        self._followed = ""

    def _row(self, kind: type[Step | Repeat]) -> "StepRow":
        row = StepRow(kind)
        row.chosen.connect(self._choose)
        row.key.connect(self._key)
        row.rounds_wanted.connect(self.rounds_wanted)
        row.values_wanted.connect(self.values_wanted)
        self._list.addWidget(row)
        return row

    def _show_choice(self) -> None:
        for row in self.rows:
            row.set_chosen(row.step_id in self._chosen)
        set_why_not(self.up, why_not_moved(self._state, self._chosen, -1))
        set_why_not(self.down, why_not_moved(self._state, self._chosen, 1))
        set_why_not(self.double, why_not_doubled(self._state, self._chosen))
        set_why_not(self.delete, "" if self._chosen else self.tr("Choose a step of the plan."))
        is_repeat = len(self._chosen) == 1 and isinstance(self._state.recipe.find(self._chosen[0]), Repeat)
        tip = self.tr("Do the steps of this repeat once, as its last round does them (R)")
        if not is_repeat:
            tip = self.tr("Repeat the chosen steps in rounds: what they take away grows from round to round (R)")
        self.repeat.setAccessibleName(tip)
        set_why_not(self.repeat, why_not_repeated(self._state, self._chosen), tip)

    # ------------------------------------------------------------------ what a person wants

    def _choose(self, step_id: str, extend: bool) -> None:
        if extend and self._chosen:
            ids = [row.step_id for row in self.rows if not row.is_inner]
            if step_id in ids and self._chosen[0] in ids:
                first, last = sorted((ids.index(self._chosen[0]), ids.index(step_id)))
                between = ids[first : last + 1]
                # the anchor stays first
                self._chosen = (self._chosen[0], *(one for one in between if one != self._chosen[0]))
        else:
            self._chosen = (step_id,)
        self._show_choice()
        self.step_chosen.emit(self._chosen[0])

    def _key(self, row: "StepRow", key: int, modifiers: Qt.KeyboardModifier) -> None:
        place = self.rows.index(row)
        if row.step_id not in self._chosen:
            self._choose(row.step_id, False)
        by = -1 if key == Qt.Key.Key_Up else 1
        match key:
            case Qt.Key.Key_Up | Qt.Key.Key_Down if modifiers & Qt.KeyboardModifier.AltModifier:
                self._move(by)
            case Qt.Key.Key_Up | Qt.Key.Key_Down if 0 <= place + by < len(self.rows):
                neighbour = self.rows[place + by]
                neighbour.setFocus()
                self._choose(neighbour.step_id, bool(modifiers & Qt.KeyboardModifier.ShiftModifier))
            case Qt.Key.Key_Delete:
                self._delete()
            case Qt.Key.Key_D:
                self._double()
            case Qt.Key.Key_R:
                self._repeat()

    def _move(self, by: int) -> None:
        if self.up.isEnabled() if by < 0 else self.down.isEnabled():
            if any(row.hasFocus() for row in self.rows):
                self._followed = self._chosen[0]  # the focus goes along once the plan is shown as it is then
            self.move_wanted.emit(self._chosen[0], by)

    def _double(self) -> None:
        if self.double.isEnabled():
            self.double_wanted.emit(self._chosen[0])

    def _repeat(self) -> None:
        if self.repeat.isEnabled():
            self.repeat_wanted.emit(self._chosen)

    def _delete(self) -> None:
        if self.delete.isEnabled():
            self.delete_wanted.emit(self._chosen)


class StepRow(QFrame):
    """One step, or the head of a repeat with its number of rounds."""

    chosen = Signal(str, bool)
    key = Signal(object, int, object)
    rounds_wanted = Signal(str, int)
    values_wanted = Signal(str, str, object)

    def __init__(self, kind: type[Step | Repeat], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind, self.step_id, self.is_inner = kind, "", False
        self._icon_name = "repeat"
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
            self._line.addWidget(label(self.tr("rounds"), "secondary"))
        notifier.theme_changed.connect(self._draw_icon)

    def show_entry(self, entry: Step | Repeat, number: str, *, is_inner: bool) -> None:
        """Show what it does; `number` is its place in the plan."""
        self.step_id, self.is_inner = entry.id, is_inner
        self.setObjectName(f"step_{number}")
        self._number.setText(number)
        self._line.setContentsMargins(INDENT if is_inner else 6, 4, 6, 4)
        if isinstance(entry, Repeat):
            title, values, self._icon_name = self.tr("Repeat"), "", "repeat"
            told = self.tr("Step {}: repeat, {} rounds").format(number, entry.rounds)
            if self.rounds is not None:
                self.rounds.setObjectName(f"rounds_{number}")
                self.rounds.set_value(entry.rounds)
        else:
            title, self._icon_name = entry.method.title, entry.method.family
            values = " · ".join(part for part in (layers_of(entry), values_of(entry)) if part)
            told = self.tr("Step {}: {}, {}").format(number, title, values)
            self.setToolTip(", ".join(entry.layers) if entry.method.scope == "layer" else "")
        self._show_course(entry, number)
        self.title.set_text(title)
        self.values.setText(values)
        self.values.setVisible(bool(values))
        self.setAccessibleName(told)
        self._draw_icon()

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

    def mousePressEvent(self, event: QMouseEvent) -> None:
        shift = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier
        self.chosen.emit(self.step_id, bool(event.modifiers() & shift))

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in KEYS:
            event.accept()  # Del takes a step out of the plan here, and not out of the selected layers
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, modifiers = event.key(), event.modifiers()
        if key in KEYS and not modifiers & Qt.KeyboardModifier.ControlModifier:
            self.key.emit(self, key, modifiers)
        elif key in (Qt.Key.Key_Space, Qt.Key.Key_Return):
            self.chosen.emit(self.step_id, bool(modifiers & Qt.KeyboardModifier.ShiftModifier))
        else:
            super().keyPressEvent(event)


def course_text(growth: Growth) -> str:
    """Values by round as they are typed: `10, 20, 30, 35`."""
    scale = 100.0 if is_share(growth.field) else 1.0
    return ", ".join(f"{float(value) * scale:.4g}" for value in growth.values)
