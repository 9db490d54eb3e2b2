"""Putting a graph together: operators find their block, pass-through steps vanish, names become unique.

Both readers (ONNX and torch) add `Piece`s in the order of computation; `assemble` makes the graph of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from secateur.model.description import Layer
from secateur.model.graph import GraphNode, NetworkGraph

Path = tuple[str, ...]

DEEPEST: Final = 16
"""Blocks within blocks; a hostile name with a thousand dots is no deeper."""
_SUMMARIES: Final = """
GlobalAveragePool GlobalMaxPool AveragePool MaxPool ReduceMean Flatten Reshape Squeeze Slice Gather ArgMax Softmax
LogSoftmax AdaptiveAvgPool2d AvgPool2d MaxPool2d
"""

SUMMARIES: Final = frozenset(_SUMMARIES.split())
"""Operators that often stand between two blocks and then belong to neither."""


@dataclass
class Piece:
    """A step as it was found. `sources` are the pieces whose results it reads; `is_passed` ones are left out and
    their readers read what they read. `scope` is the block that the file itself names; None where it does not.
    """

    kind: str
    sources: "list[Piece]" = field(default_factory=list)
    layer: str = ""
    scope: Path | None = None
    shape: tuple[int | None, ...] = ()
    """Of one sample, without the batch axis."""
    is_passed: bool = False
    label: str = ""


def assemble(pieces: Sequence[Piece], layers: Mapping[str, Layer], note: str = "") -> NetworkGraph:
    """The graph of these pieces, given in the order of computation."""
    kept = [piece for piece in pieces if not piece.is_passed]
    number = {id(piece): index for index, piece in enumerate(kept)}
    sources = _sources(pieces)
    groups = _Blocks(kept, sources).find()
    nodes, used = [], set[str]()
    for index, piece in enumerate(kept):
        nodes.append(_node(piece, groups[index], layers.get(piece.layer), used))
    edges = dict.fromkeys((number[id(source)], number[id(piece)]) for piece in kept for source in sources[id(piece)])
    return NetworkGraph(tuple(nodes), tuple(edges), note)


def _sources(pieces: Sequence[Piece]) -> dict[int, list[Piece]]:
    """Piece → the kept pieces whose results it reads, through what is passed."""
    behind: dict[int, list[Piece]] = {}
    found: dict[int, list[Piece]] = {}
    for piece in pieces:
        read: dict[int, Piece] = {}
        for source in piece.sources:
            read.update((id(kept), kept) for kept in behind.get(id(source), ()))
        found[id(piece)] = list(read.values())
        behind[id(piece)] = found[id(piece)] if piece.is_passed else [piece]
    return found


# ---------------------------------------------------------------------- blocks


class _Blocks:
    """Finds the block of every piece.

    A layer's name says it, or the file's own scope. Everything else belongs to the block of what it reads: where
    branches meet, to the smallest block around them; a branch of operators alone goes where it is joined. What sums up
    a block for the next one stands in the smallest block around both.
    """

    def __init__(self, kept: Sequence[Piece], sources: Mapping[int, list[Piece]]) -> None:
        number = {id(piece): index for index, piece in enumerate(kept)}
        self.kept = kept
        self.read = [[number[id(source)] for source in sources[id(piece)]] for piece in kept]
        self.readers: list[list[int]] = [[] for _ in kept]
        for index, read in enumerate(self.read):
            for source in read:
                self.readers[source].append(index)
        known = _known_blocks(kept)
        self.own = [_own_block(piece, known) for piece in kept]

    def find(self) -> list[Path]:
        ahead = self._next_blocks()
        blocks: list[Path] = []
        for index, piece in enumerate(self.kept):
            own = self.own[index]
            if own is not None or not self.read[index]:
                blocks.append(own or ())
                continue
            settled = [source for source in self.read[index] if not self._is_side_branch(source)]
            block = self._joined(settled or self.read[index], blocks)
            if piece.kind in SUMMARIES:
                block = common([*(blocks[source] for source in self.read[index]), *ahead[index]])
            blocks.append(block)
            if len(self.read[index]) > 1:
                for source in self.read[index]:
                    self._adopt(source, block, blocks)
        return blocks

    def _joined(self, read: Sequence[int], blocks: Sequence[Path]) -> Path:
        """The smallest block around what is read; results that the last one was computed from do not count."""
        last = max(read)
        return common([blocks[last], *(blocks[source] for source in read if not self._leads_to(source, last))])

    def _leads_to(self, early: int, late: int) -> bool:
        waiting, seen = [late], {late}
        while waiting:
            for source in self.read[waiting.pop()]:
                if source == early:
                    return True
                if source > early and source not in seen:
                    seen.add(source)
                    waiting.append(source)
        return False

    def _is_side_branch(self, index: int) -> bool:
        """Whether this is an operator, read once, whose line of operators begins where a result goes several ways."""
        while self.own[index] is None and len(self.readers[index]) == 1 and len(self.read[index]) == 1:
            source = self.read[index][0]
            if len(self.readers[source]) > 1:
                return True
            index = source
        return False

    def _adopt(self, index: int, block: Path, blocks: list[Path]) -> None:
        """Take a side branch, back to where it begins, into the block in which it is joined."""
        if not self._is_side_branch(index):
            return
        while self.own[index] is None and len(self.readers[index]) == 1 and len(self.read[index]) == 1:
            blocks[index] = block
            index = self.read[index][0]

    def _next_blocks(self) -> list[set[Path]]:
        """For each piece, the blocks that are met first on the ways ahead."""
        ahead: list[set[Path]] = [set() for _ in self.kept]
        for index in range(len(self.kept) - 1, -1, -1):
            own = () if self.kept[index].kind == "output" else self.own[index]
            met = ahead[index] if own is None else {own}
            for source in self.read[index]:
                ahead[source] |= met
        return ahead


def _own_block(piece: Piece, known: Mapping[Path, Path | None]) -> Path | None:
    """The block that a layer's name or the file says; None where neither does."""
    if piece.layer:
        return _layer_block(piece.layer)
    if not piece.scope:
        return piece.scope
    for length in range(len(piece.scope), 0, -1):  # the innermost scopes are modules that compute, no blocks
        block = known.get(piece.scope[:length])
        if block is not None:
            return block
    return None


def _layer_block(layer: str) -> Path:
    return tuple(layer.split(".")[:-1])[:DEEPEST]


def _known_blocks(kept: Sequence[Piece]) -> dict[Path, Path | None]:
    """Blocks that hold layers, by their path and by every end of it that is theirs alone.

    Exporters leave out containers that are not called themselves: `layer.0` may be `encoder.layer.0`.
    """
    paths = {_layer_block(piece.layer)[:length] for piece in kept if piece.layer for length in range(1, DEEPEST + 1)}
    found: dict[Path, Path | None] = {}
    for path in paths:
        for start in range(1, len(path)):
            end = path[start:]
            found[end] = path if end not in found else None
    found.update((path, path) for path in paths)
    return found


def common(paths: Sequence[Path]) -> Path:
    """The longest beginning that all paths share."""
    if not paths:
        return ()
    shortest, longest = min(paths), max(paths)
    length = 0
    while length < min(len(shortest), len(longest)) and shortest[length] == longest[length]:
        length += 1
    return shortest[:length]


# ---------------------------------------------------------------------- what stands on a node


def _node(piece: Piece, group: Path, layer: Layer | None, used: set[str]) -> GraphNode:
    label = piece.label or (piece.layer.rpartition(".")[2] if piece.layer else piece.kind)
    shape = piece.shape or (layer.output_shape if layer else ())
    return GraphNode(
        name=_unique(piece.layer or ".".join((*group, label)), used),
        label=label,
        kind=layer.kind if layer else piece.kind,
        layer=piece.layer,
        group=group,
        channels=_channels(layer) if layer else "",
        shape="×".join("?" if size is None else str(size) for size in shape),
    )


def _channels(layer: Layer) -> str:
    """`16 → 32` for what has a weight matrix, the width for the rest."""
    if layer.weight is None or not layer.weight.shape:
        return ""
    shape = layer.weight.shape
    if not layer.is_weighted or len(shape) < 2:
        return "×".join(str(size) for size in shape)
    made = layer.out_channels
    taken = shape[1 - layer.channel_axis]
    if layer.groups > 1:
        taken, made = (taken * layer.groups, made) if layer.channel_axis == 0 else (taken, made * layer.groups)
    return f"{taken} → {made}"


def _unique(name: str, used: set[str]) -> str:
    candidate, again = name, 1
    while candidate in used:
        again += 1
        candidate = f"{name} ({again})"
    used.add(candidate)
    return candidate
