"""A field for one number within a range, right-aligned, 28 px high."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QLineEdit, QWidget

from secateur.ui.theme.style import set_role

MOST_DIGITS = 6


class NumberField(QLineEdit):
    """`edited(x)` once a person's number is taken (Return, leaving the field, ↑ ↓).

    `scale` is what one shown unit stands for: 0.01 with `suffix` " %" shows a ratio as a percentage. A number
    out of range or no number marks the field, says the range in the tooltip, and is put back on leaving. At most
    `digits` significant ones are shown, so that a short field shows the whole of them; the value keeps the others,
    and the tooltip tells them.
    """

    edited = Signal(float)

    def __init__(
        self,
        minimum: float = 0.0,
        maximum: float = 1.0,
        *,
        whole: bool = False,
        scale: float = 1.0,
        suffix: str = "",
        open_minimum: bool = False,
        open_maximum: bool = False,
        name: str = "",
        digits: int = MOST_DIGITS,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._digits = digits
        self._minimum, self._maximum, self._whole = minimum, maximum, whole
        self._scale, self._suffix = scale, suffix
        self._open = (open_minimum, open_maximum)
        self._value = minimum
        self._help = ""
        self.setAccessibleName(name)
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.textEdited.connect(lambda _: self._mark())
        self._show()

    def value(self) -> float:
        return self._value

    def set_value(self, value: float) -> None:
        """Show a number without `edited`; what a person is typing stays as long as the number is still the same.

        Another number comes from somewhere else, as from a plot or from undo: it would be taken back by the old text.
        """
        is_typing = self.hasFocus() and self.isModified()
        if value != self._value or not is_typing:
            self._value = value
            self._show()

    def set_range(self, minimum: float, maximum: float) -> None:
        """Take another range; the number stays until `set_value`."""
        self._minimum, self._maximum = minimum, maximum

    def set_help(self, text: str) -> None:
        self._help = text
        self._mark()

    def parsed(self) -> float | None:
        """The number in the field, None where it is none or out of range."""
        text = self.text().replace("\u00a0", "").replace(" ", "").replace("\u2212", "-").replace(",", "")
        text = text.removesuffix(self._suffix.strip())
        try:
            shown = float(text)
        except ValueError:
            return None
        value = round(shown * self._scale, 12)  # 57 % is 0.57, not 0.5700000000000001
        low_ok = value > self._minimum if self._open[0] else value >= self._minimum
        high_ok = value < self._maximum if self._open[1] else value <= self._maximum
        if not (low_ok and high_ok) or (self._whole and value != int(value)):
            return None
        return value

    def text_of(self, value: float, most_digits: int | None = None) -> str:
        """How a number is written in the field: as short as it can be within its digits."""
        shown = value / self._scale
        digits = f"{shown:.0f}" if self._whole else f"{shown:.{most_digits or self._digits}g}"
        return digits.replace("e-0", "e-").replace("-", "\u2212", 1 if shown < 0 else 0) + self._suffix

    def range_text(self) -> str:
        low = f"more than {self.text_of(self._minimum)}" if self._open[0] else self.text_of(self._minimum)
        high = f"less than {self.text_of(self._maximum)}" if self._open[1] else self.text_of(self._maximum)
        return f"{'A whole number' if self._whole else 'A number'}, {low} to {high}."

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take()
            event.accept()
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._step(1 if event.key() == Qt.Key.Key_Up else -1)
        elif event.key() == Qt.Key.Key_Escape and self.isModified():
            self._show()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Undo and redo are the window's, unless there is something typed to take back."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and not self.isModified():
            keys = (QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo)
            if any(event.matches(key) for key in keys):
                event.ignore()
                return False
        return super().event(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._take()
        self._show()
        super().focusOutEvent(event)

    def _step(self, direction: int) -> None:
        step = self._scale if self._scale != 1.0 or self._whole else max(abs(self._value), 1e-6) / 10
        value = self._value + direction * step
        if self._minimum < value < self._maximum or (value in (self._minimum, self._maximum) and not any(self._open)):
            self._value = value
            self._show()
            self.edited.emit(value)

    def _take(self) -> None:
        value = self.parsed()
        if value is not None and self.isModified():
            changed = value != self._value
            self._value = value
            self._show()
            if changed:
                self.edited.emit(value)

    def _mark(self) -> None:
        wrong = self.parsed() is None
        set_role(self, "negative" if wrong else "", "tone")
        exact = self.text_of(self._value, MOST_DIGITS)
        rounded = f"{self._help}\n{exact}".strip() if exact != self.text_of(self._value) else self._help
        self.setToolTip(self.range_text() if wrong else rounded)

    def _show(self) -> None:
        self.setText(self.text_of(self._value))
        self.setModified(False)
        self._mark()
