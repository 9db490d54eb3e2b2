"""Models in several files: an index (`model.safetensors.index.json`) names the file that each tensor lies in."""

import json
from pathlib import Path
from typing import Final

from secateur.errors import UserError

SUFFIX: Final = ".index.json"
_LARGEST_INDEX: Final = 1 << 27


def is_index(path: Path, head: bytes, suffix: str) -> bool:
    """Whether a file is the index of shards with this suffix (`.safetensors`)."""
    return path.name.endswith(f"{suffix}{SUFFIX}") and head.lstrip()[:1] == b"{"


def index_in(folder: Path, suffixes: tuple[str, ...]) -> Path | None:
    """The one index in a folder; None where there is none or several."""
    found = [file for suffix in suffixes for file in sorted(folder.glob(f"*{suffix}{SUFFIX}")) if file.is_file()]
    return found[0] if len(found) == 1 else None


def shards(index: Path) -> tuple[Path, ...]:
    """The files that an index names, in the order of their names; UserError unless each lies beside it."""
    try:
        if index.stat().st_size > _LARGEST_INDEX:
            raise ValueError("it is too large")
        names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise UserError(f"{index.name} is not the index of a model.", "Copy or download it again.") from problem
    if not names:
        raise UserError(f"{index.name} names no file.", "Copy or download it again.")
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or "\\" in name or not _is_beside(index, name):
            raise UserError(
                f"{index.name} points to '{name}', outside its own folder; it was not read.",
                "A model may only read files that lie beside it.",
            )
        if not (index.parent / name).is_file():
            raise UserError(f"{name}, which {index.name} names, is missing.", "Put all its files into one folder.")
    return tuple(index.parent / name for name in names)


def _is_beside(index: Path, name: str) -> bool:
    """Whether a name, links followed, stays in the folder of the index."""
    return (index.parent / name).resolve().is_relative_to(index.parent.resolve())
