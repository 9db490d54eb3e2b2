"""What a person does with a graph in its tab."""

from PySide6.QtCore import Qt

from secateur.engine.events import Finished, GraphRead, Started
from secateur.engine.requests import ReadGraph

LEFT, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier


def leaf_of(tab, name):
    """The node of this name, or the folded block that hides it."""
    node = next(n for n, entry in enumerate(tab._tree.graph.nodes) if entry.name == name)
    return tab._tree.leaf_of(node, tab.opened)


def place_of(tab, name):
    middle = tab.view.graph.box(leaf_of(tab, name)).center()
    return tab.view.viewportTransform().map(middle).toPoint()


def click(qtbot, tab, name, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.mouseClick(tab.view.viewport(), LEFT, modifier, place_of(tab, name))


def block(tab, name):
    return next(block.number for block in tab._tree.blocks if block.name == name)


def press(qtbot, tab, *keys):
    tab.view.setFocus()
    for key in keys:
        qtbot.keyClick(tab.view, key)


def open_graph(shown, model, graph):
    shown.open(model)
    shown.workspace.detail.show_tab("graph")
    shown.until(lambda: shown.engine.asked(ReadGraph))
    job = shown.engine.job_of(ReadGraph)
    shown.engine.say(Started(job, shown.engine.requests[job - 1]), Finished(job, GraphRead(graph)))
    shown.until(lambda: shown.workspace.detail.tab("graph").is_filled)
