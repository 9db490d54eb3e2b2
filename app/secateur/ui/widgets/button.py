"""Push buttons by role, and the 28 × 28 icon button."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QPushButton, QWidget

from secateur.ui.theme.style import icon

_ICON_ROLE = {"primary": "on_accent", "icon": "secondary", "link": "accent"}


class Button(QPushButton):
    """A push button; `role` is `default`, `outline`, `primary`, `ghost` or `link`.

    Clicking does not take the focus, so that the ring shows for the keyboard alone.
    """

    def __init__(
        self,
        text: str,
        role: str = "default",
        icon_name: str = "",
        tooltip: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self.setProperty("role", role)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor if role == "link" else Qt.CursorShape.ArrowCursor)
        if icon_name:
            self.set_icon(icon_name)
        if tooltip:
            self.setToolTip(tooltip)

    def set_icon(self, name: str, role: str = "") -> None:
        self.setIcon(icon(name, role or _ICON_ROLE.get(str(self.property("role")), "text")))
        self.setIconSize(QSize(16, 16))


class IconButton(Button):
    """28 × 28, icon only: `tooltip` is also what a screen reader says."""

    def __init__(self, icon_name: str, tooltip: str, parent: QWidget | None = None) -> None:
        super().__init__("", "icon", icon_name, tooltip, parent)
        self.setAccessibleName(tooltip)
        self.setFixedSize(28, 28)
