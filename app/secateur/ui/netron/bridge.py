"""The window's end of the channel to Netron's page (its other end is `resources/netron/bridge.js`).

Selections that the window asked for itself are not reported back; a click of the person's, which raises two events in
the page, is reported once. Structures cross as JSON text.
"""

import json
from collections.abc import Mapping

from PySide6.QtCore import QObject, Signal, Slot


class PageBridge(QObject):
    """Signals named `…_wanted` go to the page; `layer_clicked`, `graph_shown` and `failed` come from it."""

    layer_wanted = Signal(str)
    look_wanted = Signal(str)
    fills_wanted = Signal(str)
    layer_clicked = Signal(str)
    graph_shown = Signal(int)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layer, self._look, self._fills = "", "{}", "{}"

    # ------------------------------------------------------------------ to the page

    def select(self, layer: str) -> None:
        """Make the page select this layer's node and scroll to it, now or as soon as the graph is shown."""
        self._layer = layer
        self.layer_wanted.emit(layer)

    def dress(self, *, dark: bool, css: str) -> None:
        """Make the page dark or light, with these rules of style behind its own."""
        self._look = json.dumps({"dark": dark, "css": css})
        self.look_wanted.emit(self._look)

    def paint(self, fills: Mapping[str, tuple[str, str]]) -> None:
        """Colour the nodes of layers: (fill, ink) as `#rrggbb` by layer name, of all others by the
        empty name. Without any, every node has its operator's own colour.
        """
        self._fills = json.dumps({layer: {"back": back, "ink": ink} for layer, (back, ink) in fills.items()})
        self.fills_wanted.emit(self._fills)

    # ------------------------------------------------------------------ from the page

    @Slot()
    def greet(self) -> None:
        """The page listens from now on: say what was said before."""
        self.look_wanted.emit(self._look)
        self.fills_wanted.emit(self._fills)
        self.layer_wanted.emit(self._layer)

    @Slot(str)
    def receive_click(self, layer: str) -> None:
        self.layer_clicked.emit(layer)

    @Slot(int)
    def shown(self, nodes: int) -> None:
        """The graph is laid out and drawn."""
        self.graph_shown.emit(nodes)

    @Slot(str)
    def fail(self, sentence: str) -> None:
        """What Netron would have shown instead of the graph."""
        self.failed.emit(sentence)
