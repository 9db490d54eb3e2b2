"""A network of four layers for the plan panel, what it says, and its widgets that are shown."""

from PySide6.QtWidgets import QWidget

from secateur.methods.base import Method
from secateur.model.description import Layer, TensorInfo

REASON = "Its outputs are the model's answers: removing one would remove a class."
Wishes = list[tuple[str, Method | None, str]]


def conv(name: str, coupled: tuple[str, ...] = ()) -> Layer:
    weight = TensorInfo(f"{name}.weight", "float32", (32, 32, 3, 3), 36_864)
    return Layer(name, "Conv2d", weight, params=9216, macs=2_359_296, size_bytes=36_864, coupled=coupled)


def find(panel: QWidget, kind: type, name: str) -> QWidget:
    """The shown widget of this name."""
    found = [widget for widget in panel.findChildren(kind, name) if widget.isVisibleTo(panel)]
    assert len(found) == 1, name
    return found[0]
