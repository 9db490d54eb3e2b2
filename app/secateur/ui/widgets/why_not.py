"""Greyed controls say why: the one way in which a control or a menu's entry is switched off."""

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

WHY_NOT, PLAIN_TIP = "whyNot", "plainTip"


def set_why_not(target: QWidget | QAction, reason: str, tip: str = "") -> None:
    """Switch `target` off and let it say `reason` on hover and to a screen reader; on where the reason is empty.

    `tip` is what it says in any case; without it, what it said before it was ever switched off.
    """
    known = target.property(PLAIN_TIP)
    plain = tip or (target.toolTip() if known is None else str(known))
    target.setProperty(PLAIN_TIP, plain)
    target.setProperty(WHY_NOT, reason)
    target.setEnabled(not reason)
    target.setToolTip("\n".join(part for part in (plain, reason) if part))
    if isinstance(target, QWidget):
        target.setAccessibleDescription(reason or plain)


def why_not_of(target: QWidget | QAction) -> str:
    """The reason for which a control is off; empty where it gave none."""
    return str(target.property(WHY_NOT) or "")
