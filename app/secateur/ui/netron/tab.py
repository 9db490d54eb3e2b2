"""The Netron tab: asks before it costs anything, then shows Netron's page with the selection tied to the table."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedLayout, QWidget

from secateur.engine.requests import WriteSkeleton
from secateur.session.reasons import guard_of
from secateur.session.state import SessionState
from secateur.ui.netron import available
from secateur.ui.netron.bridge import PageBridge
from secateur.ui.netron.fills import damage_fills
from secateur.ui.netron.link import SelectionLink
from secateur.ui.netron.look import style_of
from secateur.ui.netron.served import NetronServer
from secateur.ui.panels.tab_view import TabView
from secateur.ui.theme.style import color, current_theme, notifier
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.segmented import Segmented
from secateur.ui.widgets.state_panel import StatePanel

if TYPE_CHECKING:
    from secateur.model.description import ModelDescription, ModelSource
    from secateur.ui.netron.web import WebGraph

SETTLE_MS = 120
"""How long a selection rests before the page follows: it scrolls, which is no pleasure at every arrow key."""

Place = Literal["", "window", "browser"]


class NetronTab(TabView):
    """`graph_wanted` asks for the skeleton of the open model, `layer_selected` follows a click in the page."""

    shows: ClassVar[frozenset[str]] = frozenset(
        {"jobs", "model", "progress", "questions", "recipe", "skeleton", "skeleton_problem", "spectra", "tables"}
    )

    graph_wanted = Signal()
    layer_selected = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("netron", "Netron", parent)
        self._state = SessionState()
        self._selected: tuple[str, ...] = ()
        self._source: ModelSource | None = None
        self._place: Place = ""
        self._problem = ""
        self._painted: tuple[bool, object] | None = None
        self._server: NetronServer | None = None
        self._web: WebGraph | None = None
        self._wish: Callable[[], None] = self._show_here
        self.link = SelectionLink()
        self.bridge = PageBridge(self)
        self.bridge.layer_clicked.connect(self._on_click)
        self.bridge.graph_shown.connect(lambda _nodes: self._cover.hide())
        self.bridge.failed.connect(self._fail)
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._tell_page)
        self.missing.wanted.connect(self._press)
        notifier.theme_changed.connect(self._dress)
        self._assemble()

    def _assemble(self) -> None:
        self.name = ElidedLabel(size=16, weight=600)
        self.note = ElidedLabel(role="secondary", mode=Qt.TextElideMode.ElideRight)
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.colours = Segmented(
            [("operator", self.tr("Operator")), ("damage", self.tr("4-bit damage"))], self.tr("Colour of the nodes")
        )
        self.colours.setObjectName("netron_colours")
        self.colours.set_value("operator")
        self.colours.chosen.connect(lambda _key: self._paint())
        browser = Button(self.tr("Open in browser"), "ghost", "export", self.tr("Show the same graph in your browser"))
        browser.setObjectName("netron_browser")
        browser.clicked.connect(self._browse)
        close = Button(self.tr("Close"), "ghost", "close", self.tr("Close Netron's page and free its memory"))
        close.setObjectName("netron_close")
        close.clicked.connect(self.stop)
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self.name)
        head.addWidget(self.note, 1)
        head.addWidget(self.colours)
        head.addWidget(browser)
        head.addWidget(close)
        self.column.addLayout(head)
        frame = QWidget()
        self._layers = QStackedLayout(frame)
        self._layers.setStackingMode(QStackedLayout.StackingMode.StackAll)  # the page draws only while it is visible
        self._cover = StatePanel()
        self._cover.setObjectName("netron_cover")
        self._cover.setProperty("role", "panel")
        self._cover.setAutoFillBackground(True)
        self._layers.addWidget(self._cover)
        self.column.addWidget(frame, 1)

    # ------------------------------------------------------------------ state in

    def show_state(self, state: SessionState, selected: Sequence[str]) -> None:
        """Follow the state: offer, busy, the page, or why not."""
        self._state, self._selected = state, tuple(selected)
        source = state.model.source if state.model else None
        if source != self._source:
            self._source, self._problem = source, ""
            self.stop()
        if self._web is not None:
            self._settle.start()
            self._paint()
        else:
            self._show_missing()

    def _show_missing(self) -> None:
        state = self._state
        job = state.question(WriteSkeleton)
        if state.model is None:
            self.show_missing("graph", self.tr("No graph yet"), self.tr("Open a model to see its operators."))
        elif self._server is not None:
            self._show_address()
        elif self._place and job is not None:
            self.show_missing("job", self.tr("Preparing the graph"), job.text, kind="busy")
        elif self._place and state.skeleton is not None:
            self._open(state.skeleton)
        else:
            self._place = ""  # it was stopped, or there is none
            problem = self._problem or state.skeleton_problem
            if problem:
                self._offer_again(problem)
            else:
                self._offer(state.model)

    # ------------------------------------------------------------------ what is offered

    def _press(self) -> None:
        self._wish()

    def _offer(self, model: "ModelDescription") -> None:
        """What the tab would show, what that costs, and one button."""
        if not available.is_installed():
            self._wish = self._browse
            text = self.tr(
                "Qt WebEngine is not installed, so Netron's page cannot be shown inside the window. Install it with "
                "{0}, or see the graph in your browser: served on this machine alone, without weights."
            ).format(available.INSTALL)
            self.show_missing("graph", self.tr("Netron needs Qt WebEngine"), text, self.tr("Open in browser"))
            return
        self._wish = self._show_here
        text = self.tr("Every operator and attribute, drawn by Netron from a copy without weights. Takes {0}.")
        self.show_missing(
            "graph", self.tr("The graph in Netron"), text.format(cost_of(model)), self.tr("Show in Netron")
        )

    def _offer_again(self, problem: str) -> None:
        self._wish = self._show_here
        title = self.tr("There is no graph to show")
        self.show_missing("warn", title, problem, self.tr("Try again"), kind="failed")

    def _show_address(self) -> None:
        url = self._server.url if self._server else ""
        self._wish = self._browse
        text = self.tr("It is served on this machine at {0} until this window closes or another model is opened.")
        self.show_missing("graph", self.tr("The graph is in your browser"), text.format(url), self.tr("Open again"))

    def _show_here(self) -> None:
        self._ask("window")

    def _browse(self) -> None:
        if self._server is not None:
            self._open_browser(self._server.url)
        else:
            self._ask("browser")

    def _ask(self, place: Place) -> None:
        self._place, self._problem = place, ""
        if self._state.skeleton is not None and self._state.skeleton.is_file():
            self._open(self._state.skeleton)
        else:
            self.graph_wanted.emit()

    # ------------------------------------------------------------------ opening and closing

    def _open(self, skeleton: Path) -> None:
        """Serve the skeleton, and show it where it was asked for."""
        name = self._state.model.name if self._state.model else skeleton.stem
        try:
            self._server = NetronServer(skeleton.read_bytes(), name)
        except OSError as error:
            self._fail(self.tr("The graph could not be served: {0}.").format(error.strerror or error))
            return
        if self._place == "browser":
            self._open_browser(self._server.url)
            self._show_address()
        else:
            self._open_page(self._server.url, name)

    def _open_browser(self, url: str) -> None:
        if not QDesktopServices.openUrl(QUrl(url)):
            QGuiApplication.clipboard().setText(url)  # no browser is known here: the person has the address now

    def _open_page(self, url: str, name: str) -> None:
        problem = available.load()
        if problem:
            self._fail(problem)
            return
        from secateur.ui.netron.web import WebGraph

        self.link.forget()
        self._dress()
        self._tell_page()
        self._web = WebGraph(url, self.bridge, color("panel"), lambda path: guard_of(self._state).refusal(path))
        self._web.failed.connect(self._fail)
        self.name.set_text(name)
        self._paint()
        self._cover.show_content("graph", self.tr("Netron is drawing the graph"), "", kind="busy")
        self._layers.addWidget(self._web)
        self._layers.setCurrentWidget(self._cover)  # on top of the page, which is drawn behind it
        self._cover.show()
        self.show_content()

    def _fail(self, problem: str) -> None:
        self._problem = problem
        self.stop()

    def stop(self) -> None:
        """Close the page and its server; the tab offers them again."""
        self._place = ""
        self._settle.stop()
        if self._web is not None:
            self._layers.removeWidget(self._web)
            self._web.stop()
            self._web.deleteLater()
            self._web = None
        if self._server is not None:
            self._server.stop()
            self._server = None
        self._show_missing()

    # ------------------------------------------------------------------ the selection, both ways

    def _tell_page(self) -> None:
        if self._selected and self.link.from_table(self._selected[0]):
            self.bridge.select(self._selected[0])

    def _on_click(self, layer: str) -> None:
        self._settle.stop()  # what the table said before the click is overtaken
        if any(row.name == layer for row in self._state.rows) and self.link.from_page(layer):
            self.layer_selected.emit(layer)

    def _paint(self) -> None:
        """Colour the nodes as chosen, where that has changed."""
        by_damage = self.colours.value() == "damage"
        depends = (by_damage, self._state.table if by_damage else None)
        if depends != self._painted:
            self._painted = depends
            self.bridge.paint(damage_fills(self._state) if by_damage else {})
            plain, harm = self.tr("without weights, drawn by Netron"), self.tr("dark is harmless, bright is harmful")
            self.note.set_text(harm if by_damage else plain)

    def _dress(self) -> None:
        theme = current_theme()
        self.bridge.dress(dark=theme.is_dark, css=style_of(theme))
        self._painted = None  # what no layer computes wears a colour of the theme
        if self._web is not None:
            self._web.set_background(color("panel"))
            self._paint()


def cost_of(model: "ModelDescription") -> str:
    """How long Netron takes, in words: measured 1.2 s for a small graph and 2.9 ms for each further node."""
    nodes = 2.5 * len(model.layers)  # an activation, an addition or a reshape follow most layers
    seconds = round(1.2 + 0.0029 * nodes)
    words = "about a second" if seconds <= 1 else f"about {seconds} s"
    return words if model.format == "onnx" else f"{words}, after the network was exported as a graph"
