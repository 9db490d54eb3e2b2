"""The base of every plot: a focusable widget that paints itself on whatever painter it is given."""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QContextMenuEvent, QPainter, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from secateur.ui.plots.pictures import copy_picture, save_picture, wants_vectors
from secateur.ui.theme.style import color


class Plot(QWidget):
    """A painted plot. A subclass gives `paint_plot(painter)`, and may set `area` there for its mouse.

    `name` is the object name, `title` the accessible name. What is shown is said in `accessibleDescription`.
    """

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.area = QRectF()
        self._key: object = None
        self._picture: QPixmap | None = None

    def paint_plot(self, painter: QPainter) -> None:
        """Paint what stays the same until `renew` is called, in the widget's coordinates."""
        raise NotImplementedError

    def paint_over(self, painter: QPainter) -> None:
        """Paint what follows the mouse, over the rest."""

    def renew(self, *key: object) -> None:
        """Paint anew where `key`, all that the picture depends on, is another one; the theme and size count too."""
        if key != self._key:
            self._key, self._picture = key, None
            self.update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self._picture = None
            self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._picture = None

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if wants_vectors(painter):
            self.paint_plot(painter)
        else:
            painter.drawPixmap(0, 0, self._rendered())
        self.paint_over(painter)
        if self.hasFocus():
            paint_focus(painter, QRectF(self.rect()))
        painter.end()

    def _rendered(self) -> QPixmap:
        """The plot as pixels, painted once: a hover or a progress event elsewhere only copies it."""
        ratio = self.devicePixelRatioF()
        if self._picture is None or self._picture.devicePixelRatio() != ratio:
            self._picture = QPixmap(self.size() * ratio)
            self._picture.setDevicePixelRatio(ratio)
            self._picture.fill(Qt.GlobalColor.transparent)
            painter = QPainter(self._picture)
            self.paint_plot(painter)
            painter.end()
        return self._picture

    def sizeHint(self) -> QSize:
        return QSize(320, 220)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 96)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.addAction(self.tr("Copy picture"), self.copy_picture)
        self.fill_menu(menu)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos())

    def fill_menu(self, menu: QMenu) -> None:
        """Add what else a right click offers."""

    def copy_picture(self) -> None:
        """Put the plot on the clipboard as a picture at screen resolution."""
        copy_picture(self)

    def save_picture(self, path: str) -> None:
        """Write the plot to a .png or .svg file; UserError where the path cannot be written."""
        save_picture(self, path)


def paint_focus(painter: QPainter, rect: QRectF) -> None:
    """The two-pixel accent ring of the widget that has the keyboard."""
    pen = painter.pen()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    pen.setColor(color("accent"))
    pen.setWidthF(2.0)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), 4, 4)
    painter.restore()
