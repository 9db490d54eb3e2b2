"""Moving about in the window: tabs, panels, the filter box, the theme. Nothing here touches the session."""

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget

from secateur.ui.main_window import MainWindow
from secateur.ui.theme.style import apply_theme, current_theme, other_theme

if TYPE_CHECKING:
    from secateur.ui.workspace import Workspace


class Moving:
    """What the keys for moving do in one window."""

    def __init__(self, window: MainWindow, workspace: "Workspace") -> None:
        self._window, self.workspace = window, workspace

    def show_tab(self, key: str) -> None:
        self.workspace.detail.show_tab(key)

    def show_weights(self, view: str) -> None:
        """The Weights tab with one of its views."""
        self.workspace.detail.show_tab("weights")
        self.workspace.detail.tab("weights").show_view(view)  # type: ignore[attr-defined]

    def select_layer(self, name: str) -> None:
        self.workspace.layers.select([name])

    def filter_layers(self) -> None:
        box = self.workspace.layers.filter_box
        box.setFocus()
        box.selectAll()

    def toggle_jobs(self) -> None:
        jobs = self.workspace.jobs
        jobs.set_open(not jobs.is_open)

    # ------------------------------------------------------------------ panels

    def panels(self) -> list[QWidget]:
        """Toolbar first, then what is shown below it."""
        if self._window.stack.currentWidget() is self.workspace:
            return [self._window.toolbar, *self.workspace.panels]
        return [self._window.toolbar, self._window.empty]

    def focused_panel(self) -> QWidget:
        """The panel that has the keyboard; where none has, what stands in the middle of the window."""
        focus = QApplication.focusWidget()
        panels = self.panels()
        for panel in panels:
            if focus is not None and (panel is focus or panel.isAncestorOf(focus)):
                return panel
        return panels[min(2, len(panels) - 1)]

    def cycle(self, step: int) -> None:
        """Give the keyboard to the next panel (or the one before) that has something to give it to."""
        panels = self.panels()
        start = panels.index(self.focused_panel())
        for distance in range(1, len(panels) + 1):
            target = first_focusable(panels[(start + step * distance) % len(panels)])
            if target is not None:
                target.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return

    def switch_theme(self) -> None:
        application = QApplication.instance()
        if isinstance(application, QApplication):
            apply_theme(application, other_theme())
            self._window.preferences = replace(self._window.preferences, theme=current_theme().name)


def first_focusable(panel: QWidget) -> QWidget | None:
    """The first widget inside that takes the keyboard by Tab; the table before the box above it."""
    candidates = [w for w in panel.findChildren(QWidget) if w.isVisible() and w.isEnabled()]
    able = [w for w in candidates if w.focusPolicy() & Qt.FocusPolicy.TabFocus]
    tables = [w for w in able if w.objectName() == "layer_table"]
    return next(iter([*tables, *able]), None)
