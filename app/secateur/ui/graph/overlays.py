"""What lies over the graph: search, the small map, the zoom buttons, the legend with the choice of colours."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QLinearGradient, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QStandardItem
from PySide6.QtGui import QStandardItemModel as ItemModel
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from secateur.ui.graph.colouring import Choice, Colouring
from secateur.ui.graph.view import GraphView
from secateur.ui.naming import named
from secateur.ui.plots.heat_paint import map_color
from secateur.ui.theme.style import color, font, icon, metrics, notifier, tinted
from secateur.ui.widgets.button import IconButton

MAP = QSize(184, 104)
INSET = 6


class Overlay(QFrame):
    """A card over the graph that keeps the mouse to itself."""

    def __init__(self, name: str, said: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(said)
        self.setProperty("role", "card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()


class MiniMap(Overlay):
    """The whole graph in small with a frame around what is in sight; press or drag to go there."""

    def __init__(self, view: GraphView, parent: QWidget) -> None:
        super().__init__("graph_map", "Map of the graph", parent)
        self.setToolTip(self.tr("The whole graph: press or drag to go there"))
        self.setFixedSize(MAP)
        self._view = view
        self._picture: QPixmap | None = None
        view.moved.connect(self.update)
        notifier.theme_changed.connect(self.forget)

    def forget(self) -> None:
        """The graph or its colours are other ones."""
        self._picture = None
        self.update()

    def _scale(self) -> tuple[float, QPointF]:
        """(pixels for each of the scene's, where the scene's origin lies)."""
        drawing = self._view.graph.drawing
        room = QRectF(self.rect()).adjusted(INSET + 4, INSET + 4, -INSET - 4, -INSET - 4)
        scale = min(room.width() / max(drawing.width, 1.0), room.height() / max(drawing.height, 1.0))
        left = room.left() + (room.width() - drawing.width * scale) / 2
        top = room.top() + (room.height() - drawing.height * scale) / 2
        return scale, QPointF(left, top)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._picture is None:
            self._picture = self._render()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        scale, origin = self._scale()
        seen = self._view.seen()
        frame = QRectF(origin.x() + seen.x() * scale, origin.y() + seen.y() * scale,
                       seen.width() * scale, seen.height() * scale)  # fmt: skip
        frame = frame.intersected(QRectF(self.rect()).adjusted(INSET, INSET, -INSET, -INSET))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(color("accent"), 1.5))
        painter.setBrush(tinted("accent", 0.12))
        painter.drawRoundedRect(frame, 2, 2)
        painter.end()

    def _render(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        picture = QPixmap(self.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        scale, origin = self._scale()
        painter.translate(origin)
        painter.scale(scale, scale)
        painter.setPen(Qt.PenStyle.NoPen)
        for colour, boxes in self._view.graph.far_groups():
            painter.setBrush(colour)
            painter.drawRects(boxes)
        painter.end()
        return picture

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._go(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._go(event.position())

    def _go(self, place: QPointF) -> None:
        scale, origin = self._scale()
        middle = self._view.seen().center()
        wanted = (place - origin) / scale
        self._view.pan((wanted.x() - middle.x()) * self._view.zoom, (wanted.y() - middle.y()) * self._view.zoom)


class ZoomButtons(Overlay):
    """Closer, further, everything."""

    def __init__(self, view: GraphView, parent: QWidget) -> None:
        super().__init__("graph_zoom", "Zoom", parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 3, 1, 3)
        column.setSpacing(2)
        for name, glyph, tip, deed in (
            ("graph_zoom_in", "plus", self.tr("Closer (+)"), lambda: view.set_zoom(view.zoom * 1.25)),
            ("graph_zoom_out", "minus", self.tr("Further away (−)"), lambda: view.set_zoom(view.zoom / 1.25)),
            ("graph_zoom_fit", "corners-out", self.tr("Show everything (0)"), view.fit),
        ):
            button = IconButton(glyph, tip)
            button.setObjectName(name)
            button.clicked.connect(deed)
            column.addWidget(button)


class Tools(Overlay):
    """The search box, and folding everything at once."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("graph_tools", "Search and fold", parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 5, 6, 5)
        row.setSpacing(4)
        self.search = named(QLineEdit(placeholderText=self.tr("Find in the graph")), "graph_search")
        self.search.setAccessibleName(self.tr("Find in the graph"))
        self.search.setToolTip(self.tr("A part of a name or a kind; Enter goes to the next one"))
        self.search.setClearButtonEnabled(True)
        self.search.addAction(icon("find"), QLineEdit.ActionPosition.LeadingPosition)
        self.search.setFixedWidth(180)
        self.unfold = named(IconButton("arrows-out-line-vertical", self.tr("Unfold all blocks")), "graph_unfold")
        self.fold = named(IconButton("arrows-in-line-vertical", self.tr("Fold all blocks")), "graph_fold")
        for widget in (self.search, self.unfold, self.fold):
            row.addWidget(widget)
        self.adjustSize()


class Ramp(QWidget):
    """The colour bar with its ends, and its middle where there is room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colouring = Colouring()
        self.setFixedHeight(26)
        self.setMinimumWidth(128)

    def show_colouring(self, colouring: Colouring) -> None:
        self._colouring = colouring
        low, high = (colouring.write(value) for value in colouring.range)
        self.setAccessibleName(f"{low} to {high}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = QRectF(0, 1, self.width(), 8)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for stop in range(33):
            gradient.setColorAt(stop / 32, map_color(1 - stop / 32 if self._colouring.is_falling else stop / 32))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(gradient)
        painter.drawRoundedRect(bar, 2, 2)
        painter.setFont(font(11))
        painter.setPen(color("secondary"))
        texts = QRectF(0, 11, self.width(), 15)
        low, middle, high = self.texts()
        painter.drawText(texts, Qt.AlignmentFlag.AlignLeft, low)
        painter.drawText(texts, Qt.AlignmentFlag.AlignRight, high)
        if sum(metrics(11).horizontalAdvance(text) + 12 for text in (low, middle, high)) < self.width():
            painter.drawText(texts, Qt.AlignmentFlag.AlignHCenter, middle)
        painter.end()

    def texts(self) -> tuple[str, str, str]:
        """Least, middle and greatest value."""
        low, high = self._colouring.range
        middle = (low * high) ** 0.5 if self._colouring.is_log else (low + high) / 2
        write = self._colouring.write
        return write(low), write(middle), write(high)


class Legend(Overlay):
    """What the colours mean, and the list to choose another number from: `chosen(key)`."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__("graph_legend", "Legend of the graph", parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 12, 6)
        row.setSpacing(12)
        self.scale = QWidget()
        column = QVBoxLayout(self.scale)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.title = QLabel()
        self.title.setProperty("kind", "card-title")
        self.ramp = Ramp()
        column.addWidget(self.title)
        column.addWidget(self.ramp)
        row.addWidget(self.scale)
        self.words = QLabel(self.tr("Colour by"))
        self.words.setProperty("kind", "caption")
        row.addWidget(self.words)
        self.box = QComboBox()
        self.box.setObjectName("graph_colour")
        self.box.setAccessibleName(self.tr("Colour by"))
        self.box.setToolTip(self.tr("The number that the colours show; it changes nothing in the model"))
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(16)
        self.box.activated.connect(lambda index: self.chosen.emit(self.box.itemData(index)))
        row.addWidget(self.box)
        self._choices: tuple[Choice, ...] = ()

    def show_choices(self, choices: Sequence[Choice], key: str, colouring: Colouring) -> None:
        """Offer these and show what is chosen."""
        if tuple(choices) != self._choices:
            self._choices = tuple(choices)
            self._fill()
        with QSignalBlocker(self.box):
            self.box.setCurrentIndex([choice.key for choice in choices].index(key))
        self.title.setText(colouring.title)
        self.ramp.show_colouring(colouring)
        self.adjustSize()

    def _fill(self) -> None:
        items = ItemModel(self.box)
        for choice in self._choices:
            item = QStandardItem(choice.title)
            item.setData(choice.key, Qt.ItemDataRole.UserRole)
            item.setEnabled(not choice.why_not)
            item.setToolTip(choice.why_not)
            items.appendRow(item)
        with QSignalBlocker(self.box):
            self.box.setModel(items)

    def set_narrow(self, narrow: bool) -> None:
        """Without the words where there is little room."""
        self.words.setVisible(not narrow)
        self.adjustSize()
