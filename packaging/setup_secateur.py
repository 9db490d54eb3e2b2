"""Sets Secateur up and starts it, its tests or its checks: the one script behind the Makefile.

    python packaging/setup_secateur.py COMMAND      (setup app test test-slow test-exporters check bench …)

Standard library only, because it runs before anything is installed; it stands alone so that macOS and
Windows, where there is no apt and perhaps no make, are served by the same lines as Debian and Ubuntu.
Written so that Pythons too old for the package can still parse it and be told so.
"""

import argparse
import contextlib
import os
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parents[1]

CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("mypy", "--strict", "packaging/setup_secateur.py"),
)


def app(extra: "list[str]") -> int:
    """Open the window on the bundled sample; without a display do the same job and leave its files."""
    from setting_up.display import can_show_window
    from setting_up.environment import setup
    from setting_up.system import say

    python = setup(ROOT)
    if can_show_window(python):
        return hand_over([str(python), "-m", "secateur", "sample", *extra])
    say("There is no display here: the sample is compressed without a window; look into out/demo afterwards.")
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    return hand_over([str(python), "-m", "secateur", "demo", "-o", str(Path("out", "demo")), *extra])


def hand_over(command: "list[str]") -> int:
    """Become this command, so that signals and the exit status are its own (Windows: wait for it)."""
    os.chdir(ROOT)
    if os.name != "nt":
        os.execv(command[0], command)  # noqa: S606 - it is meant to replace this process
    return subprocess.run(command, check=False).returncode


def run_all(commands: "list[list[str]]") -> int:
    """Run each command line with the environment's Python, also after one failed; 1 if any did."""
    from setting_up.environment import setup
    from setting_up.system import say

    python = str(setup(ROOT))
    failed = False
    for command in commands:
        say(f"\n{' '.join(command)}")
        failed |= subprocess.run([python, *command], cwd=ROOT, check=False).returncode != 0
    return int(failed)


def scripts(folder: str, pattern: str) -> "list[list[str]]":
    """The scripts of a folder of this repository, as command lines."""
    return [[str(path.relative_to(ROOT))] for path in sorted((ROOT / folder).glob(pattern))]


def main(arguments: "list[str]") -> int:
    """Do what the command line asks; the exit status. Options unknown here go to pytest or to the program."""
    from setting_up.environment import setup
    from setting_up.extras import extras_told
    from setting_up.system import say
    from setting_up.testing import run_exporter_tests, run_slow_tests, run_tests

    parser = argparse.ArgumentParser(prog="setup_secateur.py", description="Set Secateur up, start it, test it.")
    choices = ("setup", "app", "test", "test-slow", "test-exporters", "check", "bench", "screenshots")
    parser.add_argument("command", choices=choices)
    known, extra = parser.parse_known_args(arguments)
    if known.command == "setup":
        setup(ROOT)
        say("Secateur is set up in .venv.")
        say("\n".join(extras_told(ROOT)))
        return 0
    if known.command == "app":
        return app(extra)
    if known.command == "check":
        return run_all([["-m", *check] for check in CHECKS])
    if known.command == "bench":
        return run_all(scripts("benchmarks", "[!_]*.py"))
    if known.command == "screenshots":
        return run_all([["packaging/screenshots.py"]])
    if known.command == "test-slow":
        return run_slow_tests(ROOT, extra)
    if known.command == "test-exporters":
        return run_exporter_tests(ROOT, extra)
    return run_tests(ROOT, extra)


def run() -> None:
    """The script: one sentence where it cannot go on, never a traceback for what a person can mend."""
    if sys.version_info < OLDEST:
        sys.exit(
            "Secateur needs Python 3.11 or newer, and this is Python {}.{}:".format(*sys.version_info[:2])
            + " name a newer one, for example make PYTHON=python3.12 app"
        )
    from setting_up.system import SetupError

    with contextlib.suppress(AttributeError):  # a replaced stdout has no encoding to set
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    run()
