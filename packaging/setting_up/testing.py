"""The two passes of the tests: most with windows offscreen, then those that a display has a part in on a real one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setting_up.environment import setup
from setting_up.extras import install_exporters
from setting_up.published import fetch_published
from setting_up.system import say

NO_TESTS = 5  # pytest's exit status where nothing was collected
WINDOW_FOLDERS = ("tests/ui", "tests/e2e")
EXPORTERS_FOLDER = "tests/exporters"


def run_tests(root: Path, extra: list[str]) -> int:
    """Both passes over the tests; the first failing exit status, 0 where all passed.

    `extra` goes to pytest; where it names tests, those that are slow are among them. The second pass runs also where
    the first failed.
    """
    python = str(setup(root))
    say("\nTests that no display has a part in, windows offscreen")
    marks = "not display" if names_tests(root, extra) else "not display and not slow"
    first = run_pytest(root, [python], marks, "offscreen", [*side_by_side(extra), *extra])
    second = second_pass(root, python, "display", extra)
    if extra and first == second == NO_TESTS:  # a selection that selects nothing is a slip
        return NO_TESTS
    return joint_status(first, second, may_be_empty=bool(extra))


def run_slow_tests(root: Path, extra: list[str]) -> int:
    """The tests that take long beside what they add to the others, windows offscreen."""
    python = str(setup(root))
    say("\nSlow tests")
    return run_pytest(root, [python], "slow", "offscreen", [*side_by_side(extra), *extra])


def names_tests(root: Path, extra: list[str]) -> bool:
    """Whether these options for pytest say which tests are meant."""
    return any(word.startswith("-k") or (root / word.partition("::")[0]).exists() for word in extra)


def run_exporter_tests(root: Path, extra: list[str]) -> int:
    """The tests that need the exporters' libraries, or minutes; first those libraries are installed.

    Where one of them cannot be installed, the tests of the others run all the same, and the status is not 0.
    """
    python = str(setup(root))
    missing = [*install_exporters(root), *fetch_published(root)]
    say("\nTests of the exporters")
    environment = {**os.environ, "SECATEUR_EXPORTERS": "required"}
    environment.setdefault("OMP_NUM_THREADS", "1")
    chosen = extra if any((root / word.partition("::")[0]).exists() for word in extra) else [EXPORTERS_FOLDER, *extra]
    command = [python, "-m", "pytest", "--durations=10", *chosen]
    status = subprocess.run(command, cwd=root, env=environment, check=False).returncode
    if missing:
        say(f"Not installed, and so not tested: {', '.join(missing)}")
    return status or int(bool(missing))


def side_by_side(extra: list[str]) -> list[str]:
    """Options that run tests on two processes; each has an X server of its own, so none takes another's keys.

    A process that has nothing left takes from what the other has: the longest file would be waited for otherwise.
    """
    is_small = any(word.startswith(("-x", "-k", "-n", "-s", "tests/", "--pdb")) for word in extra)
    return [] if is_small or (os.cpu_count() or 1) < 2 else ["-n", "2", "--dist", "worksteal"]


def joint_status(first: int, second: int, *, may_be_empty: bool) -> int:
    """One exit status for two passes. A pass without tests is a failure unless a selection made it so."""
    if not may_be_empty:
        return first or second
    return (0 if first == NO_TESTS else first) or (0 if second == NO_TESTS else second)


def second_pass(root: Path, python: str, marks: str, extra: list[str]) -> int:
    """The tests that a display has a part in, where windows are really drawn: Xvfb on Linux, the desktop elsewhere."""
    chosen = side_by_side(extra)
    if not any((root / word.partition("::")[0]).exists() for word in extra):
        extra = [*extra, *WINDOW_FOLDERS]
    if not sys.platform.startswith("linux"):
        say("\nThere is no Xvfb on this system: the window tests run on the desktop")
        return run_pytest(root, [python], marks, "cocoa" if sys.platform == "darwin" else "windows", extra)
    if not shutil.which("Xvfb"):
        say("The window tests need a display server; please install it: sudo apt-get install xvfb")
        return 1
    say("\nWindow tests under Xvfb")
    return run_pytest(root, [python], marks, "xvfb", [*chosen, *extra])


def run_pytest(root: Path, python: list[str], marks: str, platform: str, extra: list[str]) -> int:
    """Run pytest on the tests with these marks (empty: all); its closing lines stay the last of its output."""
    environment = {**os.environ, "SECATEUR_TEST_PLATFORM": platform}
    # The window's process and its engine both compute: one of them must not take every core.
    environment.setdefault("OMP_NUM_THREADS", str(max(1, min(4, (os.cpu_count() or 2) - 1))))
    command = [*python, "-m", "pytest", *(["-m", marks] if marks else []), *extra]
    return subprocess.run(command, cwd=root, env=environment, check=False).returncode
