"""What Netron's page may reach, and how two selections stay one without an echo."""

import os

import pytest

from secateur.model.description import Layer, ModelDescription, ModelSource
from secateur.ui.netron import available
from secateur.ui.netron.access import is_allowed
from secateur.ui.netron.bridge import PageBridge
from secateur.ui.netron.link import SelectionLink
from secateur.ui.netron.look import style_of
from secateur.ui.netron.tab import cost_of
from secateur.ui.theme.palette import DARK, LIGHT

OWN = "http://127.0.0.1:40123/secret/"


@pytest.mark.parametrize(
    "url",
    [
        OWN,
        "http://127.0.0.1:40123/secret/view.js",
        "http://127.0.0.1:40123/secret/data/model.onnx?cb=1",
        "data:image/svg+xml;base64,AAAA",
        "blob:http://127.0.0.1:40123/7f0e",
    ],
)
def test_the_page_reaches_its_own_server(url: str) -> None:
    assert is_allowed(url, OWN)


@pytest.mark.parametrize(
    "url",
    [
        "https://analytics.google.com/g/collect?v=2",
        "https://ipinfo.io/json",
        "https://github.com/lutzroeder/netron",
        "http://127.0.0.1:80/",
        "http://localhost:40123/secret/",
        "https://127.0.0.1:40123/secret/",
        "http://127.0.0.1:40123.evil.example/",
        "http://127.0.0.1:40123@evil.example/",
        "http://[::1",
        "file:///etc/passwd",
        "ftp://127.0.0.1:40123/",
        "ws://127.0.0.1:40123/",
        "",
    ],
)
def test_the_page_reaches_nothing_else(url: str) -> None:
    assert not is_allowed(url, OWN)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="only Unix has a root")
@pytest.mark.parametrize(("user", "is_set"), [(0, True), (1000, False)], ids=["root", "a person"])
def test_the_sandbox_is_given_up_for_root_alone(user, is_set, monkeypatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(os, "geteuid", lambda: user)
    available.settle_sandbox()
    assert (available.SANDBOX in os.environ) == is_set


# ---------------------------------------------------------------------- one selection


def test_what_the_table_selects_goes_to_the_page_once() -> None:
    link = SelectionLink()
    assert link.from_table("conv1")
    assert not link.from_table("conv1")


def test_the_echo_of_the_page_does_not_come_back_to_the_table() -> None:
    link = SelectionLink()
    link.from_table("conv1")
    assert not link.from_page("conv1")


def test_a_click_that_is_told_twice_counts_once_and_its_echo_not_at_all() -> None:
    link = SelectionLink()
    assert [link.from_page("conv2") for _ in range(2)] == [True, False]
    assert not link.from_table("conv2")


def test_going_back_and_forth_is_no_echo() -> None:
    link = SelectionLink()
    assert all([link.from_table("a"), link.from_page("b"), link.from_table("a"), link.from_page("b")])


def test_nothing_selected_is_not_told() -> None:
    assert not SelectionLink().from_table("")


def test_a_new_page_is_told_again() -> None:
    link = SelectionLink()
    link.from_table("conv1")
    link.forget()
    assert link.from_table("conv1")


# ---------------------------------------------------------------------- the channel


def test_a_page_that_comes_later_is_told_what_was_said_before() -> None:
    bridge = PageBridge()
    bridge.select("conv1")
    bridge.dress(dark=True, css="a {}")
    bridge.paint({"conv1": ("#000000", "#ffffff")})
    told: list[str] = []
    for signal in (bridge.layer_wanted, bridge.look_wanted, bridge.fills_wanted):
        signal.connect(told.append)
    bridge.greet()
    assert sorted(told) == sorted(
        ["conv1", '{"dark": true, "css": "a {}"}', '{"conv1": {"back": "#000000", "ink": "#ffffff"}}']
    )


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_the_page_wears_the_colours_of_the_theme(theme) -> None:
    style = style_of(theme)
    assert theme.panel in style
    assert theme.accent in style


@pytest.mark.parametrize(
    ("layers", "format_id", "words"),
    [
        (10, "onnx", "about a second"),
        (400, "onnx", "about 4 s"),
        (10, "torch", "about a second, after the network was exported as a graph"),
    ],
)
def test_the_tab_says_what_it_costs(layers: int, format_id: str, words: str) -> None:
    rows = tuple(Layer(f"conv{n}", "Conv2d", None) for n in range(layers))
    assert cost_of(ModelDescription("net", ModelSource("net"), format_id, 0, rows, (), ())) == words
