"""The detail area: one tab for each way of looking at the selection. Tabs are built when they are first needed."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

from PySide6.QtCore import Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from secateur.ui.actions import TABS, action
from secateur.ui.naming import named
from secateur.ui.theme.style import color, metrics, points
from secateur.ui.widgets.icon_button import IconButton

if TYPE_CHECKING:
    from secateur.session.state import SessionState


class Tab(Protocol):
    """What a tab's widget offers. `shows` are the parts of the state for which it has to be shown anew."""

    shows: ClassVar[frozenset[str]]

    def show_state(self, state: "SessionState", selected: Sequence[str]) -> None: ...


MakeTab = Callable[[QWidget], QWidget]

TAB_PADDING = 4
"""What the style sheet puts beside the words of a tab."""
ROW_MARGINS = 12
MARGINS = (2, 10)
"""Least and most beyond the padding; below the least the words become smaller instead."""
SIZES = (12, 11)


def tab_fit(titles: Sequence[str], room: int) -> tuple[int, int]:
    """(font size, margin beside each tab), both in pixels, with which these tabs fit into `room` pixels."""
    size, margin = SIZES[0], 0
    for size in SIZES:
        words = sum(metrics(size, 600).horizontalAdvance(title) + 1 for title in titles)
        margin = (room - words) // (2 * len(titles)) - TAB_PADDING
        if margin >= MARGINS[0]:
            break
    return size, min(max(margin, 0), MARGINS[1])


class TabRow(QWidget):
    """40 px with a hairline at the foot."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(40)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), color("window"))
        painter.fillRect(0, self.height() - 1, self.width(), 1, color("border"))
        painter.end()


class DetailPanel(QWidget):
    """Tab bar, pictures' buttons and the shown tab. Only the shown tab is kept up to date."""

    tab_changed = Signal(str)
    tab_built = Signal(str)
    action_wanted = Signal(str)

    def __init__(self, make_tabs: dict[str, MakeTab], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("detail")
        self.setAccessibleName("Detail")
        self.setMinimumWidth(380)
        self._make_tabs = make_tabs
        self._tabs: dict[str, QWidget] = {}
        self._state: SessionState | None = None
        self._selected: tuple[str, ...] = ()
        self.bar = named(QTabBar(self), "tab_bar")
        self.bar.setAccessibleName("Tabs")
        self.bar.setDrawBase(False)
        self.bar.setExpanding(False)
        self.bar.setUsesScrollButtons(True)  # a last resort: a wide font in a narrow window
        self.bar.setDocumentMode(True)
        self.stack = QStackedWidget(self)
        self._picture_buttons: list[QWidget] = []
        self._fit: tuple[int, int] | None = None
        self._places: dict[str, QStackedWidget] = {}
        for key, title in TABS:
            index = self.bar.addTab(title)
            tab = action(f"tab_{key}")
            self.bar.setTabToolTip(index, f"{tab.tooltip} ({tab.keys[0]})")
            place = self._places[key] = QStackedWidget()
            self.stack.addWidget(place)
        self._assemble()
        self.bar.currentChanged.connect(self._on_tab)

    def _assemble(self) -> None:
        head = named(TabRow(self), "tab_row")
        row = QHBoxLayout(head)
        row.setContentsMargins(ROW_MARGINS - 8, 0, 8, 1)
        row.setSpacing(0)
        row.addWidget(self.bar, 1)
        for name, icon_name in (("copy_picture", "copy"), ("save_picture", "save")):
            entry = action(name)
            button = IconButton(icon_name, f"{entry.tooltip} ({entry.keys[0]})")
            button.setObjectName(f"{name}_button")
            button.setAccessibleName(entry.text)
            button.clicked.connect(lambda _checked=False, n=name: self.action_wanted.emit(n))
            row.addWidget(button)
            self._picture_buttons.append(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(head)
        layout.addWidget(self.stack, 1)

    def set_narrow(self, narrow: bool) -> None:
        """No buttons for pictures (their keys stay) where there is little room."""
        for button in self._picture_buttons:
            button.setVisible(not narrow)
        self._fit_tabs()

    def _fit_tabs(self) -> None:
        """All tabs in view: closer together, and then smaller, where there is little room."""
        buttons = sum(button.width() for button in self._picture_buttons if button.isVisibleTo(self))
        fit = tab_fit([title for _, title in TABS], self.width() - buttons - ROW_MARGINS)
        if fit != self._fit:
            self._fit = fit
            size, margin = fit
            self.bar.setStyleSheet(
                f"QTabBar {{ background: transparent; font-size: {points(size)}pt; }} "
                f"QTabBar::tab {{ margin: 0 {margin}px; font-size: {points(size)}pt; }}"
            )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_tabs()

    # ------------------------------------------------------------------ tabs

    @property
    def current(self) -> str:
        return TABS[self.bar.currentIndex()][0]

    @property
    def look(self) -> str:
        """What the shown tab is looked at as: its own word for that, else its key. The window is arranged by it."""
        return str(getattr(self._tabs.get(self.current), "look", self.current))

    def show_tab(self, key: str) -> None:
        self.bar.setCurrentIndex([name for name, _ in TABS].index(key))

    def tab(self, key: str) -> QWidget:
        """The widget of this tab, built now if it was not."""
        if key not in self._tabs:
            made = self._tabs[key] = self._make_tabs[key](self._places[key])
            self._places[key].addWidget(made)
            self.tab_built.emit(key)
        return self._tabs[key]

    def current_tab(self) -> QWidget:
        """The widget of the shown tab."""
        return self.tab(self.current)

    def is_built(self, key: str) -> bool:
        return key in self._tabs

    def _on_tab(self, index: int) -> None:
        key = TABS[index][0]
        self.stack.setCurrentWidget(self._places[key])
        self.tab(key)
        self.show_current()
        self.tab_changed.emit(key)

    # ------------------------------------------------------------------ state in

    @property
    def shows(self) -> frozenset[str]:
        """The parts of the state for which the shown tab has to be shown anew."""
        shown = self._tabs.get(self.current)
        return getattr(shown, "shows", frozenset())

    def take(self, state: "SessionState", selected: Sequence[str]) -> None:
        """What a tab shows that is turned to from now on."""
        self._state, self._selected = state, tuple(selected)

    def show_current(self) -> None:
        """Have the tab in front show what was taken last."""
        shown = self._tabs.get(self.current)
        if shown is not None and self._state is not None:
            shown.show_state(self._state, self._selected)  # type: ignore[attr-defined]

    def picture(self) -> QWidget:
        """The widget that a copied or saved picture shows."""
        shown = self.tab(self.current)
        maker = getattr(shown, "picture", None)
        return maker() if callable(maker) else shown
