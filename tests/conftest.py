"""What every test stands on: a home of its own, the Qt platform, and the mark of window tests.

The environment is set while this file is imported, before Qt, numba or the program look at it; engine and
command-line processes that tests start inherit it.
"""

import os
import tempfile
from pathlib import Path

import pytest

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
    os.environ["QT_QPA_PLATFORM"] = os.environ.get("SECATEUR_TEST_PLATFORM") or "offscreen"


_isolate(Path(_home.name))


def pytest_configure(config: pytest.Config) -> None:
    """Keep numba's compiled kernels between test runs, in pytest's own cache folder."""
    if config.cache is not None:
        os.environ.setdefault("NUMBA_CACHE_DIR", str(config.cache.mkdir("numba")))


def pytest_unconfigure() -> None:
    _home.cleanup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test below tests/ui and tests/e2e is a window test, whether or not it says so."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).parts[0] in WINDOW_FOLDERS:
            item.add_marker("window")
