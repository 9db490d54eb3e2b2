"""Milliseconds that were measured, kept on disk: by machine, runtime and its version, and by what was run."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

from secateur.files import write_text
from secateur.targets.base import Target
from secateur.targets.timings import Spread

PARTS = ("typical", "low", "high", "enter", "leave")
KEPT_VERSION = 5
"""Counts up when milliseconds are measured otherwise: what was kept before is measured again."""


def machine() -> str:
    """This machine's processor as the system names it, and how many of its cores may be used."""
    name = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    if described.exists():
        lines = described.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores"


class TimingStore:
    """One small file for each measurement, written whole or not at all: several runs may share the folder."""

    def __init__(self, folder: Path, target: Target, threads: int) -> None:
        place = f"{KEPT_VERSION}|{machine()}|{threads} threads|{target.id}|{target.version()}"
        self._folder = folder / f"{target.id}-{_short(place)}"
        self._place = place

    def find(self, key: str) -> Spread | None:
        """What was measured of this; None where nothing was, or where the file cannot be read."""
        try:
            kept: Mapping[str, object] = json.loads(self._path(key).read_text(encoding="utf-8"))
            if kept["key"] != key or kept["place"] != self._place:
                return None
            return Spread(*(float(str(kept[part])) for part in PARTS))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, key: str, spread: Spread) -> None:
        """Keep a measurement; one that cannot be written is measured again another time."""
        document = {"key": key, "place": self._place, **{part: getattr(spread, part) for part in PARTS}}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_text(self._path(key), json.dumps(document))
        except OSError:
            return

    def _path(self, key: str) -> Path:
        return self._folder / f"{_short(key)}.json"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
