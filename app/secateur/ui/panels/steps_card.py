"""The plan as a whole: its steps in the order in which they run, a repeat as one block of rounds."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from secateur.figures import counted
from secateur.recipe.recipe import Repeat, Step
from secateur.session.ordering import why_not_doubled, why_not_moved, why_not_repeated
from secateur.session.state import SessionState
from secateur.ui.panels.step_row import INDENT, StepRow
from secateur.ui.widgets.button import IconButton
from secateur.ui.widgets.card import Card
from secateur.ui.widgets.why_not import set_why_not

GAP = 4
LINE = 2
"""Height of the line that shows where a dragged step would go."""


class StepsCard(Card):
    """Shows `show_state(state)`. Chosen steps are what the buttons and keys are about.

    `move_wanted(id, by)`, `delete_wanted(ids)`, `double_wanted(id)`, `repeat_wanted(ids)` (of a repeat alone: done
    once again), `rounds_wanted(id, rounds)`, `values_wanted(id, field, values by round)`, `step_chosen(id)`.
    `drag_at(y)` while a step is pulled over the card, in its pixels.
    """

    move_wanted = Signal(str, int)
    delete_wanted = Signal(object)
    double_wanted = Signal(str)
    repeat_wanted = Signal(object)
    rounds_wanted = Signal(str, int)
    values_wanted = Signal(str, str, object)
    step_chosen = Signal(str)
    drag_at = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Order of the steps", "", "plan", parent)
        self.setObjectName("steps_card")
        self._state = SessionState()
        self._chosen: tuple[str, ...] = ()
        self._followed = ""
        self.rows: list[StepRow] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(GAP)
        self.body.addLayout(self._list)
        self.body.addLayout(self._tools())
        self.drop_line = QFrame(self)
        self.drop_line.setObjectName("steps_drop_line")
        self.drop_line.setProperty("role", "drop")
        self.drop_line.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.drop_line.hide()
        self._gap: int | None = None
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
        self.set_title(self.tr("Order of the steps"), counted(count, "step"))
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
        row.dragged.connect(self._drag)
        row.dropped.connect(self._drop)
        row.let_go.connect(lambda _: self._end_drag())
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

    # ------------------------------------------------------------------ dragging

    def _blocks(self, row: StepRow) -> list[list[StepRow]]:
        """What a dragged row can stand between: entries with all their rows, or the steps of its own repeat."""
        if row.is_inner:
            repeat = next(e for e in self._state.recipe.steps if isinstance(e, Repeat) and row.step_id in _ids(e))
            return [[one] for one in self.rows if one.step_id in _ids(repeat)]
        blocks: list[list[StepRow]] = []
        for one in self.rows:
            if one.is_inner:
                blocks[-1].append(one)
            else:
                blocks.append([one])
        return blocks

    def _drag(self, row: StepRow, y: int) -> None:
        """Show the gap that the row would go to."""
        blocks = self._blocks(row)
        edges = [(block[0].geometry().top(), block[-1].geometry().bottom()) for block in blocks]
        self._gap = gap = sum(y > (top + bottom) / 2 for top, bottom in edges)
        middle = edges[gap][0] - GAP // 2 if gap < len(edges) else edges[-1][1] + GAP // 2
        left = row.geometry().left() + (INDENT if row.is_inner else 0)
        self.drop_line.setGeometry(left, middle - LINE // 2, row.geometry().right() - left + 1, LINE)
        self.drop_line.raise_()
        self.drop_line.show()
        self.drag_at.emit(y)

    def _drop(self, row: StepRow) -> None:
        gap, place = self._gap, [row in block for block in self._blocks(row)].index(True)
        self._end_drag()
        if gap is None or gap in (place, place + 1):
            return
        self._followed = row.step_id
        self.move_wanted.emit(row.step_id, gap - place - (gap > place))

    def _end_drag(self) -> None:
        self._gap = None
        self.drop_line.hide()


def _ids(repeat: Repeat) -> set[str]:
    return {step.id for step in repeat.steps}
