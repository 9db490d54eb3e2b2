"""Whether Qt WebEngine can be used here, and the sentence that says why not."""

import os
from importlib.util import find_spec

from secateur.installing import install_command

INSTALL = install_command("webengine")
"""The one command that installs what is missing."""

SANDBOX = "QTWEBENGINE_DISABLE_SANDBOX"


def is_installed() -> bool:
    """Whether the parts are there; nothing is loaded."""
    return all(find_spec(f"PySide6.{part}") for part in ("QtWebEngineCore", "QtWebEngineWidgets", "QtWebChannel"))


def settle_sandbox() -> None:
    """As root, and only then, do without Chromium's sandbox: it refuses to run and would end the whole program."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        os.environ[SANDBOX] = "1"


def load() -> str:
    """Load Qt WebEngine (some 0.2 s the first time); empty, or the sentence that says why it cannot be used."""
    if not is_installed():
        return f"Qt WebEngine is not installed. Install it: {INSTALL}"
    settle_sandbox()
    try:
        import PySide6.QtWebChannel
        import PySide6.QtWebEngineCore
        import PySide6.QtWebEngineWidgets  # noqa: F401 - loading is all that is wanted
    except ImportError as error:  # a system library is missing, and the message names it
        return f"Qt WebEngine does not load: {error}."
    return ""
