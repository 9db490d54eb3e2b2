"""Starts the window: the frame first, everything else after it is on the screen."""

import os
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from secateur.session.preferences import Preferences, load_preferences
from secateur.ui.assembly import Assembly
from secateur.ui.main_window import MainWindow
from secateur.ui.theme.palette import DARK, LIGHT, Theme
from secateur.ui.theme.style import apply_theme

if TYPE_CHECKING:
    from secateur.ui.bridge import MakeEngine


def main(argv: list[str] | None = None, model: str = "", data: str = "", factory: str = "") -> int:
    """Open the window on `model` and `data` (both may be empty) and stay until it is closed; the exit status."""
    if QCoreApplication.instance() is None:  # Qt WebEngine, which is loaded late if at all, must find this set
        QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    os.environ.setdefault("QT_STYLE_OVERRIDE", "Fusion")  # asking Qt for its style first costs a tenth of the start
    application = QApplication.instance() or QApplication(argv if argv is not None else sys.argv)
    if not isinstance(application, QApplication):
        raise TypeError("A Qt application without windows is already running in this process.")
    application.setApplicationName("Secateur")
    application.setDesktopFileName("secateur")
    window = build_window(model or None, data or None, factory=factory)
    # the system does not wait for an answer when it ends the session
    application.commitDataRequest.connect(window.end)
    window.show()
    return application.exec()


def build_window(
    model: str | None = None, data: str | None = None, engine: "MakeEngine | None" = None, *, factory: str = ""
) -> MainWindow:
    """The main window, dressed but not shown; showing it starts the engine after the first frame.

    `engine` makes the engine from an event callback; without it the real process is started. `model` (with
    `factory`, as `file.py:function`) and `data` are opened as soon as they can be.
    """
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        raise TypeError("Make a QApplication before the window.")
    preferences = load_preferences()
    apply_theme(application, chosen_theme(preferences))
    window = MainWindow(preferences)
    Assembly(window, engine, (model or "", factory, data or ""))
    return window


def chosen_theme(preferences: Preferences) -> Theme:
    """The theme that a person chose, else the system's, else dark."""
    if preferences.theme != "system":
        return DARK if preferences.theme == "dark" else LIGHT
    return LIGHT if QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light else DARK
