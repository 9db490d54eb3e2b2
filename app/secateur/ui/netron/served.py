"""Serves Netron's page and one model on 127.0.0.1, on a port of its own, from a thread of its own.

Netron's server keeps the model on a class that all servers of a process share, so that two models are mixed up; here
every model has a handler class of its own. The address holds a secret, so that other users of the machine, who can
reach the port as well, do not find the model.
"""

import re
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from secateur.ui.netron.document import CONSENT_COOKIE, MODEL, POLICY, prepared

MIME_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".ico": "image/x-icon",
}

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\.[a-z]{2,4}")
"""Netron's files lie in one folder: whatever leads elsewhere is not a name of one."""

Answer = tuple[str, bytes]
"""(content type, content)."""


class NetronServer:
    """Serves `model` (an ONNX file's bytes), called `name`, until `stop`. `url` is the page's address."""

    def __init__(self, model: bytes, name: str) -> None:
        secret = secrets.token_urlsafe(16)
        handler = _handler(f"/{secret}", lambda path: answer(path, model, name))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="secateur-netron", daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/{secret}/"

    def stop(self) -> None:
        """Close the port and end the thread; a second call does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(5)
        self._server.server_close()


def answer(path: str, model: bytes, name: str) -> Answer | None:
    """What stands at a path below the secret: the page, the model, or a file of Netron; None where nothing does."""
    if path == MODEL:
        return "application/octet-stream", model
    name_of_file = "index.html" if path == "/" else path.removeprefix("/")
    if not _PLAIN_NAME.fullmatch(name_of_file):
        return None
    file = netron_folder() / name_of_file
    kind = MIME_TYPES.get(file.suffix)
    if kind is None or not file.is_file():
        return None
    if file.name == "index.html":
        return kind, prepared(file.read_text(encoding="utf-8"), name).encode()
    content = file.read_bytes()
    return kind, with_plain_brackets(content) if file.name == "view.js" else content


def with_plain_brackets(script: bytes) -> bytes:
    """Netron writes shapes in Chinese angle brackets, which systems without such a font show as boxes."""
    return script.replace(rb"\u3008", rb"\u2039").replace(rb"\u3009", rb"\u203a")


def netron_folder() -> Path:
    """Where Netron's page lies; its Python part is not imported."""
    found = find_spec("netron")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("Netron is not installed: its page was to be shown.")
    return Path(found.submodule_search_locations[0]).resolve()


def _handler(prefix: str, find: Callable[[str], Answer | None]) -> type[BaseHTTPRequestHandler]:
    """A new handler class, for one model alone."""

    class ModelHandler(BaseHTTPRequestHandler):
        """Answers what is asked by name of 127.0.0.1 and below the secret prefix; all else is not found."""

        def do_GET(self) -> None:
            self._reply(with_content=True)

        def do_HEAD(self) -> None:
            self._reply(with_content=False)

        def _reply(self, *, with_content: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            is_ours = path.startswith(f"{prefix}/") and self.headers.get("Host", "").startswith("127.0.0.1:")
            found = find(path.removeprefix(prefix)) if is_ours else None
            kind, content = found or ("text/plain", b"Not found")
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Set-Cookie", f"{CONSENT_COOKIE}; Path={prefix}/")
            self.end_headers()
            if with_content:
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
            """Nothing: what a viewer loads is no news."""

    return ModelHandler
