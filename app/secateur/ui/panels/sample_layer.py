"""One layer of the sample that is followed: its maps as a grid, its scales, its SQNR, the steps to its neighbours."""

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QStackedLayout, QWidget

from secateur.model.maps import FIRST_CHANNELS, LayerMaps
from secateur.session.followed import Followed
from secateur.ui.naming import named
from secateur.ui.panels.feature_maps import MapsGrid
from secateur.ui.plots.depth_charts import sqnr_words
from secateur.ui.plots.feature_chart import FeatureChart
from secateur.ui.plots.map_colours import Scale
from secateur.ui.theme.style import color, font, metrics
from secateur.ui.widgets.button import IconButton
from secateur.ui.widgets.card import Card, label
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.why_not import set_why_not

BAR, NAMES = 56, 64


class ScaleBar(QWidget):
    """A name, the colours from the least to the greatest value, and these in words."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._scale = name, Scale(0.0, 1.0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_scale(self, scale: Scale) -> None:
        self._scale = scale
        self.setAccessibleName(f"{self._name}: {scale.words}")
        self.setToolTip(self.accessibleName())
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(metrics(11).horizontalAdvance(self._scale.words) + NAMES + BAR + 10, 16)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(font(11))
        painter.setPen(color("secondary"))
        middle = Qt.AlignmentFlag.AlignVCenter
        wide = metrics(11).horizontalAdvance(self._name)
        painter.drawText(QRect(0, 0, wide, 16), middle, self._name)
        bar = QRect(NAMES, 4, BAR, 8)
        table = self._scale.table()
        image = QImage(table.tobytes(), 256, 1, 768, QImage.Format.Format_RGB888)
        painter.drawImage(QRectF(bar), image, QRectF(0, 0, 256, 1))
        painter.drawText(QRect(bar.right() + 7, 0, self.width(), 16), middle, self._scale.words)
        painter.end()


class SampleLayer(Card):
    """`layer_selected(name)`; `page_wanted(layer, first)`, `close_wanted(layer, channel)` where more is asked for."""

    layer_selected = Signal(str)
    page_wanted = Signal(str, int)
    close_wanted = Signal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setObjectName("sample_layer")
        self._layers: tuple[str, ...] = ()
        self._layer = ""
        self._maps: LayerMaps | None = None
        self._channel: int | None = None
        self._followed = Followed()
        self._build_head()
        self.grid = MapsGrid("feature_maps")
        self.alone = MapsGrid("feature_map", close=True)
        self.chart = FeatureChart("feature_chart", self.tr("Values of the layer's output"))
        self.nothing = label("", "secondary", wrap=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._scrolls = {}
        self._stack_place = QWidget()
        self._stack = QStackedLayout(self._stack_place)
        for grid in (self.grid, self.alone):
            scroll = QScrollArea()
            scroll.setWidgetResizable(True)
            scroll.setFrameShape(QScrollArea.Shape.NoFrame)
            scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            scroll.setWidget(grid)
            scroll.viewport().setAutoFillBackground(False)
            grid.setAutoFillBackground(False)
            self._scrolls[grid] = scroll
            self._stack.addWidget(scroll)
            grid.step_wanted.connect(self.step)
            grid.pointed.connect(self._point)
        self._stack.addWidget(self.chart)
        self._stack.addWidget(self.nothing)
        self._stack_place.setMinimumHeight(200)
        self.body.addWidget(self._stack_place, 1)
        self.read_out = named(QLabel(wordWrap=True), "map_read_out")
        self.read_out.setProperty("kind", "caption")
        self.read_out.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.read_out.setFixedHeight(2 * metrics(11).height() + 2)  # what is read out must not move what is pointed at
        self.body.addWidget(self.read_out)
        self._connect()

    def _build_head(self) -> None:
        self.before = IconButton("left", self.tr("The layer before (←)"))
        self.before.setObjectName("layer_before")
        self.after = IconButton("right", self.tr("The next layer (→)"))
        self.after.setObjectName("layer_after")
        self.name = ElidedLabel(size=12, layer_name=True)
        self.name.setObjectName("followed_layer")
        self.figures = ElidedLabel(size=11, role="secondary")
        self.figures.setObjectName("followed_figures")
        self.back = IconButton("close", self.tr("Back to all channels (Esc)"))
        self.back.setObjectName("all_channels")
        self.earlier = IconButton("up", self.tr("The channels before these"))
        self.earlier.setObjectName("channels_before")
        self.later = IconButton("down", self.tr("The channels after these"))
        self.later.setObjectName("channels_after")
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.before)
        row.addWidget(self.after)
        row.addWidget(self.name)
        row.addStretch(1)
        for button in (self.earlier, self.later, self.back):
            row.addWidget(button)
        self.body.addLayout(row)
        self.body.addWidget(self.figures)
        self.outputs, self.differences = ScaleBar(self.tr("output")), ScaleBar(self.tr("difference"))
        self.body.addWidget(self.outputs)
        self.body.addWidget(self.differences)

    def _connect(self) -> None:
        self.before.clicked.connect(lambda: self.step(-1))
        self.after.clicked.connect(lambda: self.step(1))
        self.chart.step_wanted.connect(self.step)
        self.grid.channel_wanted.connect(self.enlarge)
        self.grid.cursor_moved.connect(self._follow_cursor)
        self.alone.channel_wanted.connect(self.enlarge)
        self.alone.left.connect(self.show_all)
        self.back.clicked.connect(self.show_all)
        self.earlier.clicked.connect(lambda: self._turn_page(-1))
        self.later.clicked.connect(lambda: self._turn_page(1))

    # ------------------------------------------------------------------ state in

    def show_followed(self, followed: Followed, selected: str, missing: str) -> None:
        """Show this layer's maps, or the sentence on why there are none."""
        self._followed = followed
        self._layers = followed.taken.layers if followed.taken else ()
        if selected != self._layer:
            self._layer, self._channel = selected, None
        maps = followed.maps.get(selected)
        page = followed.page
        if maps is not None and page is not None and page.layer == selected:
            maps = page
        self._maps = maps
        at = self._layers.index(selected) if selected in self._layers else -1
        nothing = "" if self._layers else self.tr("No sample is followed yet.")
        first = nothing or (self.tr("This is the first layer.") if at == 0 else "")
        last = nothing or (self.tr("This is the last layer.") if at == len(self._layers) - 1 else "")
        set_why_not(self.before, first, self.tr("The layer before (←)"))
        set_why_not(self.after, last, self.tr("The next layer (→)"))
        self.name.set_name(selected, self._layers or (selected,))
        figures = _figures(maps, at, len(self._layers))
        self.figures.set_variants([" · ".join(figures[start:]) for start in range(max(len(figures), 1))])
        self._show_maps(maps, missing)

    def _show_maps(self, maps: LayerMaps | None, missing: str) -> None:
        grid_shown = maps is not None and maps.form != "features"
        alone = self._alone_maps() if self._channel is not None and grid_shown else None
        self.back.setVisible(alone is not None)
        paged = maps is not None and maps.has_more and alone is None
        self.earlier.setVisible(paged)
        self.later.setVisible(paged)
        if paged and maps is not None:
            first = "" if maps.first > 0 else self.tr("These are the first channels.")
            at_end = maps.first + len(maps.original) >= maps.channels
            last = self.tr("These are the last channels.") if at_end else ""
            set_why_not(self.earlier, first, self.tr("The channels before these"))
            set_why_not(self.later, last, self.tr("The channels after these"))
        for bar in (self.outputs, self.differences):
            bar.setVisible(grid_shown)
        if maps is None:
            if self.nothing.text() != missing:
                self.nothing.setText(missing)
            self._stack.setCurrentWidget(self.nothing)
            self.read_out.setText("")
            return
        if maps.form == "features":
            self.chart.show_maps(maps)
            self._stack.setCurrentWidget(self.chart)
            said = (
                self.tr("grey bars: original · blue: compressed · pink: difference")
                if maps.difference is not None
                else ""
            )
            self.read_out.setText(maps.note or said)
            return
        shown = self.alone if alone is not None else self.grid
        had_focus = self.grid.hasFocus() or self.alone.hasFocus()
        taken = self._followed.taken
        shown.show_maps(alone or maps, taken.places if taken else ())
        if self._stack.currentWidget() is not self._scrolls[shown]:
            self._stack.setCurrentWidget(self._scrolls[shown])
            if had_focus:
                shown.setFocus()
        self.outputs.show_scale(shown.scales[0])
        self.differences.show_scale(shown.scales[1])
        self.differences.setVisible(maps.difference is not None)
        if not self.read_out.text() or self.read_out.text() != maps.note:
            self._point("")

    def _alone_maps(self) -> LayerMaps | None:
        """The enlarged channel: as large as it is where that is there, else as the grid has it."""
        close, maps = self._followed.close, self._maps
        if close is not None and close.layer == self._layer and close.first == self._channel:
            return close
        if maps is None or self._channel is None or not 0 <= self._channel - maps.first < len(maps.original):
            return None
        return maps.only(self._channel)

    # ------------------------------------------------------------------ wishes

    def step(self, by: int) -> None:
        """The layer before or after."""
        if not self._layers:
            return
        at = self._layers.index(self._layer) + by if self._layer in self._layers else 0
        wanted = self._layers[min(max(at, 0), len(self._layers) - 1)]
        if wanted != self._layer:
            self.layer_selected.emit(wanted)

    def enlarge(self, channel: int) -> None:
        """Show one channel as large as it is."""
        maps = self._maps
        if maps is None or not 0 <= channel < maps.channels:
            return
        self._channel = channel
        self._show_maps(maps, "")
        self.close_wanted.emit(self._layer, channel)
        self.alone.setFocus()

    def show_all(self) -> None:
        """Back to the grid."""
        if self._channel is not None:
            self._channel = None
            self._show_maps(self._maps, "")
            self.grid.setFocus()

    def _turn_page(self, by: int) -> None:
        if self._maps is not None:
            first = max(0, self._maps.first + by * FIRST_CHANNELS)
            if first < self._maps.channels:
                self.page_wanted.emit(self._layer, first)

    def _point(self, words: str) -> None:
        rest = ""
        if self._maps is not None:
            rest = self._maps.note or self._how_to_read(self._maps)
        self.read_out.setText(words or rest)

    def _how_to_read(self, maps: LayerMaps) -> str:
        if self.grid.rows:
            return self.tr("A row for each token, a column for each feature.")
        if maps.form == "rows":
            return self.tr("A row for each token or channel, a column for each feature or place.")
        order = self.tr("Left to right: original, compressed, difference.") if maps.difference is not None else ""
        how = self.tr("A click enlarges a map.") if self._channel is None else self.tr("Esc shows all channels.")
        return f"{order} {how}".strip()

    def _follow_cursor(self, place: QRect) -> None:
        self._scrolls[self.grid].ensureVisible(place.center().x(), place.center().y(), 20, place.height())


def _figures(maps: LayerMaps | None, at: int, count: int) -> list[str]:
    """What is said of the layer, the least important first."""
    parts = [f"layer {at + 1} of {count}"] if at >= 0 else []
    if maps is not None:
        shape = " × ".join(str(size) for size in maps.shape)
        parts.append(shape)
        if maps.has_more:
            parts.append(f"channels {maps.first}–{maps.first + len(maps.original) - 1}")
        if maps.removed:
            parts.append(f"{len(maps.removed)} removed")
        if maps.compressed is not None:
            parts.append(sqnr_words(maps))
    return parts
