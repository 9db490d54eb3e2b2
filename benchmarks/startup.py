"""How soon the window shows, against an empty PySide6 window; and what `secateur --help` loads and takes.

    python benchmarks/startup.py [--rounds 7] [--against CHECKOUT]

Measured from starting the process to the end of the first painted frame, in turns. Without a display the
windows are drawn offscreen. Wanted: at most twice the empty window's time; neither torch nor Qt for --help.
With `--against`, another checkout with a .venv of its own takes its turns, too.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _rounds import interleaved, interpreter_of, machine, median, name_of, ratio, spread, table

OURS, EMPTY, HELP = "secateur's window", "empty QMainWindow", "secateur --help"
MOST_TIMES_EMPTY = 2.0
HEAVY = ("torch", "onnx", "onnxruntime", "PySide6", "numba", "scipy")

# Once a frame is painted the process tells the clock's reading, which all processes of a machine share.
FIRST_FRAME = """
import os, sys, time
from PySide6.QtCore import QEvent, QObject, QTimer

class FirstFrame(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self.tell)
        return False

    def tell(self):
        print(time.perf_counter(), flush=True)
        window.close()
        application.quit()

watcher = FirstFrame()
window.installEventFilter(watcher)
window.show()
application.exec()
"""
EMPTY_WINDOW = """
from PySide6.QtWidgets import QApplication, QMainWindow
application = QApplication([])
window = QMainWindow()
window.resize(1440, 900)
"""
OUR_WINDOW = """
from PySide6.QtWidgets import QApplication
from secateur.ui.app import build_window
application = QApplication([])
window = build_window()
"""


def environment(home: str) -> dict[str, str]:
    """Defaults for everything, so that remembered models and window sizes play no part."""
    places = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "SECATEUR_HOME"), home)
    has_display = not sys.platform.startswith("linux") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if "HOME" in os.environ:
        places["XAUTHORITY"] = os.environ.get("XAUTHORITY", str(Path.home() / ".Xauthority"))
    platform = {} if has_display else {"QT_QPA_PLATFORM": "offscreen"}
    # what is installed has its modules compiled; a shell that forbids that would have all of ours compiled each time
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **places, **platform}


def seconds_to_frame(code: str, home: str, python: str = sys.executable) -> float:
    """Seconds from starting a Python process to the end of its window's first painted frame."""
    command = [python, "-c", code + FIRST_FRAME]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment(home), capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise SystemExit(f"A window did not start or did not close:\n{done.stderr}")
    return float(done.stdout.splitlines()[0]) - started


def seconds_of_help(home: str, python: str = sys.executable) -> float:
    started = time.perf_counter()
    command = [python, "-m", "secateur", "--help"]
    subprocess.run(command, env=environment(home), capture_output=True, check=True, timeout=60)
    return time.perf_counter() - started


def loaded_by_help() -> list[str]:
    """Which of the heavy libraries `secateur --help` imports."""
    command = [sys.executable, "-X", "importtime", "-m", "secateur", "--help"]
    trace = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr
    imported = {line.rpartition("|")[2].strip() for line in trace.splitlines() if line.startswith("import time:")}
    return [name for name in HEAVY if name in imported]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="another checkout, measured in turns")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="secateur-startup-") as home:
        rivals = {
            OURS: lambda: seconds_to_frame(OUR_WINDOW, home),
            EMPTY: lambda: seconds_to_frame(EMPTY_WINDOW, home),
            HELP: lambda: seconds_of_help(home),
        }
        if options.against is not None:
            theirs, name = interpreter_of(options.against), name_of(options.against)
            rivals[f"{OURS}, {name}"] = lambda: seconds_to_frame(OUR_WINDOW, home, theirs)
            rivals[f"{HELP}, {name}"] = lambda: seconds_of_help(home, theirs)
        interleaved(rivals, 1)  # files come into the system's cache, modules are compiled
        seconds = interleaved(rivals, options.rounds)
    rows = [[name, f"{median(t):.2f} s", spread(t)] for name, t in seconds.items()]
    print(f"{options.rounds} rounds in turns, on {machine()}", end="\n\n")
    print(table(["from the start of the process", "median", "spread"], rows), end="\n\n")
    for subject in (OURS, HELP) if options.against is not None else ():
        times, *between = ratio(seconds, subject, f"{subject}, {name_of(options.against)}")
        print(f"{subject}: {times:.2f} × that of {name_of(options.against)} ({spread(between)}, round by round)")
    times, *between = ratio(seconds, OURS, EMPTY)
    is_quick, loaded = times <= MOST_TIMES_EMPTY, loaded_by_help()
    outcome = "met" if is_quick else "not met"
    print(f"{times:.2f} × the empty window ({spread(between)}); wanted at most {MOST_TIMES_EMPTY}: {outcome}")
    print(f"secateur --help loads {', '.join(loaded) or 'none of ' + ', '.join(HEAVY)}")
    return 0 if is_quick and not loaded else 1


if __name__ == "__main__":
    raise SystemExit(main())
