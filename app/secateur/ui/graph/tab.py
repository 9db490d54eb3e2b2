"""The Graph tab: the network's layers and operators as a picture that can be folded, coloured, searched and walked."""

from collections.abc import Sequence
from typing import ClassVar

from PySide6.QtCore import QEvent, QObject, QRectF, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from secateur.engine.requests import ReadGraph
from secateur.figures import thousands
from secateur.model.graph import NetworkGraph
from secateur.session.state import SessionState
from secateur.ui.graph.colouring import Colouring, choices, colouring, first_choice
from secateur.ui.graph.drawing import Drawing
from secateur.ui.graph.faces import Faces
from secateur.ui.graph.layouter import AT_ONCE, Layouter, Wish
from secateur.ui.graph.overlays import Legend, MiniMap, Tools, ZoomButtons
from secateur.ui.graph.room import Room
from secateur.ui.graph.tree import BlockTree
from secateur.ui.graph.view import GraphView
from secateur.ui.graph.whole import WholeGraph
from secateur.ui.panels.tab_view import TabView
from secateur.ui.theme.style import metrics

EDGE = 12
NARROW = 760
SETTLED_MS = 120


class GraphTab(TabView):
    """`graph_wanted` when the graph must be read, `layers_selected(names)` when a person points at layers."""

    shows: ClassVar[frozenset[str]] = frozenset(
        {
            "graph",
            "graph_failure",
            "jobs",
            "model",
            "progress",
            "questions",
            "recipe",
            "runs",
            "shown_run",
            "spectra",
            "tables",
        }
    )

    graph_wanted = Signal()
    layers_selected = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("graph", "Graph", parent)
        self._state = SessionState()
        self._selected: tuple[str, ...] = ()
        self._chosen = ""
        self._tree: BlockTree | None = None
        self._faces: Faces | None = None
        self._leaves: dict[str, list[int]] = {}
        self._opened: frozenset[int] = frozenset()
        self._coloured: tuple[tuple[object, ...], Colouring] = ((), Colouring())
        self._shown: tuple[object, ...] = ()
        self._is_new = False
        self._goal: int | None = None
        self.missing.wanted.connect(self.graph_wanted)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.view = GraphView(self.content)
        self.column.addWidget(self.view)
        self.view.leaf_clicked.connect(self._on_leaf)
        self.view.nothing_clicked.connect(lambda: self.view.set_current(None))
        self.view.fold_wanted.connect(self.toggle)
        self.layouter = Layouter(self)
        self.layouter.done.connect(self._on_drawing)
        self._resized = QTimer(self, singleShot=True, interval=SETTLED_MS)
        self._resized.timeout.connect(self._on_resized)
        self.view.resized.connect(self._resized.start)
        self.map = MiniMap(self.view, self.content)
        self.zoom = ZoomButtons(self.view, self.content)
        self.legend = Legend(self.content)
        self.legend.chosen.connect(self._on_chosen)
        self.tools = Tools(self.content)
        self.search = self.tools.search
        self.search.returnPressed.connect(self._find_next)
        self.tools.unfold.clicked.connect(self.unfold_all)
        self.tools.fold.clicked.connect(self.fold_all)
        self._whole = WholeGraph(self.view, self)
        self.content.installEventFilter(self)

    # ------------------------------------------------------------------ state in

    def show_state(self, state: SessionState, selected: Sequence[str]) -> None:
        """Show the graph of the open model, or what is missing for it."""
        before, self._state = self._selected, state
        self._selected = tuple(selected)
        if self._show_what_is_missing(state):
            self._shown = ()
            return
        shown = (state.model, state.graph, state.spectra, state.tables, state.recipe, state.runs, state.shown_run)
        if _same(self._shown, shown) and before == self._selected:
            return  # the progress of a job, twenty times a second
        self._shown = shown
        if state.graph is not None and (self._tree is None or state.graph is not self._tree.graph):
            self._take_graph(state.graph)
        self._colour()
        if not self.layouter.is_busy or self.view.tree is not None:
            self.show_content()
        self._highlight(follow=before != self._selected)

    def _show_what_is_missing(self, state: SessionState) -> bool:
        sentence, hint = state.graph_failure
        if state.model is None:
            text = self.tr("How layers are connected, coloured by any number: open a model to see it.")
            self.show_missing("graph", self.tr("No graph yet"), text)
        elif state.graph is not None:
            return False
        elif sentence:
            retry = self.tr("Try again")
            self.show_missing("warn", self.tr("There is no graph of this model"), f"{sentence} {hint}", retry,
                              kind="failed")  # fmt: skip
        else:
            text = self.tr("Takes about a second.")
            self.show_missing("graph", self.tr("Reading the graph"), text, kind="busy")
            if state.question(ReadGraph) is None:
                self.graph_wanted.emit()
        return True

    def _take_graph(self, graph: NetworkGraph) -> None:
        """Another network: fold it so that it can be read, and begin at its beginning."""
        self._tree = BlockTree(graph)
        self._faces = Faces(self._tree)
        self._leaves = {}
        for index, node in enumerate(graph.nodes):
            if node.layer:
                self._leaves.setdefault(node.layer, []).append(index)
        self._opened = self._tree.first_opened()
        self._coloured = ((), Colouring())
        self._is_new, self._goal = True, None
        self.view.current = None
        self.view.tree = None
        self.view.setToolTip(graph.note)
        self._colour()
        self._lay_out()

    # ------------------------------------------------------------------ layout

    def _lay_out(self) -> None:
        tree, faces = self._tree, self._faces
        if tree is None or faces is None:
            return
        leaves = dict.fromkeys(tree.leaves(self._opened))
        titles = {number: metrics(12, 600).horizontalAdvance(tree.blocks[number].title) + 24.0
                  for number in self._opened}  # fmt: skip
        room = self.view.viewport().size() if self.is_filled else self.size()
        wish = Wish(
            tree, self._opened, {leaf: faces.size(leaf) for leaf in leaves}, titles,
            Room.of_view(room.width(), room.height()),
        )  # fmt: skip
        self.layouter.ask(wish)
        if self.layouter.is_busy and self._is_new:
            count = thousands(len(tree.graph.nodes))
            self.show_missing("graph", self.tr("Drawing {0} operators and layers").format(count), "", kind="busy")

    def _on_drawing(self, wish: Wish, drawing: Drawing) -> None:
        if wish.tree is not self._tree or self._faces is None:
            return
        anchor = self._anchor()
        self.view.show_drawing(wish.tree, self._faces, drawing)
        self.show_content()
        self._place_overlays()
        if self._is_new:
            self._is_new = False
            self.view.begin()
        else:
            self._keep_anchor(anchor)
        self.map.forget()
        self._highlight(follow=False)
        if self._goal is not None:
            goal, self._goal = self._goal, None
            self.go_to(goal)

    def _on_resized(self) -> None:
        """Rows follow the window's width as long as a person has not moved the picture, and it is a quick one."""
        tree = self._tree
        if tree is not None and self.view.tree is tree and self.view.is_fitted and len(self.view.graph.boxes) < AT_ONCE:
            self._is_new = True
            self._lay_out()

    def _anchor(self) -> tuple[int, QRectF] | None:
        """The node in the middle of what is seen, with its place: it stays there when blocks fold."""
        if self._tree is None or self.view.tree is not self._tree:
            return None
        seen = self.view.seen()
        middle = seen.center()
        near = [(leaf, box) for leaf, box in self.view.graph.boxes.items() if box.intersects(seen)]
        found = min(near, key=lambda entry: (entry[1].center() - middle).manhattanLength(), default=None)
        if self.view.current is not None and not self.view.graph.box(self.view.current).isEmpty():
            found = (self.view.current, self.view.graph.box(self.view.current))
        if found is None:
            return None
        leaf = found[0]
        node = self._tree.block(leaf).first if self._tree.is_block(leaf) else leaf
        return node, found[1]

    def _keep_anchor(self, anchor: tuple[int, QRectF] | None) -> None:
        if anchor is None or self._tree is None:
            return
        leaf = self._tree.leaf_of(anchor[0], self._opened)
        now = self.view.graph.box(leaf)
        self.view.pan((now.x() - anchor[1].x()) * self.view.zoom, (now.y() - anchor[1].y()) * self.view.zoom)

    # ------------------------------------------------------------------ folding

    def toggle(self, block: int) -> None:
        """Fold an open block, with all in it, or unfold a folded one."""
        if self._tree is None:
            return
        if block in self._opened:
            self._open(frozenset(n for n in self._opened if not self._is_within(n, block)))
            self.view.set_current(self._tree.count + block)
        else:
            self._open(self._opened | {block})

    def _is_within(self, number: int, block: int) -> bool:
        tree = self._tree
        return tree is not None and any(around.number == block for around in tree.blocks[number].around())

    def unfold_all(self) -> None:
        if self._tree is not None:
            self._open(self._tree.all_opened())

    def fold_all(self) -> None:
        self._open(frozenset())

    def _open(self, opened: frozenset[int]) -> None:
        if opened != self._opened:
            self._opened = opened
            self._lay_out()

    @property
    def opened(self) -> frozenset[int]:
        """Numbers of the blocks that are open."""
        return self._opened

    # ------------------------------------------------------------------ selection

    def _on_leaf(self, leaf: int, adds: bool) -> None:
        if self._faces is None:
            return
        layers = list(self._faces.layers(leaf))
        if not layers:
            return
        kept = list(self._selected) if adds else []
        if adds and set(layers) <= set(kept) and set(kept) - set(layers):
            names = [name for name in kept if name not in layers]
        else:
            names = [*layers, *(name for name in kept if name not in layers)]
        self.layers_selected.emit(names)

    def _highlight(self, *, follow: bool) -> None:
        """Outline the selected layers; where the table chose them, bring the first into view."""
        tree = self._tree
        if tree is None or self.view.tree is not tree:
            return
        nodes = [node for name in self._selected for node in self._leaves.get(name, ())]
        leaves = [tree.leaf_of(node, self._opened) for node in nodes]
        self.view.select(leaves)
        if follow and leaves and self.view.current not in leaves:
            self.view.set_current(leaves[0])
            self.view.bring_into_view(leaves[0])

    # ------------------------------------------------------------------ colours

    def _on_chosen(self, key: str) -> None:
        self._chosen = key
        self._colour()

    def _colour(self) -> None:
        state, offered = self._state, choices(self._state)
        possible = {choice.key for choice in offered if not choice.why_not}
        key = self._chosen if self._chosen in possible else first_choice(state)
        depends = (state.model, state.spectra, state.tables, state.runs, state.shown_run)
        if self._coloured[1].key != key or not _same(self._coloured[0], depends):
            self._coloured = (depends, colouring(state, key))
        self.legend.show_choices(offered, key, self._coloured[1])
        if self._faces is not None and self._faces.show(state, self._coloured[1]):
            self.view.graph.refresh()
            self.map.forget()
        self._place_overlays()

    # ------------------------------------------------------------------ search

    def matches(self, text: str) -> list[int]:
        """Nodes whose name holds `text`, else those whose kind does, in network order; whole names first."""
        wanted = text.strip().lower()
        if not wanted or self._tree is None:
            return []
        nodes = self._tree.graph.nodes
        found = [n for n, node in enumerate(nodes) if wanted in node.name.lower()]
        found = found or [n for n, node in enumerate(nodes) if wanted in node.kind.lower()]
        return sorted(found, key=lambda n: nodes[n].name.lower() != wanted)

    def _find_next(self) -> None:
        found = self.matches(self.search.text())
        self.search.setProperty("tone", "" if found or not self.search.text() else "negative")
        self.search.style().polish(self.search)
        if not found:
            return
        current = self.view.current
        place = found.index(current) + 1 if current in found else 0
        self.go_to(found[place % len(found)])

    def go_to(self, node: int) -> None:
        """Unfold what hides a node, put it into the middle and select its layer."""
        tree = self._tree
        if tree is None:
            return
        hiding = {block.number for block in tree.block_of[node].around() if block.parent is not None}
        if not hiding <= self._opened:
            self._goal = node
            self._open(self._opened | hiding)
            return
        self.view.set_current(node)
        self.view.bring_into_view(node, centre=True)
        self._on_leaf(node, False)

    # ------------------------------------------------------------------ arrangement, pictures

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.content and event.type() == QEvent.Type.Resize:
            self._place_overlays()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_overlays()

    def _place_overlays(self) -> None:
        room = self.content.rect()
        self.legend.set_narrow(room.width() < NARROW)
        self.legend.move(room.right() - EDGE - self.legend.width(), EDGE)
        self.tools.move(EDGE, EDGE)
        self.map.move(room.right() - EDGE - self.map.width(), room.bottom() - EDGE - self.map.height())
        self.zoom.adjustSize()
        self.zoom.move(self.map.x() - 8 - self.zoom.width(), room.bottom() - EDGE - self.zoom.height())
        for overlay in (self.legend, self.tools, self.map, self.zoom):
            overlay.raise_()

    def picture(self) -> QWidget:
        """The whole graph as it is folded now, without what lies over it."""
        if not self.is_filled:
            return super().picture()
        self._whole.fit_graph()
        return self._whole

    def stop(self) -> None:
        """The window closes: wait for a layout that is under way."""
        self.layouter.stop()


def _same(a: tuple[object, ...], b: tuple[object, ...]) -> bool:
    """Whether these are the very same objects."""
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))
