"""The Graph tab alone, and what is known of the network that it shows."""

import pytest

from secateur.model.graph import GraphNode, NetworkGraph
from secateur.session.state import SessionState
from secateur.ui.graph.tab import GraphTab
from secateur.ui.turns import turns


def conv(layer, group, channels="8 → 8"):
    return GraphNode(layer, layer.rpartition(".")[2], "Conv2d", layer, group, channels, "8×8×8")


@pytest.fixture
def graph():
    """input → conv1 → layer1.0 (two convolutions and an addition) → layer2.0 (two) → linear → output."""
    nodes = (
        GraphNode("image", "image", "input", shape="3×8×8"),
        conv("conv1", (), "3 → 8"),
        conv("layer1.0.conv1", ("layer1", "0")),
        conv("layer1.0.conv2", ("layer1", "0")),
        GraphNode("layer1.0.Add", "Add", "Add", "", ("layer1", "0"), "", "8×8×8"),
        conv("layer2.0.conv1", ("layer2", "0"), "8 → 16"),
        conv("layer2.0.conv2", ("layer2", "0"), "16 → 16"),
        GraphNode("linear", "linear", "Linear", "linear", (), "16 → 10", "10"),
        GraphNode("output", "output", "output", shape="10"),
    )
    return NetworkGraph(nodes, ((0, 1), (1, 2), (2, 3), (3, 4), (1, 4), (4, 5), (5, 6), (6, 7), (7, 8)))


@pytest.fixture
def state(model, spectra, table, graph):
    return SessionState(model=model, spectra=spectra, tables={"free": table}, graph=graph)


@pytest.fixture
def tab(qtbot):
    tab = GraphTab()
    qtbot.addWidget(tab)
    tab.resize(1100, 600)
    with qtbot.waitExposed(tab):
        tab.show()
    yield tab
    tab.stop()


@pytest.fixture
def shown_tab(qtbot, tab, state):
    tab.show_state(state, ())
    assert tab.is_filled
    qtbot.waitUntil(lambda: not turns.is_painting, timeout=30_000)  # what waits for its first frame is grabbed black
    return tab
