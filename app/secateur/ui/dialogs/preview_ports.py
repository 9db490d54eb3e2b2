"""Samples of a network with several inputs: what each port is fed, by its name."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from secateur import figures
from secateur.engine.events import Preview
from secateur.model.maps import FedInput
from secateur.ui.dialogs.preview_reading import WIDTH
from secateur.ui.plots.map_colours import image_of

SAMPLES: Final = 8
SIDE: Final = 72


class _PictureAbove(QStyledItemDelegate):
    """Words stand below the picture of a cell."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().initStyleOption(option, index)
        option.decorationPosition = QStyleOptionViewItem.Position.Top
        option.decorationAlignment = Qt.AlignmentFlag.AlignCenter


class PortsPreview(QTableWidget):
    """A row for each sample, a column for each port: its picture with the range of its numbers, or the numbers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("data_ports")
        self.setAccessibleName("What each input of the network is fed")
        self.setToolTip("What each input of the network is fed of a sample")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setItemDelegate(_PictureAbove(self))
        self.setIconSize(QSize(SIDE, SIDE))
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMinimumSize(QSize(WIDTH, 400))

    def show_previews(self, previews: Sequence[Preview]) -> None:
        rows = [one for one in previews if one.inputs][:SAMPLES]
        self.clear()
        self.setRowCount(len(rows))
        self.setColumnCount(1 + len(rows[0].inputs) if rows else 0)
        for column, fed in enumerate(rows[0].inputs if rows else (), 1):
            shape = " × ".join(str(size) for size in fed.shape) or "one number"
            self.setHorizontalHeaderItem(column, _centred(f"{fed.port}\n{shape}"))
        if rows:
            self.setHorizontalHeaderItem(0, _centred("Target"))
        for row, one in enumerate(rows):
            self.setItem(row, 0, _centred(one.label))
            for column, fed in enumerate(one.inputs, 1):
                self.setItem(row, column, _cell(fed))

    @property
    def count(self) -> int:
        return self.rowCount()


def _cell(fed: FedInput) -> QTableWidgetItem:
    if fed.numbers:
        return _centred("\n".join(figures.number(value) for value in fed.numbers))
    item = _centred(figures.span(fed.low, fed.high))
    picture = image_of(fed.image)
    small = max(picture.width(), picture.height()) < SIDE
    way = Qt.TransformationMode.FastTransformation if small else Qt.TransformationMode.SmoothTransformation
    scaled = picture.scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio, way)
    item.setData(Qt.ItemDataRole.DecorationRole, QPixmap.fromImage(scaled))
    return item


def _centred(words: str) -> QTableWidgetItem:
    item = QTableWidgetItem(words)
    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
    return item
