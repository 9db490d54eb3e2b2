"""The tokenizer beside a result: without it the result is a network of numbers that no text can be given to."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from secateur.engine.protection import TOKENIZER_FILES
from secateur.files import Guard, atomic

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset


def keep_tokenizer(data: "Dataset", beside: tuple[Path, ...], folder: Path, guard: Guard) -> None:
    """Leave copies of what the texts of a run were read with in its folder, where opening its result finds them.

    These are `tokenizer.json` and the settings beside it (the longest text), and how the files of the network
    (`beside`) say that tokens are pooled. What may not be written over stays; data without texts leaves nothing.
    """
    place = Path(str(data.said["tokenizer"])) if data.said.get("tokenizer") else None
    if place is None:
        return
    own = place if place.is_dir() else place.parent
    for name in TOKENIZER_FILES:
        homes = (own, *(path if path.is_dir() else path.parent for path in beside))
        source = next((home / name for home in homes if (home / name).is_file()), None)
        if name == TOKENIZER_FILES[0] and place.is_file():  # whatever it is called
            source = place
        target = folder / name
        if source is None or _is_there(source, target) or guard.refusal(target):
            continue
        with atomic(target) as written:
            shutil.copyfile(source, written)


def _is_there(source: Path, target: Path) -> bool:
    return target.is_file() and target.read_bytes() == source.read_bytes()
