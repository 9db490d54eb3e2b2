"""The blocks of a network as a tree, and what is seen of it when some of them are folded. No Qt.

A *leaf* is what is drawn as one thing: a node, or a folded block. Leaves are numbered: nodes as in the graph, block
`b` as `len(nodes) + b`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from secateur.model.graph import NetworkGraph
from secateur.ui.graph.circles import in_circles

LEGIBLE = 90
"""Leaves that a graph is first unfolded to: more of them cannot be read at once."""

FEW = 8
"""Fewer leaves say nothing: a graph all of whose layers stand in one block is shown with that one open."""


@dataclass(eq=False)
class Block:
    """A block: `title` is its name within the block around it. `first` is its first node in network order."""

    number: int
    path: tuple[str, ...]
    title: str
    parent: "Block | None" = None
    blocks: "list[Block]" = field(default_factory=list)
    nodes: list[int] = field(default_factory=list)
    size: int = 0
    """Nodes inside, at any depth."""
    first: int = 0

    @property
    def name(self) -> str:
        return ".".join(self.path)

    def around(self) -> "Iterator[Block]":
        """This block and those around it, the root last."""
        block: Block | None = self
        while block is not None:
            yield block
            block = block.parent


class BlockTree:
    """All blocks of a graph.

    Blocks with one child alone are merged with it, so that every fold hides something. Blocks that read each other's
    results in turns are none: what is folded would seem to be its own source, so their children stand by themselves.
    """

    def __init__(self, graph: NetworkGraph) -> None:
        self.graph = graph
        self.count = len(graph.nodes)
        top = _grow(graph)
        while _open_circles(top, graph):
            pass
        self.blocks: list[Block] = []
        self.block_of: list[Block] = [top] * self.count
        self.root = top
        self._settle(top)

    def _settle(self, block: Block) -> None:
        """Merge what stands alone, number the blocks, outer ones first, and count what is inside."""
        kept: list[Block] = []
        for child in block.blocks:
            inner = child
            while not inner.nodes and len(inner.blocks) == 1:
                inner = inner.blocks[0]
            if not inner.blocks and len(inner.nodes) == 1:
                block.nodes += inner.nodes
            else:
                kept.append(inner)
        block.nodes.sort()
        block.blocks = kept
        block.number = len(self.blocks)
        self.blocks.append(block)
        for node in block.nodes:
            self.block_of[node] = block
        for child in kept:
            child.parent = block
            child.title = ".".join(child.path[len(block.path) :])
            self._settle(child)
        block.size = len(block.nodes) + sum(child.size for child in kept)
        firsts = [child.first for child in kept] + block.nodes[:1]
        block.first = min(firsts, default=0)

    # ------------------------------------------------------------------ what is seen

    def leaf_of(self, node: int, opened: Collection[int]) -> int:
        """The leaf that shows a node: itself, or the outermost folded block around it."""
        shown = node
        for block in self.block_of[node].around():
            if block.parent is not None and block.number not in opened:
                shown = self.count + block.number
        return shown

    def leaves(self, opened: Collection[int]) -> list[int]:
        """The leaf that shows each node, all nodes at once."""
        hides: list[int] = [-1] * len(self.blocks)
        for block in self.blocks:  # outer ones come first
            if block.parent is None:
                continue
            outer = hides[block.parent.number]
            hides[block.number] = outer if outer >= 0 or block.number in opened else self.count + block.number
        shown = list(range(self.count))
        for block in self.blocks:
            if hides[block.number] >= 0:
                for node in block.nodes:
                    shown[node] = hides[block.number]
        return shown

    def is_block(self, leaf: int) -> bool:
        return leaf >= self.count

    def block(self, leaf: int) -> Block:
        return self.blocks[leaf - self.count]

    def label(self, node: int) -> str:
        """What stands on a node: its name within the block that is drawn around it."""
        entry = self.graph.nodes[node]
        if not entry.layer:
            return entry.label
        return entry.layer.removeprefix(self.block_of[node].name + ".") if self.block_of[node].path else entry.layer

    def first_opened(self, most: int = LEGIBLE) -> frozenset[int]:
        """Blocks to open at first: outer ones before inner ones, as long as no more than `most` leaves are seen.

        Where that leaves fewer than `FEW`, one more level is opened, however much is in it.
        """
        opened: set[int] = set()
        seen = len(self.root.nodes) + len(self.root.blocks)
        level = list(self.root.blocks)
        while level:
            added = sum(len(block.nodes) + len(block.blocks) - 1 for block in level)
            if seen + added > most and seen >= min(FEW, most):
                return frozenset(opened)
            seen += added
            opened |= {block.number for block in level}
            level = [child for block in level for child in block.blocks]
        return frozenset(opened)

    def all_opened(self) -> frozenset[int]:
        return frozenset(range(1, len(self.blocks)))

    def seen_edges(self, opened: Collection[int]) -> list[tuple[int, int]]:
        """Edges between different leaves, each once."""
        leaves = self.leaves(opened)
        found = dict.fromkeys((leaves[a], leaves[b]) for a, b in self.graph.edges)
        return [(a, b) for a, b in found if a != b]


def _open_circles(root: Block, graph: NetworkGraph) -> bool:
    """Take blocks that lie on a circle out of the blocks around them; whether there were any.

    Of the blocks on a circle those are taken apart that read what was made from their own results; where none does,
    the first of them.
    """
    block_of, blocks = _numbered(root)
    meetings: dict[int, list[tuple[int, int]]] = {}
    for a, b in graph.edges:
        first, second = _children(a, block_of[a]), _children(b, block_of[b])
        shared = next(number for number in first if number in second)
        meetings.setdefault(shared, []).append((first[shared], second[shared]))
    apart: set[int] = set()
    for number, edges in meetings.items():
        circling = [blocks[-1 - child] for child in in_circles(edges) if child < 0]
        if circling and number not in apart:
            found = [block for block in circling if _reads_itself(block, block_of, graph)]
            found = found or [min(circling, key=lambda block: block.number)]
            _take_apart(blocks[number], found)
            apart |= {block.number for block in found}
    return bool(apart)


def _numbered(root: Block) -> tuple[dict[int, Block], list[Block]]:
    """(the block of every node, all blocks by number), numbers given anew."""
    block_of: dict[int, Block] = {}
    blocks: list[Block] = []
    waiting = [root]
    while waiting:
        block = waiting.pop()
        block.number = len(blocks)
        blocks.append(block)
        block_of.update(dict.fromkeys(block.nodes, block))
        waiting += block.blocks
    return block_of, blocks


def _reads_itself(block: Block, block_of: dict[int, Block], graph: NetworkGraph) -> bool:
    """Whether something outside of a block stands between two things in it."""
    inside = [any(around is block for around in block_of[node].around()) for node in range(len(graph.nodes))]
    behind = [False] * len(inside)  # edges lead from earlier to later nodes: one pass sees everything behind
    for a, b in sorted(graph.edges, key=lambda edge: edge[1]):
        if inside[b] and behind[a]:
            return True
        behind[b] = behind[b] or (not inside[b] and (inside[a] or behind[a]))
    return False


def _take_apart(around: Block, blocks: list[Block]) -> None:
    """Give the children of these blocks to the block around them."""
    kept = [child for child in around.blocks if all(child is not block for block in blocks)]
    for block in blocks:
        around.nodes += block.nodes
        for child in block.blocks:
            child.parent = around
        kept += block.blocks
    around.blocks = kept


def _children(node: int, block: Block) -> dict[int, int]:
    """Number of each block around a node, inner ones first → its child that holds the node; blocks as −1 − number."""
    found, child = {}, node
    for around in block.around():
        found[around.number] = child
        child = -1 - around.number
    return found


def _grow(graph: NetworkGraph) -> Block:
    root = Block(0, (), "")
    known: dict[tuple[str, ...], Block] = {(): root}
    for index, node in enumerate(graph.nodes):
        path: tuple[str, ...] = ()
        for part in node.group:
            around, path = known[path], (*path, part)
            if path not in known:
                known[path] = Block(0, path, part, around)
                around.blocks.append(known[path])
        known[path].nodes.append(index)
    return root
