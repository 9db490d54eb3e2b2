"""What every benchmark needs: rivals measured in turns, in one run on one machine, and a table."""

import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


def interleaved(rivals: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Seconds that each rival reports, `rounds` times, in turns, so that a busy moment meets all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for number in range(rounds):
        # every other round backwards: nobody always runs in the wake of the same neighbour
        for name in list(rivals)[:: 1 if number % 2 == 0 else -1]:
            seconds[name].append(rivals[name]())
    return seconds


def interpreter_of(checkout: Path) -> str:
    """The Python of another checkout of this program, with what that one needs; SystemExit where it has none."""
    for place in ("bin/python", "Scripts/python.exe"):
        if (python := checkout.absolute() / ".venv" / place).exists():
            return str(python)
    raise SystemExit(f"{checkout} has no .venv with a Python: run `make setup` in it.")


def name_of(checkout: Path) -> str:
    """How a checkout is called in a table: its folder and its commit, where git knows it."""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:  # no git here
        return checkout.absolute().name
    commit = told.stdout.strip()
    return f"{checkout.absolute().name} at {commit}" if commit else checkout.absolute().name


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Least and greatest."""
    return f"{min(values):.{digits}f}–{max(values):.{digits}f}"


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie, interpolated between neighbours."""
    place = share * (len(values) - 1)
    low, ranked = int(place), sorted(values)
    above = ranked[min(low + 1, len(ranked) - 1)]
    return ranked[low] + (above - ranked[low]) * (place - low)


def ratio(seconds: Mapping[str, Sequence[float]], slower: str, faster: str) -> tuple[float, float, float]:
    """How many times longer `slower` takes than `faster`: median, least and greatest over the rounds."""
    by_round = [a / b for a, b in zip(seconds[slower], seconds[faster], strict=True)]
    return statistics.median(by_round), min(by_round), max(by_round)


def drawn_anew(splits: Mapping[Any, Any], seed: int) -> dict[Any, Any]:
    """The parts of a data set with as many other calibration samples from the training part; seed 0 keeps its own."""
    import numpy as np

    found = dict(splits)
    if seed:
        count, train = len(found["calibration"]), found["train"]
        chosen = np.random.default_rng(seed).choice(len(train), min(count, len(train)), replace=False)
        found["calibration"] = np.sort(train[np.sort(chosen)])
    return found


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns set to their widest entry; the first to the left, numbers to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _ticks() -> list[int]:
    """What the processors did since the system began: user, nice, system, idle, iowait, irq, softirq, steal (Linux)."""
    path = Path("/proc/stat")
    line = path.read_text(encoding="utf-8").partition("\n")[0] if path.exists() else ""
    return [int(part) for part in line.split()[1:9]]


_BEGUN = _ticks()


def _taken_by_host() -> str:
    """How much of the time in which this machine had work its host gave to others: such a run is a disturbed one."""
    spent = [now - then for now, then in zip(_ticks(), _BEGUN, strict=True)]
    if len(spent) < 8:
        return ""
    busy = sum(spent) - spent[3] - spent[4]
    return f", {spent[7] / max(busy, 1):.0%} of the working time taken by the host"


def machine() -> str:
    """The processor, its cores and the Python, and how disturbed they were: what figures are quoted with."""
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        entries = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.partition(": ")[2] for line in entries if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}{_taken_by_host()}"
