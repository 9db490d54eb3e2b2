"""The tokenizer beside a result: without it the result is a network of numbers that no text can be given to."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from secateur.data.source import takes_text
from secateur.data.text.tokenizer import find_tokenizer
from secateur.engine.protection import TOKENIZER_FILES
from secateur.files import Guard, atomic

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset
    from secateur.engine.events import RunRecord
    from secateur.engine.workshop import Bench

TOKENIZER = TOKENIZER_FILES[0]
CONFIG: Final = "config.json"
ALONG: Final = (*TOKENIZER_FILES, "special_tokens_map.json", CONFIG)
"""What lies beside an exported file, so that Hugging Face's own libraries open its tokenizer, too."""
_WEIGHTS: Final = (".safetensors", ".bin")


def keep_tokenizer(data: "Dataset", beside: Sequence[Path], folder: Path, guard: Guard) -> None:
    """Leave copies of what the texts of a run were read with in its folder, where opening its result finds them.

    These are `tokenizer.json` and the settings beside it (the longest text), and how the files of the network
    (`beside`) say that tokens are pooled. What may not be written over stays; data without texts leaves nothing.
    """
    place = _said(data)
    if place is None:
        return
    for name, source in _sources(place, beside, TOKENIZER_FILES).items():
        target = folder / name
        if not _is_there(source, target) and not guard.refusal(target):
            _copy(source, target)


def leave_tokenizer(place: Path | None, beside: Sequence[Path], exported: Path) -> str:
    """Leave the tokenizer `place` beside an exported file, with the settings that lie beside it or the network.

    Nothing that is there is written over: a tokenizer of another network stays, and this one takes another name. What
    was done, in a sentence; empty where it was there already, and without a tokenizer.
    """
    if place is None:
        return ""
    sources, folder = _sources(place, beside, ALONG), exported.parent
    if any(path.suffix in _WEIGHTS for path in folder.iterdir()):
        sources.pop(CONFIG, None)  # beside weights it would make a folder of the original network of them
    target = next(path for path in _names(folder) if _is_there(place, path) or not os.path.lexists(path))
    if target.name != TOKENIZER:
        sources = {}  # the settings that lie there are those of the tokenizer that has the name
    left = []
    for original, path in ((place, target), *((settings, folder / name) for name, settings in sources.items())):
        if not os.path.lexists(path):
            _copy(original, path)
            left.append(path.relative_to(folder).as_posix())
    if not left:
        return ""
    if target.name != TOKENIZER:
        return (
            f"{TOKENIZER} beside it is that of another network and stays: this one's is {target.name} "
            f"(tokenizer: {target.name} in a data.yaml)."
        )
    return f"{left[0]} lies beside it." if len(left) == 1 else f"{', '.join(left[:-1])} and {left[-1]} lie beside it."


def tokenizer_of(
    bench: "Bench", record: "RunRecord | None", reads: "Callable[[], Dataset] | None"
) -> tuple[Path | None, Sequence[Path]]:
    """(tokenizer of an opened network, or of a run's result, where its settings lie); None where it has none.

    A run on texts has left it in its folder. Of a network it is what the data (`reads`) reads texts with, else what
    lies beside it.
    """
    if record is not None:
        left = Path(record.folder) / TOKENIZER
        is_of_it = record.fingerprint == bench.description.fingerprint
        return (left if left.is_file() else None), (bench.places if is_of_it else ())
    if not takes_text(bench.description.inputs):
        return None, ()
    place = (_said(reads()) if reads is not None else None) or find_tokenizer(bench.places)
    file = place / TOKENIZER if place is not None and place.is_dir() else place
    return (file if file is not None and file.is_file() else None), bench.places


def _said(data: "Dataset") -> Path | None:
    """The tokenizer that the data reads its texts with; None where it has no texts."""
    named = data.said.get("tokenizer")
    return Path(str(named)) if named else None


def _sources(place: Path, beside: Sequence[Path], names: Sequence[str]) -> dict[str, Path]:
    """By name: where each of the files of a tokenizer is that are there; `place` is its file or folder."""
    homes = (place if place.is_dir() else place.parent, *(path if path.is_dir() else path.parent for path in beside))
    found: Mapping[str, Path | None] = {
        name: next((home / name for home in homes if (home / name).is_file()), None) for name in names
    }
    named = {TOKENIZER: place} if place.is_file() else {}  # whatever it is called
    return {**{name: path for name, path in found.items() if path is not None}, **named}


def _names(folder: Path) -> Iterator[Path]:
    """`tokenizer.json` in a folder, then `tokenizer-2.json` …"""
    first = folder / TOKENIZER
    yield first
    number = 2
    while True:
        yield first.with_name(f"{first.stem}-{number}{first.suffix}")
        number += 1


def _copy(source: Path, target: Path) -> None:
    with atomic(target) as written:
        shutil.copyfile(source, written)


def _is_there(source: Path, target: Path) -> bool:
    return target.is_file() and target.read_bytes() == source.read_bytes()
