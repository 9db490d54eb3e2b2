"""The menu of targets: the runtime that the plan is made for, and which of them can be timed here."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from secateur.targets import TARGETS

if TYPE_CHECKING:
    from secateur.session.state import SessionState


def target_menu(state: "SessionState", choose: Callable[[str], None], parent: QWidget) -> QMenu:
    """A menu that calls `choose` with the id of the target that a person wants; `state` has the one in use."""
    menu = QMenu(parent)
    menu.setObjectName("target_menu")
    menu.setAccessibleName("Runtime that the plan is made for")
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.setToolTipsVisible(True)
    group = QActionGroup(menu)
    for target in TARGETS:
        reason = target.why_not_timed()
        item = menu.addAction(target.title if not reason else f"{target.title} (not timed here)")
        item.setObjectName(f"target_{target.id}")
        item.setCheckable(True)
        item.setChecked(target.id == state.target)
        item.setToolTip(reason or f"Milliseconds in {target.title} are measured on this machine.")
        item.triggered.connect(lambda _on=False, name=target.id: choose(name))
        group.addAction(item)
    return menu
