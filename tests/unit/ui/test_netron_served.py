"""Netron's page as we serve it: never too old, never asking for consent, one model a server, and for us alone."""

import http.client
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from secateur.ui.netron.document import prepared
from secateur.ui.netron.served import NetronServer, answer, netron_folder

LOCKED_AFTER = timedelta(days=180)
Serve = Callable[[bytes, str], NetronServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers; all are stopped afterwards, and no thread of theirs is left."""
    before = set(threading.enumerate())
    servers: list[NetronServer] = []

    def start(model: bytes, name: str = "net.onnx") -> NetronServer:
        servers.append(NetronServer(model, name))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
    assert not [t for t in threading.enumerate() if t not in before and t.name == "secateur-netron"]


def get(url: str, path: str = "", *, host: str = "") -> tuple[http.client.HTTPResponse, bytes]:
    """(response, content) of a path below a server's address."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request("GET", parts.path + path, headers={"Host": host} if host else {})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


# ---------------------------------------------------------------------- the page


def test_the_page_of_the_installed_netron_is_as_old_as_this_moment() -> None:
    page = (netron_folder() / "index.html").read_text(encoding="utf-8")
    in_two_years = datetime.now(UTC) + timedelta(days=730)
    made = prepared(page, "net.onnx", in_two_years)
    told = made.split('<meta name="date" content="')[1].split('"')[0]
    date = datetime.strptime(told, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    assert abs(in_two_years - date) < timedelta(seconds=2)
    assert made.count('name="date"') == 1


def test_left_alone_netron_would_lock_itself() -> None:
    """What the rewriting is for: Netron's script still compares the date of its page with today."""
    assert "days > 180" in (netron_folder() / "browser.js").read_text(encoding="utf-8")
    assert LOCKED_AFTER.days == 180


def test_the_page_names_the_model_and_escapes_its_name() -> None:
    page = '<meta name="version" content="9.3.3"><meta name="date" content="2026-01-01 00:00:00">'
    made = prepared(page, 'a"><script>alert(1)</script>')
    assert '<meta name="file" content="/data/model.onnx">' in made
    assert "<script>" not in made
    assert "&quot;&gt;&lt;script&gt;" in made


@pytest.mark.parametrize("page", ["<html></html>", '<meta name="version" content="1">'])
def test_a_page_that_is_not_netrons_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match=r"9\.3\.3"):
        prepared(page, "net.onnx")


def test_the_installed_page_has_all_that_we_hook_into() -> None:
    view = (netron_folder() / "view.js").read_text(encoding="utf-8")
    for used in (
        "set target(",
        "emit('selectionchange'",
        "activate(value, source)",
        "scrollTo(selection",
        "find(value)",
    ):
        assert used in view, used
    assert "window.__view__ = new" in (netron_folder() / "index.js").read_text(encoding="utf-8")


# ---------------------------------------------------------------------- the server


def test_page_scripts_and_model_are_served(serve: Serve) -> None:
    server = serve(b"the model", "net.onnx")
    response, page = get(server.url)
    assert response.status == 200
    assert b'content="net.onnx"' in page
    assert get(server.url, "data/model.onnx")[1] == b"the model"
    assert get(server.url, "view.js")[0].getheader("Content-Type", "").startswith("text/javascript")


def test_every_answer_settles_consent_and_forbids_other_hosts(serve: Serve) -> None:
    response, _ = get(serve(b"m", "net").url)
    assert response.getheader("Set-Cookie", "").startswith("consent=")
    policy = response.getheader("Content-Security-Policy", "")
    assert "default-src 'self'" in policy
    assert "connect-src 'self' blob:;" in policy
    assert "http" not in policy


def test_two_models_that_are_served_at_once_are_not_mixed_up(serve: Serve) -> None:
    first, second = serve(b"first", "one.onnx"), serve(b"second", "two.onnx")
    assert get(first.url, "data/model.onnx")[1] == b"first"
    assert get(second.url, "data/model.onnx")[1] == b"second"
    assert b"one.onnx" in get(first.url)[1]
    assert b"two.onnx" in get(second.url)[1]


def test_each_server_has_a_port_of_its_own_on_this_machine_alone(serve: Serve) -> None:
    parts = [urlsplit(serve(b"m", "net").url) for _ in range(2)]
    assert {part.hostname for part in parts} == {"127.0.0.1"}
    assert parts[0].port != parts[1].port


@pytest.mark.parametrize(
    "path", ["../server.py", "..%2f..%2fpip%2f__init__.py", "server.py", "/etc/passwd", "data/other.onnx", "%00.js"]
)
def test_nothing_but_netrons_page_and_the_model_is_found(serve: Serve, path: str) -> None:
    assert get(serve(b"m", "net").url, path)[0].status == 404


def test_an_address_without_the_secret_finds_nothing(serve: Serve) -> None:
    parts = urlsplit(serve(b"m", "net").url)
    root = f"http://{parts.netloc}"
    for path in ("/", "/index.html", "/data/model.onnx", "/guess/data/model.onnx"):
        assert get(root, path)[0].status == 404


def test_a_name_that_was_made_to_point_here_finds_nothing(serve: Serve) -> None:
    """DNS rebinding: a page elsewhere resolves its own name to 127.0.0.1."""
    assert get(serve(b"m", "net").url, host="evil.example:80")[0].status == 404


def test_a_stopped_server_does_not_answer_and_stops_twice(serve: Serve) -> None:
    server = serve(b"m", "net")
    server.stop()
    server.stop()
    with pytest.raises(OSError, match=r"."):
        get(server.url)


def test_shapes_are_written_in_brackets_that_every_font_has() -> None:
    found = answer("/view.js", b"", "net")
    assert found is not None
    assert b"\\u3008" not in found[1]
    assert b"\\u2039" in found[1]
