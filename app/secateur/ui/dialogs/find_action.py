"""Ctrl+K: everything that Secateur can do, found by a few letters, with its keys or the reason against it."""

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from secateur.ui.actions import ACTIONS, Action
from secateur.ui.naming import named
from secateur.ui.theme.icons import paint_icon
from secateur.ui.theme.style import color, font, metrics

ROW_HEIGHT, MARGIN, ICON = 34, 12, 16
_MIDDLE = Qt.AlignmentFlag.AlignVCenter
Index = QModelIndex | QPersistentModelIndex


class Found(NamedTuple):
    """An action with the reason why it cannot be done now (empty where it can)."""

    action: Action
    reason: str


def matching(text: str, why_not: Callable[[str], str]) -> list[Found]:
    """Actions whose words contain every word of `text`: those that can be done first, then in their own order."""
    words = text.lower().split()
    found = [
        Found(entry, why_not(entry.why_not) if entry.why_not else "")
        for entry in ACTIONS
        if entry.id != "find" and all(word in f"{entry.text} {entry.tooltip}".lower() for word in words)
    ]
    return sorted(found, key=lambda f: (bool(f.reason), not f.action.text.lower().startswith(text.lower())))


class FindActionDialog(QDialog):
    """A box and a list; Return does the marked action. `chosen` names it."""

    chosen = Signal(str)

    def __init__(self, why_not: Callable[[str], str], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self._why_not = why_not
        self.setObjectName("find_action")
        self.setAccessibleName("Find an action")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFixedSize(600, 420)
        self.box = named(QLineEdit(self, placeholderText="Find an action…"), "find_text")
        self.box.setAccessibleName("Find an action")
        self.list = named(QListWidget(self), "find_list")
        self.list.setAccessibleName("Actions")
        self.list.setItemDelegate(_Row(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.box)
        layout.addWidget(self.list, 1)
        self.box.textChanged.connect(self._show)
        self.box.installEventFilter(self)
        self.list.itemClicked.connect(self._choose)
        self._show("")
        self.box.setFocus()

    def _show(self, text: str) -> None:
        self.list.clear()
        for found in matching(text, self._why_not):
            item = QListWidgetItem(found.action.text.rstrip("…"))
            item.setData(Qt.ItemDataRole.UserRole, found)
            item.setToolTip(found.reason or found.action.tooltip)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            match event.key():
                case Qt.Key.Key_Down | Qt.Key.Key_Up:
                    step = 1 if event.key() == Qt.Key.Key_Down else -1
                    self.list.setCurrentRow((self.list.currentRow() + step) % max(self.list.count(), 1))
                    return True
                case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                    self._choose(self.list.currentItem())
                    return True
        return super().eventFilter(watched, event)

    def _choose(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        found: Found = item.data(Qt.ItemDataRole.UserRole)
        self.close()
        self.chosen.emit(found.action.id)


class _Row(QStyledItemDelegate):
    """Icon, name, the reason in secondary, and the keys at the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        found: Found = index.data(Qt.ItemDataRole.UserRole)
        painter.save()
        if state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            painter.fillRect(rect, color("selection" if state & QStyle.StateFlag.State_Selected else "hover"))
        role = "disabled" if found.reason else "text"
        top = rect.top() + (rect.height() - ICON) // 2
        paint_icon(painter, QRect(rect.left() + MARGIN, top, ICON, ICON), found.action.icon, color(role))
        inner = rect.adjusted(2 * MARGIN + ICON, 0, -MARGIN, 0)
        keys = (
            QKeySequence(found.action.keys[0]).toString(QKeySequence.SequenceFormat.NativeText)
            if found.action.keys
            else ""
        )
        painter.setFont(font(12))
        painter.setPen(color("secondary"))
        painter.drawText(inner, _MIDDLE | Qt.AlignmentFlag.AlignRight, keys)
        painter.setFont(font(12, 500))
        painter.setPen(color(role))
        name = found.action.text.rstrip("…")
        painter.drawText(inner, _MIDDLE, name)
        left = metrics(12, 500).horizontalAdvance(name) + MARGIN
        rest = inner.adjusted(left, 0, -(metrics(12).horizontalAdvance(keys) + MARGIN), 0)
        painter.setFont(font(11))
        painter.setPen(color("secondary"))
        said = found.reason or found.action.tooltip
        painter.drawText(rest, _MIDDLE, metrics(11).elidedText(said, Qt.TextElideMode.ElideRight, rest.width()))
        painter.restore()
