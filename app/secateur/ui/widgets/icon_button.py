"""The icon button under the name that panels look for."""

from secateur.ui.widgets.button import IconButton

__all__ = ["IconButton"]
