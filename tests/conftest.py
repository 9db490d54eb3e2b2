"""What every test stands on: a home of its own, the Qt platform, and the mark of window tests.

The environment is set while this file is imported, before Qt, numba or the program look at it; engine and
command-line processes that tests start inherit it.
"""

import atexit
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from brief_timings import measure_briefly
from exported_once import FOLDER, anew, export_once
from hypothesis import HealthCheck, settings

import secateur  # noqa: F401 - before any test loads a library: it switches their telemetry off
from secateur.graph import lowering

# how long an example takes is the machine's matter, which may be busy; what it says is ours
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

WINDOW_FOLDERS = ("ui", "e2e")
SHUT_IN = Path(__file__).parent / "shut_in"

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
        FOLDER: "exports",
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
measure_briefly()
export_once()


class ShutIn:
    """Runs programs as on a new machine: an empty home, a bare environment, and no way to the network.

    Every attempt to get to another machine is counted: Python's by an audit hook that refuses it, all others by the
    kernel, in a network name space without routes (`is_alone` says whether that could be had here).
    """

    def __init__(self, folder: Path) -> None:
        self.home, self._log, self._report = folder / "home", folder / "attempts.txt", folder / "report.json"
        self.home.mkdir(parents=True)
        self.is_alone = True
        self._unroutable = 0

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command line to its end."""
        kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "OMP_NUM_THREADS") if name in os.environ}
        own = {"HOME": str(self.home), "USERPROFILE": str(self.home), "LANG": "C.UTF-8", "QT_QPA_PLATFORM": "offscreen"}
        paths = os.pathsep.join((str(SHUT_IN), str(SHUT_IN.parent / "support")))
        hooks = {"PYTHONPATH": paths, "SECATEUR_ATTEMPTS": str(self._log)}
        whole = [sys.executable, str(SHUT_IN / "without_routes.py"), str(self._report), *command]
        done = subprocess.run(whole, env={**kept, **own, **hooks}, capture_output=True, text=True, check=False)
        report = json.loads(self._report.read_text())
        self.is_alone &= report["alone"]
        self._unroutable += report["tried"] or 0
        return done

    def secateur(self, *arguments: str) -> str:
        """What a command of the program prints; fails where it did not succeed."""
        done = self.run(sys.executable, "-m", "secateur", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def one_after_the_other(self, *commands: Sequence[str]) -> None:
        """Commands of the program in one process: see `shut_in/one_after_the_other.py`; fails where one did."""
        lines = [shlex.join(command) for command in commands]
        done = self.run(sys.executable, str(SHUT_IN / "one_after_the_other.py"), *lines)
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def attempts(self) -> list[str]:
        """Every attempt to reach another machine so far."""
        told = self._log.read_text(encoding="utf-8").splitlines() if self._log.exists() else []
        return [*told, *(["the kernel found no route"] * self._unroutable)]

    @property
    def strange_files(self) -> list[str]:
        """Every file in the home that is not in a folder of the program's own name."""
        found = (path.relative_to(self.home) for path in self.home.rglob("*") if not path.is_dir())
        return sorted(path.as_posix() for path in found if "secateur" not in path.parts)


@pytest.fixture(scope="module")
def exported_anew() -> Iterator[None]:
    """Every network of this file is exported: see `exported_once`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lowering, "_exported", anew)
        yield


@pytest.fixture(scope="module")
def shut_in(tmp_path_factory: pytest.TempPathFactory) -> ShutIn:
    """A home and a network of its own for the programs of one file of tests."""
    return ShutIn(tmp_path_factory.mktemp("shut-in"))


def pytest_configure(config: pytest.Config) -> None:
    """Keep numba's compiled kernels between test runs, in pytest's own cache folder."""
    if (cache := getattr(config, "cache", None)) is not None:  # -p no:cacheprovider takes it away
        os.environ.setdefault("NUMBA_CACHE_DIR", str(cache.mkdir("numba")))


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
