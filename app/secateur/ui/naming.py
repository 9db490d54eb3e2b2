"""Names for widgets: tests and screen readers find them by these."""

from typing import TypeVar

from PySide6.QtWidgets import QWidget

W = TypeVar("W", bound=QWidget)


def named(widget: W, name: str, said: str = "") -> W:
    """`widget` with its objectName and, where given, what a screen reader says."""
    widget.setObjectName(name)
    if said:
        widget.setAccessibleName(said)
    return widget
