"""The toolbar: what can be done, what is open, and the way to find the rest. Part of the first frame."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QPushButton, QSizePolicy, QWidget

from secateur import figures
from secateur.ui.actions import action
from secateur.ui.naming import named
from secateur.ui.theme.style import color, current_theme, font, icon, notifier
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.why_not import set_why_not

if TYPE_CHECKING:
    from secateur.session.state import SessionState

WhyNot = Callable[[str], str]

STARTING = "Secateur is still starting; this takes a moment."
MORE = (
    "open_folder",
    "open_code",
    "",
    "preset_iterative_pruning",
    "open_recipe",
    "save_recipe",
    "show_command",
    "",
    "bring_back",
    "",
    "target",
    "engine",
    "restart_engine",
)
"""Actions of the menu at the right end; an empty name is a rule."""


class ActionButton(QPushButton):
    """A button for one action: text or icon, tooltip with the shortcut, and the reason while it cannot be used."""

    wanted = Signal(str)

    def __init__(self, name: str, role: str, *, with_text: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.action_id = name
        self._action = action(name)
        self.setObjectName(f"{name}_button")
        self.setProperty("role", role)
        self.setAccessibleName(self._action.text.rstrip("…"))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setIconSize(QSize(16, 16))
        if with_text:
            self.setText(self._action.text.rstrip("…"))
        else:
            self.setFixedSize(28, 28)
        self.clicked.connect(lambda: self.wanted.emit(name))
        notifier.theme_changed.connect(self.rebuild_icon)
        self.rebuild_icon()
        self.set_reason("")

    def icon_name(self) -> str:
        if self.action_id == "theme":
            return "sun" if current_theme().name == "dark" else "moon"
        return self._action.icon

    def rebuild_icon(self) -> None:
        role = "text" if self.text() else "secondary"
        self.setIcon(icon(self.icon_name(), role if self.isEnabled() else "disabled"))

    def set_reason(self, reason: str) -> None:
        """Disable the button with this reason, or enable it where the reason is empty."""
        keys = f" ({self._action.keys[0]})" if self._action.keys else ""
        was_on = self.isEnabled()
        set_why_not(self, reason, f"{self._action.tooltip}{keys}")
        if was_on == bool(reason):
            self.rebuild_icon()


class Mark(QWidget):
    """The program's mark: a pair of shears on the accent colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(24, 24)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("accent_fill"))
        painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        icon("scissors", "on_accent").paint(painter, self.rect().adjusted(4, 4, -4, -4))
        painter.end()


class OpenThing(QWidget):
    """What is open: icon, name, and a few figures in secondary."""

    def __init__(self, name: str, icon_name: str, weight: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._icon_name = icon_name
        self._picture = QLabel(self)
        self.name_label = ElidedLabel(weight=weight, parent=self)
        self.figures_label = QLabel(self)
        self.figures_label.setProperty("kind", "secondary")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(8)
        layout.addWidget(self._picture)
        layout.addWidget(self.name_label)
        layout.addWidget(self.figures_label)
        layout.addStretch(1)
        self.name_label.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        notifier.theme_changed.connect(self._rebuild_icon)
        self._rebuild_icon()

    def _rebuild_icon(self) -> None:
        self._picture.setPixmap(icon(self._icon_name, "secondary").pixmap(16, 16))

    def show_thing(self, name: str, numbers: str) -> None:
        self.name_label.set_text(name)
        self.figures_label.setText(numbers)
        self.setAccessibleName(f"{name} {numbers}".strip())


class Toolbar(QFrame):
    """48 px high; `wanted` names the action of the button that was pressed."""

    wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolbar")
        self.setAccessibleName("Toolbar")
        self.setProperty("role", "panel")
        self.setFixedHeight(48)
        self.word_mark = QLabel("Secateur", self)
        self.word_mark.setFont(font(13, 600))
        self.model = OpenThing("open_model", "cube", 600, self)
        self.data = OpenThing("open_data", "image", 400, self)
        self.empty = QLabel("No model open", self)
        self.buttons: dict[str, ActionButton] = {}
        self._why_not: WhyNot = lambda _name: STARTING
        self.find_box = self._make_find_box()
        self.more = self._make_more()
        notifier.theme_changed.connect(self._draw_more)
        self._draw_more()
        self._assemble()
        self.show_state(None, lambda name: "")

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setPen(color("border"))  # not fillRect: its overloads cost 5 ms before the first frame
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)
        painter.end()

    def _button(self, name: str, role: str, *, with_text: bool = True) -> ActionButton:
        button = ActionButton(name, role, with_text=with_text, parent=self)
        button.wanted.connect(self.wanted)
        self.buttons[name] = button
        return button

    def _make_find_box(self) -> QPushButton:
        box = named(QPushButton("Find an action…  Ctrl+K", self), "find_box")
        box.setStyleSheet("QPushButton { text-align: left; font-weight: 400; color: palette(placeholder-text); }")
        box.setToolTip(action("find").tooltip)
        box.setAccessibleName("Find an action")
        box.setFixedWidth(196)
        box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        box.clicked.connect(lambda: self.wanted.emit("find"))
        box.setIcon(icon("magnifying-glass"))
        return box

    def _make_more(self) -> QPushButton:
        button = named(QPushButton(self), "more_button")
        button.setProperty("role", "icon")
        button.setFixedSize(28, 28)
        button.setIconSize(QSize(16, 16))
        button.setToolTip("Recipes, the plan as a command, and the engine")
        button.setAccessibleName("More")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(self._show_more)
        return button

    def _draw_more(self) -> None:
        self.more.setIcon(icon("more"))

    def _show_more(self) -> None:
        """The menu of what is wanted less often; what cannot be done now says why in its tooltip."""
        menu = named(QMenu(self), "more_menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        for name in MORE:
            if not name:
                menu.addSeparator()
                continue
            entry = action(name)
            keys = f"\t{entry.keys[0]}" if entry.keys else ""
            item = menu.addAction(f"{entry.text}{keys}")
            item.setObjectName(f"more_{name}")
            reason = self._why_not(entry.why_not) if entry.why_not else ""
            set_why_not(item, reason, entry.tooltip)
            item.triggered.connect(partial(self.wanted.emit, name))
        menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    def _assemble(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 1)
        row.setSpacing(0)
        row.addWidget(Mark(self))
        row.addSpacing(8)
        row.addWidget(self.word_mark)
        _add_rule(row, self)
        for name in ("open", "data", "analyse", "autopilot"):
            row.addWidget(self._button(name, "ghost"))
        _add_rule(row, self)
        row.addWidget(self.empty)
        row.addWidget(self.model)
        row.addSpacing(12)
        row.addWidget(self.data)
        row.addStretch(1)
        row.addWidget(self.find_box)
        row.addSpacing(8)
        for name in ("undo", "redo", "theme"):
            row.addWidget(self._button(name, "icon", with_text=False))
            row.addSpacing(6)
        row.addWidget(self._button("export", "default"))
        row.addSpacing(6)
        row.addWidget(self.more)

    def set_narrow(self, narrow: bool) -> None:
        """Leave out what the shortcuts also reach where there is no room."""
        self.word_mark.setVisible(not narrow)
        self.find_box.setVisible(not narrow)
        self.data.setProperty("narrow", narrow)
        self._show_data_chip()

    def _show_data_chip(self) -> None:
        self.data.setVisible(bool(self.data.name_label.text()) and not self.data.property("narrow"))

    def show_state(self, state: "SessionState | None", why_not: WhyNot) -> None:
        """What is open, and which buttons can be used; `state` is None while the program starts."""
        self._why_not = why_not if state else lambda _name: STARTING
        model = state.model if state else None
        loading = state.loading if state else ""
        self.empty.setVisible(model is None)
        self.empty.setText(f"Opening {loading}…" if loading else "No model open")
        self.model.setVisible(model is not None)
        if model is not None:
            dtypes = sorted({layer.weight.dtype for layer in model.layers if layer.weight})
            numbers = f"{figures.size(model.source_bytes)} · {', '.join(dtypes)}"
            self.model.show_thing(model.name, f"opening {loading}…" if loading else numbers)
            self.model.setToolTip(f"{model.source.label}\n{model.format}, {figures.thousands(model.params)} parameters")
        data = state.data if state else None
        self.data.show_thing(f"{data.name} · {figures.thousands(data.test)} test" if data else "", "")
        self._show_data_chip()
        for name, button in self.buttons.items():
            needs = action(name).why_not
            button.set_reason("" if not needs else why_not(needs) if state else STARTING)


def _add_rule(row: QHBoxLayout, parent: QWidget) -> None:
    line = QFrame(parent)
    line.setProperty("role", "line")
    line.setFixedSize(1, 20)
    row.addSpacing(8)
    row.addWidget(line)
    row.addSpacing(8)
