"""The Netron tab: free until it is asked for, then Netron's page with one selection between table and graph."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from onnx import TensorProto, helper
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QPushButton

from secateur.engine.events import Failed, Finished, SkeletonWritten, Started
from secateur.engine.requests import WriteSkeleton
from secateur.formats.describing.skeleton import skeleton_of
from secateur.model.description import ModelSource
from secateur.ui.netron import available, served
from secateur.ui.netron.document import prepared
from secateur.ui.netron.served import NetronServer
from secateur.ui.theme.palette import DARK, LIGHT
from secateur.ui.theme.style import apply_theme

pytestmark = pytest.mark.display

PAGE_MS = 60_000
RUN = "(() => { %s; return 'null'; })()"
SELECTED = "JSON.stringify([...__view__.target.selection].map((element) => element.value.name))"
CLICK = RUN % (
    "__view__.target.find(__view__.target.target.nodes.find((node) => node.name === '%s'))"
    ".element.querySelector('.node-item-type').dispatchEvent(new MouseEvent('click', { bubbles: true }))"
)
FIRST_FILL = (
    "JSON.stringify(__view__.target.find(__view__.target.target.nodes[0])"
    ".element.querySelector('.node-item-type path').style.fill)"
)
needs_webengine = pytest.mark.skipif(
    not available.is_installed(), reason=f"Qt WebEngine is not installed: {available.INSTALL}"
)


@pytest.fixture
def skeleton(model, tmp_path) -> Path:
    """The skeleton of the small network: its layers in a row, and a ReLU behind each convolution."""
    nodes, weights, last = [], [], "x"
    for layer in model.layers:
        shape = list(layer.weight.shape)
        zeros = bytes(layer.size_bytes)
        weights.append(helper.make_tensor(f"{layer.name}.weight", TensorProto.FLOAT, shape, zeros, raw=True))
        operator = "Conv" if len(shape) == 4 else "MatMul"
        nodes.append(helper.make_node(operator, [last, f"{layer.name}.weight"], [f"{layer.name}.out"]))
        nodes.append(helper.make_node("Relu", [f"{layer.name}.out"], [f"{layer.name}.relu"], name="relu"))
        last = f"{layer.name}.relu"
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)],
        weights,
    )
    path = tmp_path / "skeleton.onnx"
    path.write_bytes(skeleton_of(helper.make_model(graph)).SerializeToString())
    return path


def tab_of(shown):
    shown.workspace.detail.show_tab("netron")
    return shown.workspace.detail.tab("netron")


def answer(shown, result) -> None:
    """Let the engine end the skeleton that was asked for."""
    job = shown.engine.job_of(WriteSkeleton)
    shown.engine.say(Started(job, shown.engine.requests[job - 1]))
    if isinstance(result, Path):
        shown.engine.say(Finished(job, SkeletonWritten(result)))
    else:
        shown.engine.say(Failed(job, *result))
    shown.until(lambda: not shown.state.jobs)


def in_page(shown, tab, script: str):
    """What a script of the page returns (it must return JSON: other values do not cross)."""
    answers = []
    tab._web.page.runJavaScript(script, 0, answers.append)
    shown.until(lambda: answers, PAGE_MS)
    return json.loads(answers[0] or "null")


def open_page(shown, tab, skeleton):
    """Press the button, answer as the engine, and wait until Netron has drawn the graph."""
    drawn, failures = [], []
    tab.bridge.graph_shown.connect(drawn.append)
    tab.bridge.failed.connect(failures.append)
    tab.missing.button.click()
    answer(shown, skeleton)
    shown.until(lambda: drawn or failures, PAGE_MS)
    assert failures == []


# ---------------------------------------------------------------------- before it is asked for


def test_nothing_is_built_before_the_tab_is_shown_and_nothing_asked_before_the_button(shown, model):
    shown.open(model)
    assert not shown.workspace.detail.is_built("netron")
    tab = tab_of(shown)
    assert tab.missing.button.text() in {"Show in Netron", "Open in browser"}
    assert not shown.engine.asked(WriteSkeleton)


def test_ctrl_7_shows_the_tab_and_the_plan_panel_leaves_it_the_room(shown, model):
    shown.open(model)
    shown.assembly.commands.trigger("tab_netron")
    assert shown.workspace.detail.current == "netron"
    assert not shown.workspace.plan.isVisible()


def test_the_windows_modules_do_not_load_qt_webengine():
    code = (
        "import sys, secateur.ui.app, secateur.ui.netron.tab, secateur.ui.netron.web\n"
        "print([name for name in sys.modules if 'WebEngine' in name or 'WebChannel' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_says_what_it_waits_for_and_offers_again_where_it_was_stopped(shown, model):
    shown.open(model)
    tab = tab_of(shown)
    tab.missing.button.click()
    shown.until(lambda: "Preparing the graph" in tab.missing.accessibleName())
    shown.session.update(questions=())
    shown.until(lambda: "Preparing the graph" not in tab.missing.accessibleName())
    assert tab.missing.button.isVisible()


def test_a_model_without_a_graph_is_told_in_the_tab(shown, model):
    shown.open(model)
    tab = tab_of(shown)
    tab.missing.button.click()
    answer(shown, ("net has no graph to show: it holds weights without a network.", "Open it with its factory."))
    shown.until(lambda: "without a network" in tab.missing.accessibleName())
    assert "Open it with its factory." in tab.missing.accessibleName()


# ---------------------------------------------------------------------- in a browser


@pytest.fixture
def browser(monkeypatch) -> list[str]:
    """The addresses that a browser was asked to open; none is started."""
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: bool(opened.append(url.toString())) or True)
    return opened


def test_without_webengine_the_tab_names_the_command_and_opens_a_browser(shown, model, skeleton, browser, monkeypatch):
    monkeypatch.setattr(available, "is_installed", lambda: False)
    shown.open(model)
    tab = tab_of(shown)
    assert available.INSTALL in tab.missing.accessibleName()
    assert tab.missing.button.text() == "Open in browser"
    tab.missing.button.click()
    answer(shown, skeleton)
    shown.until(lambda: browser)
    with urllib.request.urlopen(f"{browser[0]}data/model.onnx", timeout=10) as response:
        assert response.read() == skeleton.read_bytes()
    assert browser[0] in tab.missing.accessibleName()


def test_another_model_closes_the_server_of_the_one_before(shown, model, big_model, skeleton, browser, monkeypatch):
    monkeypatch.setattr(available, "is_installed", lambda: False)
    shown.open(model)
    tab = tab_of(shown)
    tab.missing.button.click()
    answer(shown, skeleton)
    shown.until(lambda: browser)
    shown.open(replace(big_model, source=ModelSource("other.onnx")))
    shown.until(lambda: "127.0.0.1" not in tab.missing.accessibleName())
    with pytest.raises(OSError, match=r"."):
        urllib.request.urlopen(browser[0], timeout=10)


def test_a_library_that_is_missing_is_named(shown, model, skeleton, monkeypatch):
    monkeypatch.setattr(available, "is_installed", lambda: True)
    monkeypatch.setattr(available, "load", lambda: "Qt WebEngine does not load: libnss3.so is missing.")
    shown.open(model)
    tab = tab_of(shown)
    tab.missing.button.click()
    answer(shown, skeleton)
    shown.until(lambda: "libnss3.so" in tab.missing.accessibleName())


# ---------------------------------------------------------------------- in the window


@pytest.fixture
def elsewhere() -> Iterator[NetronServer]:
    """Another server, which anybody could reach."""
    server = NetronServer(b"", "elsewhere")
    yield server
    server.stop()


@needs_webengine
def test_what_netron_says_instead_of_the_graph_is_told_in_the_tab(shown, model, skeleton, monkeypatch):
    """Left as it was released, Netron locks itself after 180 days."""
    monkeypatch.setattr(served, "prepared", lambda page, name: prepared(page, name, datetime(2025, 1, 1, tzinfo=UTC)))
    shown.open(model)
    tab = tab_of(shown)
    tab.missing.button.click()
    answer(shown, skeleton)
    shown.until(lambda: "Please update to the newest version." in tab.missing.accessibleName(), PAGE_MS)
    assert tab.missing.button.text() == "Try again"


@needs_webengine
def test_the_selection_is_one_in_both_directions_without_an_echo(shown, model, table, skeleton):
    shown.open(model)
    shown.layers.select(["layer1.0.conv1"])
    tab = tab_of(shown)
    open_page(shown, tab, skeleton)
    clicks = []
    tab.bridge.layer_clicked.connect(clicks.append)

    # what was selected before the page came
    shown.until(lambda: in_page(shown, tab, SELECTED) == ["layer1.0.conv1"], PAGE_MS)

    # from the table to the page: the newest of several, and nothing comes back
    shown.layers.select(["conv1"])
    shown.layers.select(["linear"])
    shown.until(lambda: in_page(shown, tab, SELECTED) == ["linear"], PAGE_MS)
    assert clicks == []

    # from the page to the table, once although Netron raises two events
    in_page(shown, tab, CLICK % "layer2.0.conv2")
    shown.until(lambda: shown.layers.selected() == ("layer2.0.conv2",))

    # a node that is no layer changes nothing
    in_page(shown, tab, CLICK % "relu")
    shown.until(lambda: clicks == ["layer2.0.conv2", "relu"])
    assert shown.layers.selected() == ("layer2.0.conv2",)

    # colours by damage, and back
    shown.session.update(tables={"free": table})
    assert in_page(shown, tab, FIRST_FILL) == ""
    damage = next(button for button in tab.colours.children() if getattr(button, "key", "") == "damage")
    damage.click()
    shown.until(lambda: in_page(shown, tab, FIRST_FILL).startswith("rgb"), PAGE_MS)


@needs_webengine
def test_the_page_opens_offline_wears_the_theme_and_goes_nowhere(shown, model, skeleton, qapp, elsewhere, monkeypatch):
    monkeypatch.setattr(served, "POLICY", "default-src * 'unsafe-inline' data: blob:")  # the interceptor stands alone
    shown.open(model)
    tab = tab_of(shown)
    open_page(shown, tab, skeleton)
    address = tab._web.page.url().toString()

    # neither the consent page nor the lock of an old release
    assert in_page(shown, tab, "JSON.stringify(document.body.classList.contains('default'))")
    assert in_page(shown, tab, "JSON.stringify(document.cookie.includes('consent='))")

    # what the weights are, without a value of them
    weight = "__view__.target.target.nodes[0].inputs[1].value[0].initializer"
    assert in_page(shown, tab, f"JSON.stringify([{weight}.type.toString(), {weight}._data === undefined])") == [
        "float32[8,3,3,3]",
        True,
    ]

    # light or dark as the window, not as the system
    background = "JSON.stringify(getComputedStyle(document.getElementById('target')).backgroundColor)"
    for theme in (LIGHT, DARK):
        apply_theme(qapp, theme)
        wanted = ", ".join(str(int(theme.panel[at : at + 2], 16)) for at in (1, 3, 5))
        shown.until(lambda wanted=wanted: in_page(shown, tab, background) == f"rgb({wanted})", PAGE_MS)

    # no other host is reached, and no link leads away
    ask = f"fetch('{elsewhere.url}', {{mode: 'no-cors'}}).then(() => told = 'reached', () => told = 'refused')"
    in_page(shown, tab, RUN % ask)
    shown.until(lambda: in_page(shown, tab, "JSON.stringify(window.told || '')") == "refused", PAGE_MS)
    refused = []
    tab._web.page.loadFinished.connect(refused.append)
    in_page(shown, tab, RUN % f"location.href = '{elsewhere.url}'")
    shown.until(lambda: refused == [False], PAGE_MS)
    shown.until(lambda: in_page(shown, tab, "JSON.stringify(location.href)") == address, PAGE_MS)
    assert tab.is_filled

    # closing it gives everything back
    shown.find(QPushButton, "netron_close").click()
    assert tab.missing.button.text() == "Show in Netron"
    with pytest.raises(OSError, match=r"."):
        urllib.request.urlopen(address, timeout=10)
