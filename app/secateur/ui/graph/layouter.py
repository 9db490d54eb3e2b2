"""Lays graphs out: small ones at once, large ones on a thread, the newest wish alone."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal

from secateur.ui.graph.drawing import Drawing
from secateur.ui.graph.layout import lay_out
from secateur.ui.graph.room import Room
from secateur.ui.graph.tree import BlockTree

AT_ONCE = 100
"""Leaves that are laid out while the window waits: some 20 ms."""
TRIED_ZOOMS = (1.0, 0.9, 0.82, 0.75, 0.68)
"""Row widths that are tried for a small graph, as the zoom at which such a row fills the view."""


@dataclass(frozen=True, eq=False)
class Wish:
    """Plain values: what to lay out, and into what."""

    tree: BlockTree
    opened: frozenset[int]
    sizes: Mapping[int, tuple[float, float]]
    titles: Mapping[int, float]
    room: Room

    @property
    def is_small(self) -> bool:
        return len(self.sizes) <= AT_ONCE


def best_drawing(wish: Wish) -> Drawing:
    """The layout that can be shown largest in the view; large graphs are laid out once."""
    width, height = wish.room.width, wish.room.height
    if not wish.is_small:
        return lay_out(wish.tree, wish.opened, wish.sizes, wish.titles, most_width=width, aspect=width / height)
    best, best_zoom = Drawing(), -1.0
    for zoom in TRIED_ZOOMS:
        drawing = lay_out(wish.tree, wish.opened, wish.sizes, wish.titles, most_width=width / zoom)
        fits = wish.room.zoom_for(drawing)
        if fits > best_zoom * 1.02:
            best, best_zoom = drawing, fits
    return best


class Layouter(QObject):
    """`done(wish, drawing)` on the window's thread; at once for small graphs."""

    done = Signal(object, object)
    _ended = Signal(object, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: threading.Thread | None = None
        self._next: Wish | None = None
        self._stopped = False
        self._ended.connect(self._on_ended, Qt.ConnectionType.QueuedConnection)

    @property
    def is_busy(self) -> bool:
        return self._thread is not None

    def ask(self, wish: Wish) -> None:
        """Lay this out; what was asked before and is not begun is forgotten."""
        if self._thread is not None:
            self._next = wish
        elif wish.is_small:
            self.done.emit(wish, best_drawing(wish))
        else:
            self._thread = threading.Thread(target=self._work, args=(wish,), name="secateur-graph", daemon=True)
            self._thread.start()

    def _work(self, wish: Wish) -> None:
        try:
            drawing, error = best_drawing(wish), None
        except Exception as problem:  # noqa: BLE001 - handed to the window's thread, which reports it
            drawing, error = None, problem
        if not self._stopped:
            self._ended.emit(wish, drawing, error)

    def _on_ended(self, wish: Wish, drawing: Drawing | None, error: Exception | None) -> None:
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        if self._stopped:
            return
        waiting, self._next = self._next, None
        if waiting is not None:
            self.ask(waiting)
        elif error is not None:
            raise error
        else:
            self.done.emit(wish, drawing)

    def stop(self) -> None:
        """Wait for the thread: the window is closing."""
        self._stopped = True
        if self._thread is not None:
            self._thread.join(30)
            self._thread = None
