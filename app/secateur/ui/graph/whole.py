"""The whole graph as one picture, for the clipboard and for files."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from secateur.ui.graph.view import GraphView
from secateur.ui.theme.style import color

MOST_PIXELS = 8000
"""Width or height of a copied or saved picture; larger graphs are drawn smaller."""


class WholeGraph(QWidget):
    """Never shown: paints the whole graph, for the clipboard and for files."""

    def __init__(self, view: GraphView, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("graph_picture")
        self.setAccessibleName("Graph")
        self.hide()
        self._view = view

    def fit_graph(self) -> None:
        """As large as the graph, within what a picture can hold."""
        whole = self._view.graph.sceneRect()
        scale = min(1.0, MOST_PIXELS / max(whole.width(), whole.height(), 1.0))
        self.resize(QSize(round(whole.width() * scale), round(whole.height() * scale)))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), color("window"))
        self._view.graph.render(painter, QRectF(self.rect()), self._view.graph.sceneRect(),
                                Qt.AspectRatioMode.KeepAspectRatio)  # fmt: skip
        painter.end()
