"""The one command that installs an extra, for the very environment that the program runs in."""

import importlib.metadata
import os
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec

PACKAGE = "secateur"


def install_command(extra: str) -> str:
    """As it is pasted into a terminal: this environment's Python by its path, so that no other one gets the packages.

    The packages are named themselves, for a program that was set up from its source is in no registry.
    """
    words = [*_installer(), *(requirements(extra) or [f"{PACKAGE}[{extra}]"])]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _installer() -> list[str]:
    """pip of this environment; uv where the environment was made by it and has no pip."""
    if find_spec("pip") is None and shutil.which("uv"):
        return ["uv", "pip", "install", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install"]


def requirements(extra: str) -> list[str]:
    """What the extra adds, with its versions; empty where the program was not installed by a package manager."""
    try:
        wanted = importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    found = []
    for line in wanted:
        requirement, _, marker = line.partition(";")
        if marker.replace("'", '"').strip() == f'extra == "{extra}"':
            found.append(requirement.strip())
    return found
