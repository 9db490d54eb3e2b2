"""How fluid the Graph tab is: laying out, building, painting, panning and zooming networks of up to 5,000 nodes.

    python benchmarks/graph.py [--rounds 5] [--nodes 500 1000 5000]

The real tab in a window of 1136 × 616 pixels, without a display where there is none. `opened` is the network as it is
first shown, blocks folded; `unfolded` has every block open. Wanted: shown within 1 s of the graph's arrival, and 30
frames a second while panning and zooming. A frame is painted whole, as when everything moves. `gap` is the longest
time that the window did not answer while the graph was laid out (ticks of a 5 ms timer).
"""

import argparse
import os
import pickle
import statistics
import sys
import time
from collections.abc import Callable

from _rounds import machine, median, table

FRAMES = 40
MOST_SHOWN_S, LEAST_FRAMES = 1.0, 30.0
SIZE = (1136, 616)
PATIENCE_S = 120.0


def network(count: int):
    """Residual blocks of two convolutions, ten nodes each, in stages of sixteen, with a shortcut now and then."""
    from secateur.model.graph import GraphNode, NetworkGraph

    nodes = [GraphNode("input", "input", "input", shape="3×64×64")]
    edges: list[tuple[int, int]] = []

    def add(block: tuple[str, ...], label: str, kind: str, *sources: int) -> int:
        name = ".".join((*block, label))
        is_layer = kind == "Conv2d"
        nodes.append(
            GraphNode(name, label, kind, name if is_layer else "", block, "64 → 64" if is_layer else "", "64×32×32")
        )
        edges.extend((source, len(nodes) - 1) for source in sources)
        return len(nodes) - 1

    last, number = 0, 0
    while len(nodes) < count - 1:
        block = (f"stage{number // 16}", f"{number % 16}")
        begin = last
        for part in ("1", "2", "3"):
            last = add(block, f"conv{part}", "Conv2d", last)
            last = add(block, f"relu{part}", "Relu", last)
        if number % 4 == 0:
            begin = add(block, "shortcut", "Conv2d", begin)
        last = add(block, "add", "Add", last, begin)
        number += 1
    nodes.append(GraphNode("output", "output", "output", shape="1000"))
    edges.append((last, len(nodes) - 1))
    return NetworkGraph(tuple(nodes), tuple(edges))


def description(graph):
    """The model that the table and the colours would show beside it."""
    from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo

    layers = []
    for place, node in enumerate(graph.nodes):
        if node.layer:
            size = 4 * (1000 + 37 * (place % 97))
            weight = TensorInfo(f"{node.layer}.weight", "float32", (64, 64, 3, 3), size)
            layers.append(Layer(node.layer, "Conv2d", weight, params=size // 4, macs=size * 9, size_bytes=size))
    return ModelDescription("network", ModelSource("network.onnx"), "onnx", 1, tuple(layers), (), ())


def wait(condition: Callable[[], bool]) -> float:
    """Let the window live until the condition holds; the longest gap between two turns, in milliseconds."""
    from PySide6.QtCore import QEventLoop, Qt, QTimer

    loop, begun = QEventLoop(), time.perf_counter()
    state = {"last": begun, "gap": 0.0}
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)

    def tick() -> None:
        now = time.perf_counter()
        state["gap"] = max(state["gap"], (now - state["last"]) * 1e3)
        state["last"] = now
        if condition():
            loop.quit()
        elif now - begun > PATIENCE_S:
            raise SystemExit("The graph was not shown in time.")

    timer.timeout.connect(tick)
    timer.start(5)
    loop.exec()
    return state["gap"]


def frames(view, step: Callable[[int], None]) -> float:
    """Frames a second over `FRAMES` steps, each painted before the next."""
    begun = time.perf_counter()
    for number in range(FRAMES):
        step(number)
        view.viewport().repaint()
    return FRAMES / (time.perf_counter() - begun)


def one_round(count: int) -> dict[str, dict[str, float]]:
    """All figures of one network, in milliseconds and frames a second."""
    from secateur.session.state import SessionState
    from secateur.ui.graph.layouter import best_drawing
    from secateur.ui.graph.tab import GraphTab

    graph = network(count)
    state = SessionState(model=description(graph))
    begun = time.perf_counter()
    graph = pickle.loads(pickle.dumps(graph))  # as it crosses from the engine
    crossed = time.perf_counter() - begun
    tab = GraphTab()
    tab.resize(*SIZE)
    tab.show_state(state, ())
    tab.show()
    wait(tab.isVisible)
    figures = {}
    asked: list = []
    tab.layouter.done.connect(lambda wish, _drawing: asked.append(wish))
    for name in ("opened", "unfolded"):
        asked.clear()
        begun = time.perf_counter()
        if name == "opened":
            tab.show_state(state.with_(graph=graph), ())
        else:
            tab.unfold_all()
        gap = wait(lambda: bool(asked) and tab.is_filled)
        tab.view.fit() if name == "unfolded" else tab.view.begin()
        tab.view.viewport().repaint()
        shown = time.perf_counter() - begun
        figures[name] = {
            "nodes": len(tab.view.graph.boxes),
            "crossing": crossed * 1e3,
            "shown": shown * 1e3,
            "gap": gap,
            **parts(tab, asked[0], best_drawing),
            **moving(tab.view),
        }
    tab.stop()
    tab.close()
    tab.deleteLater()
    return figures


def parts(tab, wish, best_drawing) -> dict[str, float]:
    """What the time goes to: the layout, the scene, the first frame at full size."""
    begun = time.perf_counter()
    drawing = best_drawing(wish)
    laid_out = time.perf_counter()
    tab.view.show_drawing(wish.tree, tab.view.faces, drawing)
    built = time.perf_counter()
    tab.view.fit()
    tab.view.set_zoom(1.0)
    tab.view.viewport().repaint()
    painted = time.perf_counter()
    return {
        "layout": (laid_out - begun) * 1e3,
        "scene": (built - laid_out) * 1e3,
        "paint": (painted - built) * 1e3,
    }


def moving(view) -> dict[str, float]:
    """Frames a second: panning with everything in sight, at the least zoom with names, at full size; zooming."""
    rates = {}
    view.fit()
    rates["pan all"] = frames(view, lambda n: view.pan(8 if n % 2 else -8, 4 if n % 2 else -4))
    for zoom in (0.5, 1.0):
        view.set_zoom(zoom)
        rates[f"pan {zoom:.0%}"] = frames(view, lambda n: view.pan(12, 3 if n % 20 < 10 else -3))
    view.fit()
    low = view.zoom
    rates["zoom"] = frames(view, lambda n: view.set_zoom(low * (1.0 / low) ** (n / FRAMES)))
    return rates


COLUMNS = (
    *(("shown", "shown ms"), ("gap", "gap ms"), ("crossing", "crossing ms"), ("layout", "layout ms")),
    *(("scene", "scene ms"), ("paint", "paint ms"), ("pan all", "pan all/s"), ("pan 50%", "pan 50 %/s")),
    *(("pan 100%", "pan 100 %/s"), ("zoom", "zoom/s")),
)


def spread(values: list[float]) -> str:
    """Median, least and greatest."""
    return f"{median(values):,.0f} ({min(values):,.0f}–{max(values):,.0f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nodes", type=int, nargs="+", default=[500, 1000, 5000])
    options = parser.parse_args()
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from secateur.ui.theme.palette import DARK
    from secateur.ui.theme.style import apply_theme

    application = QApplication([])
    apply_theme(application, DARK)
    one_round(200)  # fonts, caches and modules are there from now on, as in a window that has been used
    measured: dict[tuple[int, str], list[dict[str, float]]] = {}
    for number in range(options.rounds):
        for count in options.nodes[:: 1 if number % 2 == 0 else -1]:
            for name, figures in one_round(count).items():
                measured.setdefault((count, name), []).append(figures)
            application.processEvents()
    return report(measured, options.rounds)


def report(measured: dict[tuple[int, str], list[dict[str, float]]], rounds: int) -> int:
    rows, kept = [], True
    for (count, name), figures in sorted(measured.items()):
        cells = [spread([round_[key] for round_ in figures]) for key, _ in COLUMNS]
        seen = round(statistics.median(round_["nodes"] for round_ in figures))
        rows.append((f"{count:,} {name}, {seen:,} seen", *cells))
        slowest = min(median([round_[key] for round_ in figures]) for key, _ in COLUMNS[6:])
        shown = median([round_["shown"] for round_ in figures]) / 1e3
        kept = kept and slowest >= LEAST_FRAMES and (shown < MOST_SHOWN_S or name == "unfolded")
    print(f"The Graph tab, {SIZE[0]} × {SIZE[1]} pixels; median (least–greatest) of {rounds} rounds")
    print(machine())
    print(table(("network", *(title for _, title in COLUMNS)), rows))
    print(
        f"shown under {MOST_SHOWN_S:.0f} s and at least {LEAST_FRAMES:.0f} frames a second: {'yes' if kept else 'no'}"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
