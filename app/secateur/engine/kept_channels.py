"""Which channels a run left of every layer, in its folder: so that its result can be put beside the original."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from secateur.files import write_text
from secateur.graph.kept import Kept

FILE: Final = "channels.json"
"""Layer → numbers of the original's output channels that are left. Where none was removed there is no such file."""


def save_kept(kept: Mapping[str, Kept], folder: Path) -> None:
    """Leave it in a run's folder; nothing where all channels are there."""
    path = folder / FILE
    left = {name: [int(place) for place in part.outputs] for name, part in kept.items() if part.outputs is not None}
    if left:
        write_text(path, json.dumps(left))
    else:  # that of an earlier run in this folder
        path.unlink(missing_ok=True)


def kept_of_run(folder: Path) -> dict[str, Kept]:
    """What a run left; of runs before this file was written nothing is known."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return {name: Kept(np.asarray(places, dtype=np.int64)) for name, places in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
