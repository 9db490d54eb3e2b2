"""What stands on each leaf of the graph: its words, its number, its badges, its colour, its size."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from PySide6.QtGui import QColor

from secateur.model.graph import GraphNode
from secateur.session.state import SessionState
from secateur.ui.graph.colouring import Colouring
from secateur.ui.graph.tree import Block, BlockTree
from secateur.ui.models.layer_table import planned_badges
from secateur.ui.plots.heat_paint import map_color
from secateur.ui.theme.style import color, metrics
from secateur.ui.widgets.badges import Badge

NODE: Final = (124.0, 46.0)
ROUND: Final = 22.0
PILL: Final = 26.0
TINT: Final = 0.24

Shape = Literal["node", "block", "pill", "round"]

SIGNS: Final[Mapping[str, str]] = {
    "Add": "+",
    "Sum": "+",
    "Sub": "−",
    "Mul": "×",
    "Div": "÷",
    "Relu": "relu",
    **dict.fromkeys(("Clip", "LeakyRelu", "PRelu", "Elu", "Gelu", "Silu", "HardSwish", "Hardswish", "Mish"), "bend"),
    **dict.fromkeys(("Sigmoid", "Tanh", "HardSigmoid", "Erf"), "curve"),
}
"""Operators that are drawn as a sign in a circle."""

_PLAIN_WORDS: Final[Mapping[str, str]] = {
    "GlobalAveragePool": "average pool",
    "ReduceMean": "mean",
    "MatMul": "product",
    "Gemm": "product",
}


@dataclass(frozen=True, slots=True)
class Face:
    """How one leaf looks. `colour` is None where nothing is known of it; `tip` is what hovering says."""

    shape: Shape
    title: str
    left: str = ""
    right: str = ""
    badges: tuple[Badge, ...] = ()
    colour: QColor | None = None
    fill: QColor | None = None
    tip: str = ""
    among: tuple[str, ...] = ()
    """Titles that stand in the same block: where there is little room, this one is to read like none of them."""


class Faces:
    """The faces of a graph, made when they are first asked for and forgotten when what they show changes."""

    def __init__(self, tree: BlockTree) -> None:
        self.tree = tree
        self.layers_in: dict[int, tuple[str, ...]] = {}
        self._rows: frozenset[str] = frozenset()
        self._badges: dict[str, tuple[Badge, ...]] = {}
        self.colouring = Colouring()
        self._known: dict[int, Face] = {}
        self._titles: dict[int, tuple[str, ...]] = {}
        self._shown: tuple[object, ...] = ()

    def show(self, state: SessionState, colouring: Colouring) -> bool:
        """Take over plan and colours; whether any face may look different now."""
        shown = (state.model, state.recipe, colouring)
        if len(shown) == len(self._shown) and all(a is b for a, b in zip(shown, self._shown, strict=True)):
            return False
        self._shown = shown
        names = [row.name for row in state.rows]
        self._rows, self.colouring = frozenset(names), colouring
        self._badges = planned_badges(state.recipe, names)
        self._known.clear()
        return True

    def forget(self) -> None:
        """The theme has changed: colours are other ones."""
        self._known.clear()

    def of(self, leaf: int) -> Face:
        face = self._known.get(leaf)
        if face is None:
            face = self._known[leaf] = self._make(leaf)
        return face

    def colour(self, leaf: int) -> QColor | None:
        """The colour of a leaf alone, without its words."""
        if self.tree.is_block(leaf):
            share = self.colouring.share_of(self.layers(leaf))
        else:
            layer = self.tree.graph.nodes[leaf].layer
            share = self.colouring.share_of((layer,)) if layer else None
        return None if share is None else map_color(share)

    # ------------------------------------------------------------------ layers

    def layers(self, leaf: int) -> tuple[str, ...]:
        """Layers of the table that a leaf stands for."""
        if leaf not in self.layers_in:
            nodes = self._nodes_in(self.tree.block(leaf)) if self.tree.is_block(leaf) else [leaf]
            layers = dict.fromkeys(self.tree.graph.nodes[node].layer for node in nodes)
            self.layers_in[leaf] = tuple(name for name in layers if name)
        return tuple(name for name in self.layers_in[leaf] if name in self._rows)

    def summary(self, block: Block) -> str:
        """What a block holds, and the shape that comes out of it where the block around does not say it."""
        shape = self._shape(block)
        told = block.parent is not None and block.parent.parent is not None and self._shape(block.parent) == shape
        count = counted(len(self.layers(self.tree.count + block.number)), block.size)
        return f"{count} · {shape}" if shape and not told else count

    def _shape(self, block: Block) -> str:
        """What comes out of a block, as far as it is known."""
        nodes = self.tree.graph.nodes
        return next((nodes[n].shape for n in reversed(self._nodes_in(block)) if nodes[n].shape), "")

    def _nodes_in(self, block: Block) -> list[int]:
        found, waiting = [], [block]
        while waiting:
            inner = waiting.pop()
            found += inner.nodes
            waiting += inner.blocks
        return sorted(found)

    # ------------------------------------------------------------------ making

    def size(self, leaf: int) -> tuple[float, float]:
        """Width and height in pixels."""
        if self.tree.is_block(leaf):
            return NODE
        node = self.tree.graph.nodes[leaf]
        match shape_of(node):
            case "round":
                return ROUND, ROUND
            case "pill":
                return metrics(12, 500).horizontalAdvance(words(node, self.tree.label(leaf))) + 20.0, PILL
            case _:
                return NODE

    def _make(self, leaf: int) -> Face:
        return self._block_face(leaf) if self.tree.is_block(leaf) else self._node_face(leaf)

    def _node_face(self, leaf: int) -> Face:
        node = self.tree.graph.nodes[leaf]
        shape = shape_of(node)
        number = self.colouring.of([node.layer]) if node.layer else None
        lines = [node.name, " · ".join(part for part in (node.kind, node.channels) if part)]
        lines += [f"output {node.shape}"] if node.shape else []
        title = SIGNS[node.kind] if shape == "round" else words(node, self.tree.label(leaf))
        if shape != "node":
            return Face(shape, title, tip="\n".join(lines))
        badges = self._badges.get(node.layer, ())
        if not badges and node.layer in self._rows:
            badges = (("float", "float"),)
        lines += [f"{self.colouring.title}: {number[1]}"] if number else []
        lines += [", ".join(text for _, text in badges)] if badges else []
        colours = _colours(number[0] if number else None)
        left = node.channels or node.shape
        among = self._titles_in(self.tree.block_of[leaf])
        return Face(shape, title, left, number[1] if number else "", badges, *colours, "\n".join(lines), among)

    def _block_face(self, leaf: int) -> Face:
        block = self.tree.block(leaf)
        layers = self.layers(leaf)
        number = self.colouring.of(layers)
        count = counted(len(layers), block.size)
        planned = sum(1 for name in layers if name in self._badges)
        lines = [block.name, count]
        lines += [f"{self.colouring.title}: {number[1]}"] if number else []
        lines += [f"{planned} of {len(layers)} planned"] if planned else []
        lines.append("Double click or Enter unfolds it")
        colours = _colours(number[0] if number else None)
        among = self._titles_in(block.parent or block)
        return Face("block", block.title, count, number[1] if number else "", (), *colours, "\n".join(lines), among)

    def _titles_in(self, block: Block) -> tuple[str, ...]:
        """Titles of the layers and blocks that stand in a block."""
        if block.number not in self._titles:
            labels = (self.tree.label(node) for node in block.nodes if self.tree.graph.nodes[node].layer)
            self._titles[block.number] = (*labels, *(inner.title for inner in block.blocks))
        return self._titles[block.number]


def counted(layers: int, nodes: int) -> str:
    """What a block holds: `6 layers`, or `12 operators` where none of them is in the table."""
    number, noun = (layers, "layer") if layers else (nodes, "operator")
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def shape_of(node: GraphNode) -> Shape:
    """Weighted layers are nodes; operators a sign in a circle or a word in a pill."""
    if node.kind in SIGNS and not node.layer:
        return "round"
    return "node" if "→" in node.channels or node.kind in {"Embedding", "LSTM", "GRU", "RNN"} else "pill"


def words(node: GraphNode, label: str) -> str:
    """The words on a node: a layer's own name; an operator in plain words; a port with its shape."""
    if node.kind in {"input", "output"}:
        return f"{label} {node.shape}".strip()
    if node.layer:
        return label
    if node.label != node.kind:
        return node.label
    return _PLAIN_WORDS.get(node.kind) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", node.kind).replace("_", " ").lower()


def _colours(share: float | None) -> tuple[QColor | None, QColor | None]:
    """The colour of the band, and the same as a tint on the card."""
    if share is None:
        return None, None
    band, ground = map_color(share), color("card")
    mixed = [TINT * a + (1 - TINT) * b for a, b in zip(rgb(band), rgb(ground), strict=True)]
    return band, QColor.fromRgbF(*mixed)


def rgb(colour: QColor) -> Sequence[float]:
    return colour.redF(), colour.greenF(), colour.blueF()
