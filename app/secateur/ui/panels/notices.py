"""The strip of notices above the panels: what happened, what helps, and a button that does it."""

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from secateur.session.notices import in_order
from secateur.session.state import Notice
from secateur.ui.actions import remedy
from secateur.ui.naming import named
from secateur.ui.theme.style import color, icon, notifier
from secateur.ui.widgets.icon_button import IconButton

_ICONS = {"info": ("info", "accent"), "warn": ("warning", "warn"), "error": ("warning-circle", "negative")}


class NoticeBar(QFrame):
    """One notice in one line that wraps where it must; with `more`, a button that opens and closes the others."""

    remedy_wanted = Signal(str)
    dismissed = Signal()
    details_wanted = Signal()
    more_wanted = Signal()

    def __init__(self, notice: Notice, parent: QWidget | None = None, *, more: str = "") -> None:
        super().__init__(parent)
        self.notice = notice
        self.setObjectName("notice")
        self.setAccessibleName(f"{notice.sentence} {notice.hint}".strip())
        self._picture = QLabel(self)
        text = named(QLabel(_rich(notice), self, wordWrap=True), "notice_text")
        text.setTextFormat(Qt.TextFormat.RichText)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 4, 8, 4)
        row.setSpacing(8)
        row.addWidget(self._picture)
        row.addWidget(text, 1)
        for button in self._make_buttons():
            row.addWidget(button)
        if more:
            others = named(QPushButton(more, self), "notice_more")
            others.setToolTip("Show the other notices, or this one alone")
            others.clicked.connect(self.more_wanted)
            row.addWidget(others)
        close = IconButton("x", "Dismiss this notice")
        close.setObjectName("notice_dismiss")
        close.setAccessibleName("Dismiss")
        close.clicked.connect(self.dismissed)
        row.addWidget(close)
        notifier.theme_changed.connect(self._rebuild_icon)
        self._rebuild_icon()

    def _make_buttons(self) -> list[QPushButton]:
        buttons: list[QPushButton] = []
        if self.notice.details:
            details = named(QPushButton("Details", self), "notice_details")
            details.setToolTip("Show what went wrong inside, to report it")
            details.clicked.connect(self.details_wanted)
            buttons.append(details)
        if self.notice.remedy:
            entry = remedy(self.notice.remedy)
            button = named(QPushButton(entry.text.rstrip("…"), self), "notice_remedy")
            button.setToolTip(entry.tooltip)
            button.clicked.connect(lambda: self.remedy_wanted.emit(self.notice.remedy))
            buttons.append(button)
        return buttons

    def paintEvent(self, event: QPaintEvent) -> None:
        """The tint of its kind, and a bar of 3 px in the kind's own colour at the left."""
        _, role = self._look
        painter = QPainter(self)
        painter.fillRect(self.rect(), color("raised" if role == "accent" else f"{role}_tint"))
        painter.fillRect(0, 0, 3, self.height(), color(role))
        painter.end()

    @property
    def _look(self) -> tuple[str, str]:
        return _ICONS.get(self.notice.kind, _ICONS["info"])

    def _rebuild_icon(self) -> None:
        name, role = self._look
        self._picture.setPixmap(icon(name, role).pixmap(16, 16))


class NoticesPanel(QWidget):
    """The gravest notice of the session, the others behind a button; hidden while there is none."""

    remedy_wanted = Signal(str)
    dismiss_wanted = Signal(object)
    details_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notices")
        self.setAccessibleName("Notices")
        self._shown: tuple[Notice, ...] = ()
        self._is_open = False
        self._bars: list[NoticeBar] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(1)
        self.hide()

    def show_notices(self, notices: Sequence[Notice]) -> None:
        """Errors before warnings before information, the newest first, of which one is shown until all are wanted."""
        if tuple(notices) == self._shown:
            return
        self._shown = tuple(notices)
        self._is_open = self._is_open and len(notices) > 1
        self._rebuild()

    def _rebuild(self) -> None:
        for bar in self._bars:
            self._column.removeWidget(bar)
            bar.hide()  # it may be its own button that asked for this: it is deleted once that is done
            bar.deleteLater()
        self._bars = []
        order = in_order(self._shown)
        more = f"{len(order) - 1} more" if not self._is_open else "Only the first"
        for place, index in enumerate(order if self._is_open else order[:1]):
            bar = NoticeBar(self._shown[index], self, more=more if not place and len(order) > 1 else "")
            bar.remedy_wanted.connect(self.remedy_wanted)
            bar.more_wanted.connect(self._toggle)
            bar.dismissed.connect(lambda n=self._shown[index]: self.dismiss_wanted.emit(n))
            bar.details_wanted.connect(lambda n=self._shown[index]: self.details_wanted.emit(n))
            self._column.addWidget(bar)
            self._bars.append(bar)
        self.setVisible(bool(self._bars))

    def _toggle(self) -> None:
        self._is_open = not self._is_open
        self._rebuild()
        button = self._bars[0].findChild(QPushButton, "notice_more")
        if isinstance(button, QPushButton):
            button.setFocus()  # the keyboard stays on what it pressed

    @property
    def bars(self) -> tuple[NoticeBar, ...]:
        return tuple(self._bars)


def _rich(notice: Notice) -> str:
    strong = f'<span style="font-weight: 600">{escape(notice.sentence)}</span>'  # the heaviest weight that is bundled
    return f"{strong}&nbsp;&nbsp;{escape(notice.hint)}"
