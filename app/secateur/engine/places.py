"""Where the program keeps what it makes: runs, caches, preferences. `SECATEUR_HOME` puts all of it in one folder."""

import os
from pathlib import Path

from platformdirs import user_data_path


def home() -> Path:
    """The program's own data folder, made where it is missing."""
    override = os.environ.get("SECATEUR_HOME")
    folder = Path(override) if override else user_data_path("secateur")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def runs_folder() -> Path:
    """Where each run has a folder of its own, unless it was given another."""
    return home() / "runs"


def run_folder(run: str) -> Path:
    """The folder of one run: checkpoints while it goes on, results afterwards."""
    return runs_folder() / run


def trash_folder(run: str) -> Path:
    """Where the folder of a deleted run waits, for it may be wanted back."""
    return home() / "trash" / run
