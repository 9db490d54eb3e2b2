"""Laws of the graph's layout, over random networks with random blocks, folded in random ways."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secateur.model.graph import GraphNode, NetworkGraph
from secateur.ui.graph.circles import in_circles
from secateur.ui.graph.layout import lay_out
from secateur.ui.graph.layouter import Wish, best_drawing
from secateur.ui.graph.room import CORNER, MARGIN, Room
from secateur.ui.graph.tree import BlockTree
from secateur.ui.graph.walking import Paths

WIDE = 1e9
SOME = settings(max_examples=60, deadline=None)


def network(groups, edges):
    """A graph of one convolution for each path in `groups`."""
    nodes = [
        GraphNode(f"n{i}", f"n{i}", "Conv2d", ".".join((*group, f"n{i}")), tuple(group), "8 → 8")
        for i, group in enumerate(groups)
    ]
    return NetworkGraph(tuple(nodes), tuple(edges))


@st.composite
def networks(draw, most=24):
    count = draw(st.integers(1, most))
    part = st.sampled_from("abc")
    groups = draw(st.lists(st.lists(part, max_size=3), min_size=count, max_size=count))
    edges = set()
    for b in range(1, count):
        edges |= {(a, b) for a in draw(st.sets(st.integers(0, b - 1), max_size=3))}
    return network(groups, sorted(edges))


@st.composite
def folded(draw, most=24):
    """(tree, opened blocks): what is opened lies in what is opened, or is hidden."""
    tree = BlockTree(draw(networks(most)))
    return tree, frozenset(draw(st.sets(st.integers(1, max(len(tree.blocks) - 1, 1)))))


def sizes(tree):
    """Large nodes, small circles, long pills."""
    kinds = [(124.0, 46.0), (22.0, 22.0), (80.0, 26.0)]
    return {leaf: kinds[leaf % 3] for leaf in range(tree.count)} | {
        tree.count + block.number: (124.0, 46.0) for block in tree.blocks
    }


def titles(tree):
    """Short ones, and some that are wider than what is in their block."""
    return {block.number: 320.0 if block.number % 2 else 40.0 for block in tree.blocks}


def drawn(tree, opened, width=WIDE, **options):
    return lay_out(tree, opened, sizes(tree), titles(tree), most_width=width, **options)


def overlap(a, b, margin=0.0):
    (x, y, w, h), (u, v, s, t) = a, b
    return x < u + s - margin and u < x + w - margin and y < v + t - margin and v < y + h - margin


def inside(inner, outer):
    (x, y, w, h), (u, v, s, t) = inner, outer
    return x >= u - 0.01 and y >= v - 0.01 and x + w <= u + s + 0.01 and y + h <= v + t + 0.01


def reachable(edges):
    after = defaultdict(set)
    for a, b in edges:
        after[a].add(b)
    found = {}
    for start in list(after):
        seen, waiting = set(), [start]
        while waiting:
            for follower in after.get(waiting.pop(), ()):
                if follower not in seen:
                    seen.add(follower)
                    waiting.append(follower)
        found[start] = seen
    return found


# ---------------------------------------------------------------------- folding


@SOME
@given(folded())
def test_folding_keeps_what_leads_to_what(case):
    tree, opened = case
    leaves = tree.leaves(opened)
    before, after = reachable(tree.graph.edges), reachable(tree.seen_edges(opened))
    for a, followers in before.items():
        for b in followers:
            assert leaves[a] == leaves[b] or leaves[b] in after.get(leaves[a], ())


@SOME
@given(folded())
def test_no_fold_makes_a_network_run_in_circles(case):
    tree, opened = case
    assert not in_circles(tree.seen_edges(opened))


@SOME
@given(folded())
def test_every_node_is_seen_as_exactly_one_leaf(case):
    tree, opened = case
    assert tree.leaves(opened) == [tree.leaf_of(node, opened) for node in range(tree.count)]
    assert set(drawn(tree, opened).places) == set(tree.leaves(opened))


def test_a_block_that_holds_one_block_alone_is_merged_with_it():
    tree = BlockTree(network([["encoder", "layer", "0"], ["encoder", "layer", "0"], ["encoder", "layer", "1"]] * 2, []))
    assert [block.name for block in tree.root.blocks] == ["encoder.layer"]
    assert [block.title for block in tree.root.blocks[0].blocks] == ["0", "1"]


def test_blocks_that_read_each_other_in_turns_are_taken_apart():
    groups = [["enc", "0"], ["enc", "0"], ["dec"], ["dec"], ["enc", "1"], ["enc", "1"]]
    tree = BlockTree(network(groups, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]))
    assert sorted(block.name for block in tree.root.blocks) == ["dec", "enc.0", "enc.1"]
    assert tree.label(0) == "n0"


def test_a_large_network_is_first_shown_folded_and_a_small_one_open():
    small = BlockTree(network([["a", str(n // 4)] for n in range(20)], []))
    large = BlockTree(network([["a", str(n // 100), str(n // 10)] for n in range(2000)], []))
    assert small.first_opened() == small.all_opened()
    assert len(set(large.leaves(large.first_opened()))) <= 90


def test_a_network_all_in_one_block_is_first_shown_with_that_block_open():
    tree = BlockTree(network([["p2o"]] * 400, [(n, n + 1) for n in range(399)]))
    assert len(set(tree.leaves(tree.first_opened()))) == 400


# ---------------------------------------------------------------------- places


@SOME
@given(folded(), st.sampled_from([300.0, 700.0, WIDE]))
def test_leaves_never_overlap_and_stand_in_the_frames_of_their_blocks(case, width):
    tree, opened = case
    drawing = drawn(tree, opened, width)
    places = list(drawing.places.values())
    for index, place in enumerate(places):
        assert not any(overlap(place, other, 0.01) for other in places[:index])
        assert inside(place, (0, 0, drawing.width, drawing.height))
    for leaf, place in drawing.places.items():
        block = tree.block(leaf).parent if tree.is_block(leaf) else tree.block_of[leaf]
        for around in block.around():
            assert around.parent is None or inside(place, drawing.frames[around.number])


@SOME
@given(folded(), st.sampled_from([300.0, WIDE]))
def test_frames_lie_within_each_other_or_apart(case, width):
    tree, opened = case
    frames = drawn(tree, opened, width).frames
    for a, frame in frames.items():
        for b, other in frames.items():
            if a == b:
                continue
            if any(around.number == a for around in tree.blocks[b].around()):
                assert inside(other, frame)
            elif all(around.number != b for around in tree.blocks[a].around()):
                assert not overlap(frame, other, 0.01)


@SOME
@given(folded())
def test_in_one_row_every_edge_points_to_the_right(case):
    tree, opened = case
    drawing = drawn(tree, opened)
    for a, b in drawing.edges:
        x, _, width, _ = drawing.places[a]
        assert drawing.places[b][0] >= x + width


@SOME
@given(networks(), st.sampled_from([250.0, 500.0]))
def test_in_several_rows_every_edge_points_to_the_right_or_down(graph, width):
    flat = network([[]] * len(graph.nodes), graph.edges)
    drawing = drawn(BlockTree(flat), frozenset(), width)
    for a, b in drawing.edges:
        (x, y, w, h), (u, v, _, _) = drawing.places[a], drawing.places[b]
        assert u >= x + w or v >= y + h


def test_a_chain_in_one_row_is_a_straight_line():
    tree = BlockTree(network([["a"]] * 5, [(n, n + 1) for n in range(4)]))
    drawing = drawn(tree, tree.all_opened())
    assert all(len(line.points) == 2 and line.points[0][1] == line.points[1][1] for line in drawing.lines)


def test_rows_are_no_wider_than_asked_for():
    tree = BlockTree(network([[]] * 60, [(n, n + 1) for n in range(59)]))
    assert drawn(tree, frozenset(), 900.0).width <= 960.0
    assert drawn(tree, frozenset()).width > 3000.0


# ---------------------------------------------------------------------- lines


@SOME
@given(folded(), st.sampled_from([300.0, 700.0, WIDE]))
def test_no_line_crosses_a_leaf(case, width):
    tree, opened = case
    drawing = drawn(tree, opened, width)
    for line in drawing.lines:
        for (x, y), (u, v) in zip(line.points, line.points[1:], strict=False):
            segment = (min(x, u), min(y, v), abs(x - u), abs(y - v))
            grown = (segment[0], segment[1], max(segment[2], 0.001), max(segment[3], 0.001))
            hit = [leaf for leaf, place in drawing.places.items() if overlap(grown, place, 0.1)]
            assert not hit, (line, hit)


@SOME
@given(folded(), st.sampled_from([300.0, 700.0, WIDE]))
def test_lines_are_made_of_level_and_upright_pieces(case, width):
    tree, opened = case
    for line in drawn(tree, opened, width).lines:
        assert len(line.points) > 1
        assert all(
            abs(x - u) < 0.5 or abs(y - v) < 0.5 for (x, y), (u, v) in zip(line.points, line.points[1:], strict=False)
        )


@SOME
@given(folded(), st.sampled_from([300.0, 700.0, WIDE]))
def test_lines_lead_from_every_leaf_to_all_that_read_it_and_to_nothing_else(case, width):
    tree, opened = case
    drawing = drawn(tree, opened, width)
    by_net = defaultdict(list)
    for line in drawing.lines:
        by_net[line.net].append(line)
    wanted = defaultdict(set)
    for a, b in drawing.edges:
        wanted[a].add(b)
    assert set(by_net) == set(wanted)
    for net, lines in by_net.items():
        x, y, width_, height = drawing.places[net]
        reached = [(x + width_, y + height / 2)]
        left, found = list(lines), set()
        while True:
            going = [line for line in left if any(near(line.points[0], end) for end in reached)]
            if not going:
                break
            left = [line for line in left if line not in going]
            reached += [line.points[-1] for line in going]
            found |= {leaf_at_end(drawing, line) for line in going if line.arrow}
        assert not left
        assert found == wanted[net]


def near(a, b):
    return abs(a[0] - b[0]) < 0.5 and abs(a[1] - b[1]) < 0.5


def leaf_at_end(drawing, line):
    """The leaf on whose edge a line ends."""
    x, y = line.points[-1]
    found = [leaf for leaf, (u, v, w, h) in drawing.places.items()
             if u - 0.5 <= x <= u + w + 0.5 and v - 0.5 <= y <= v + h + 0.5]  # fmt: skip
    assert len(found) == 1
    return found[0]


# ---------------------------------------------------------------------- what fits, moving about


@SOME
@given(folded(12))
def test_what_fits_the_room_lies_in_it_and_not_under_the_map(case):
    tree, opened = case
    room = Room.of_view(1100.0, 560.0)
    drawing = best_drawing(Wish(tree, opened, sizes(tree), {}, room))
    zoom = room.zoom_for(drawing)
    left = room.left(drawing, zoom)
    for x, y, w, h in drawing.places.values():
        assert (x + w) * zoom + left <= room.width + 0.5
        assert (y + h) * zoom <= room.height + 0.5
        under_map = (x + w) * zoom + left > room.width + MARGIN - CORNER[0] + 0.5
        assert not (under_map and (y + h) * zoom > room.height + MARGIN - CORNER[1] + 0.5)


@SOME
@given(folded())
def test_arrow_keys_follow_edges_and_every_leaf_that_reads_something_has_a_way_back(case):
    tree, opened = case
    drawing = drawn(tree, opened, 500.0)
    paths = Paths(drawing)
    assert paths.first() in drawing.places
    edges = set(drawing.edges)
    for leaf in drawing.places:
        right, left = paths.step(leaf, "right"), paths.step(leaf, "left")
        assert right is None or (leaf, right) in edges
        assert left is None or (left, leaf) in edges
        assert (left is None) == all(b != leaf for _, b in edges)


@pytest.mark.parametrize(("edges", "circles"), [([(0, 1), (1, 2)], set()), ([(0, 1), (1, 0), (2, 0)], {0, 1})])
def test_circles_are_found(edges, circles):
    assert in_circles(edges) == circles


def test_five_thousand_nodes_are_laid_out_without_recursion_trouble():
    groups = [[f"s{n // 500}", f"{n // 10}"] for n in range(5000)]
    graph = network(groups, [(n, n + 1) for n in range(4999)] + [(n, n + 4) for n in range(0, 4990, 10)])
    tree = BlockTree(graph)
    drawing = drawn(tree, tree.all_opened(), 1200.0, aspect=1.8)
    assert len(drawing.places) == 5000
    assert 0.3 < drawing.width / drawing.height < 6
