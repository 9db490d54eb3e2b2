"""What every test stands on: a home of its own, the Qt platform, and the mark of window tests.

The environment is set while this file is imported, before Qt, numba or the program look at it; engine and
command-line processes that tests start inherit it.
"""

import atexit
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

import secateur  # noqa: F401 - before any test loads a library: it switches their telemetry off

WINDOW_FOLDERS = ("ui", "e2e")

_home = tempfile.TemporaryDirectory(prefix="secateur-tests-", ignore_cleanup_errors=True)


def _isolate(home: Path) -> None:
    """Point every place where a program may keep files into `home`, and Qt to the wanted platform."""
    if "DISPLAY" in os.environ:  # the X server's key is in the real home
        os.environ.setdefault("XAUTHORITY", str(Path.home() / ".Xauthority"))
    for name in ("HOME", "USERPROFILE"):
        os.environ[name] = str(home)
    places = {
        "XDG_CONFIG_HOME": ".config",
        "XDG_DATA_HOME": ".local/share",
        "XDG_STATE_HOME": ".local/state",
        "XDG_CACHE_HOME": ".cache",
        "APPDATA": "AppData/Roaming",
        "LOCALAPPDATA": "AppData/Local",
        "SECATEUR_HOME": "secateur",
    }
    for name, folder in places.items():
        (home / folder).mkdir(parents=True, exist_ok=True)
        os.environ[name] = str(home / folder)
    platform = os.environ.get("SECATEUR_TEST_PLATFORM") or "offscreen"
    os.environ["QT_QPA_PLATFORM"] = "xcb" if platform == "xvfb" else platform
    if platform == "xvfb":
        os.environ["DISPLAY"] = _own_display()


def _own_display() -> str:
    """Start an X server for this process alone: windows of two test processes would take each other's keys."""
    told, tell = os.pipe()
    command = ["Xvfb", "-displayfd", str(tell), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[tell], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(server.terminate)
    os.close(tell)
    with os.fdopen(told) as answer:
        number = answer.readline().strip()
    if not number:
        raise RuntimeError("Xvfb did not start: is it installed?")
    return f":{number}"


_isolate(Path(_home.name))


def pytest_configure(config: pytest.Config) -> None:
    """Keep numba's compiled kernels between test runs, in pytest's own cache folder."""
    if config.cache is not None:
        os.environ.setdefault("NUMBA_CACHE_DIR", str(config.cache.mkdir("numba")))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """tests/exporters needs further libraries, and minutes: it is collected only where it is asked for by name."""
    if collection_path != Path(__file__).parent / "exporters":
        return None
    return None if any("exporters" in str(word) for word in config.invocation_params.args) else True


def pytest_unconfigure() -> None:
    _home.cleanup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test below tests/ui and tests/e2e is a window test, whether or not it says so."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).parts[0] in WINDOW_FOLDERS:
            item.add_marker("window")
