"""Networks in plain values whose layers fill rows, and what a person does with the rows: menus, drags."""

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QMenu

from secateur.model.description import Layer, ModelDescription, ModelSource, Port, TensorInfo
from secateur.ui.models.layer_table import KEYS
from secateur.ui.panels.layer_rows import name_room
from secateur.ui.short_names import short_names
from secateur.ui.theme.style import metrics

LEFT = Qt.MouseButton.LeftButton
SIZES = [(1024, 700), (1440, 900), (2560, 1440)]


def layer(name: str, shape: tuple[int, ...], groups: int = 1, kind: str = "", ms: float | None = None) -> Layer:
    count = int(np.prod(shape))
    weight = TensorInfo(f"{name}.weight", "float32", shape, 4 * count)
    kind = kind or ("Linear" if len(shape) == 2 else "Conv2d")
    return Layer(
        name, kind, weight, None, count, count * 64, 4 * count, (shape[0],), shape[2:], groups, latency_ms=ms
    )  # fmt: skip


def network(layers: list[Layer], name: str) -> ModelDescription:
    size = sum(row.size_bytes for row in layers)
    ports = (Port("input", "float32", (None, 3, 8, 8)),)
    return ModelDescription(name, ModelSource(name), "onnx", size, tuple(layers), ports, (), fingerprint=name * 2)


def names(panel) -> list[str]:
    return [row.name for row in panel.visible_layers()]


def shown_names(panel) -> list[str]:
    """What the rows read, as they are painted."""
    room = name_room(panel.view.columnWidth(0), has_pins=bool(panel.order.pinned_count))
    texts = short_names(panel.table.names, room)
    for short in texts.values():
        painted = metrics(12).horizontalAdvance(short.prefix) + metrics(12, 600).horizontalAdvance(short.own)
        assert painted <= room
    return [texts[name].text for name in panel.table.names]


def ask_for_menu(widget, place: QPoint, reason=QContextMenuEvent.Reason.Mouse) -> QMenu:
    event = QContextMenuEvent(reason, place, widget.mapToGlobal(place))
    QApplication.sendEvent(widget, event)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def click_entry(qtbot, menu: QMenu, name: str) -> None:
    """Click an entry of a menu, or of one of its sub-menus once it is open."""
    entry = next(entry for entry in menu.actions() if entry.objectName() == name)
    qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(entry).center())


def row_place(view, row: int, key: str = "layer") -> QPoint:
    return view.visualRect(view.model().index(row, KEYS.index(key))).center()


def drag(widget, start: QPoint, end: QPoint) -> None:
    """Press, move in small steps, release: as a hand does."""

    def send(kind, place, button, buttons):
        spot = QPointF(place)
        event = QMouseEvent(kind, spot, QPointF(widget.mapToGlobal(place)), button, buttons, Qt.KeyboardModifier(0))
        QApplication.sendEvent(widget, event)

    none = Qt.MouseButton.NoButton
    send(QEvent.Type.MouseMove, start, none, none)
    send(QEvent.Type.MouseButtonPress, start, LEFT, LEFT)
    steps = 12
    for n in range(1, steps + 1):
        send(QEvent.Type.MouseMove, start + (end - start) * n / steps, none, LEFT)
    send(QEvent.Type.MouseButtonRelease, end, LEFT, none)
