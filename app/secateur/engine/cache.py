"""What is found out about a model once and kept on the disk: one file for each kind of it and each content of a model.

A file that is damaged, of another version, or of a model whose layers look different counts as not there. The folder
is kept below a size: what was used longest ago goes first.
"""

import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from secateur.engine.places import home
from secateur.files import atomic
from secateur.model.description import ModelDescription

MOST_BYTES: Final = 512 << 20
"""What the folder may hold."""

_BROKEN: Final = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
_KEPT: Final = ("spectra-*.npz", "singular-*.npz", "couplings-*.json")

Found = TypeVar("Found")


def cache_folder() -> Path:
    """Where everything of this kind lies, made where it is missing."""
    folder = home() / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cache_file(name: str, version: int, model: ModelDescription, more: str = "") -> Path:
    """The file of a model: by its content and by how it is worked out (`version`), not by the model's name.

    `name` is kind and suffix, `spectra.npz`; `more` is what else the content depends on.
    """
    key = hashlib.sha256(f"{version} {model.format} {model.fingerprint}{more}".encode()).hexdigest()
    kind = Path(name)
    return cache_folder() / f"{kind.stem}-{key[:40]}{kind.suffix}"


def read_cached(path: Path, read: Callable[[Path], Found]) -> Found | None:
    """What `read` makes of a file, which counts as used just now; None where there is none or it is of no use."""
    if not path.is_file():
        return None
    try:
        found = read(path)
        os.utime(path)
    except _BROKEN:
        path.unlink(missing_ok=True)
        return None
    return found


def write_cached(path: Path, content: bytes | memoryview) -> None:
    """Write a file, whole or not at all, and keep the folder below its size; a full disk is no failure."""
    try:
        with atomic(path) as draft:
            draft.write_bytes(content)
        shrink_cache(path.parent)
    except OSError as problem:
        print(f"secateur engine: {path.name} was not cached: {problem}")


def shrink_cache(folder: Path, most_bytes: int = MOST_BYTES) -> None:
    """Remove what was used longest ago until the folder holds at most `most_bytes`."""
    kept = [file for pattern in _KEPT for file in folder.glob(pattern)]
    files = sorted(kept, key=lambda file: file.stat().st_mtime, reverse=True)
    held = 0
    for file in files:
        held += file.stat().st_size
        if held > most_bytes:
            file.unlink(missing_ok=True)


def arrays_in(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file that `packed` made."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def packed(arrays: Mapping[str, NDArray[Any]]) -> memoryview:
    """Arrays under names as the content of one file."""
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    return content.getbuffer()
