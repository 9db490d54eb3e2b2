"""Whether a window can be shown here, asked of the display server itself and not of a variable alone."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path


def has_display() -> bool:
    """Whether a window can be shown: always on macOS and Windows, else if a display server answers."""
    if not sys.platform.startswith("linux"):
        return True
    if os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0] in ("offscreen", "minimal"):
        return False
    return wayland_answers(os.environ.get("WAYLAND_DISPLAY", "")) or x_answers(os.environ.get("DISPLAY", ""))


def wayland_answers(display: str) -> bool:
    """Whether a Wayland compositor listens on this display name."""
    return bool(display) and connects(str(Path(os.environ.get("XDG_RUNTIME_DIR", "/run")) / display))


def x_answers(display: str) -> bool:
    """Whether an X server listens on a display such as `:0`, `unix:1.0` or `host:10.0`."""
    parts = re.fullmatch(r"(.*):(\d+)(?:\.\d+)?", display)
    if not parts:
        return False
    host, number = parts[1], int(parts[2])
    if host in ("", "unix"):
        name = f"/tmp/.X11-unix/X{number}"  # noqa: S108 - the place that the X protocol names
        return connects(name) or connects("\0" + name)
    try:
        with socket.create_connection((host, 6000 + number), timeout=3):
            return True
    except OSError:
        return False


def connects(name: str) -> bool:
    """Whether something listens on a Unix socket (a leading NUL: in the abstract name space)."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(3)
        try:
            client.connect(name)
        except OSError:
            return False
    return True


def can_show_window(python: Path) -> bool:
    """Whether Qt really gets onto the display: the person may not be allowed, a library may be missing."""
    if not has_display():
        return False
    if not sys.platform.startswith("linux"):
        return True
    probe = [str(python), "-c", "from PySide6.QtGui import QGuiApplication; QGuiApplication([])"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0
