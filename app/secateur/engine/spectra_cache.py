"""Counted spectra on the disk, one file for each model content, so that a large model's second opening is instant.

A file that is damaged, of another version, or of a model whose layers look different is counted as not there.
The folder is kept below a size: what was used longest ago goes first.
"""

import hashlib
import io
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.engine.places import home
from secateur.model.description import Layer, ModelDescription
from secateur.model.spectrum import Spectra, Spectrum

VERSION: Final = 1
"""Counts up when spectra are counted otherwise, or layers are taken from files otherwise."""

MOST_BYTES: Final = 512 << 20
"""What the folder may hold."""

BROKEN: Final = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
_TYPES: Final[dict[str, Any]] = {
    "keys": np.uint16,
    "counts": np.int64,
    "scaled_keys": np.uint16,
    "weights": np.float64,
    "ranges": np.float32,
}
_KEPT: Final = ("spectra-*.npz", "singular-*.npz", "couplings-*.json")
_MOMENTS: Final = ("size", "total", "total_squares", "minimum", "maximum", "zeros", "non_finite")


def cache_folder() -> Path:
    """Where cached spectra lie, made where it is missing."""
    folder = home() / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cache_file(model: ModelDescription) -> Path:
    """The file of a model: by its content and by how spectra are counted, not by its name."""
    key = hashlib.sha256(f"{VERSION} {model.format} {model.fingerprint}".encode()).hexdigest()
    return cache_folder() / f"spectra-{key[:40]}.npz"


def load_spectra(model: ModelDescription) -> dict[str, Spectra]:
    """Cached spectra of the layers of a model as it is; empty where there are none or the file cannot be used."""
    path = cache_file(model)
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        index = json.loads(arrays["index"].tobytes())
        found = _unpacked(index, arrays, {layer.name: layer for layer in model.inspected_layers})
        os.utime(path)
    except BROKEN:
        path.unlink(missing_ok=True)
        return {}
    return found


def save_spectra(model: ModelDescription, spectra: Mapping[str, Spectra]) -> None:
    """Keep exact spectra for the next opening; where the disk refuses, they are simply counted again."""
    path = cache_file(model)
    index, arrays = _packed(model, spectra)
    arrays["index"] = np.frombuffer(json.dumps(index).encode(), np.uint8)
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    write_cached(path, content)


def write_cached(path: Path, content: io.BytesIO) -> None:
    """Write a file of the cache, whole or not at all, and keep the folder below its size; a full disk is no failure."""
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{path.stem[:8]}-", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.getbuffer())
        Path(draft).replace(path)
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


# ---------------------------------------------------------------------- packing


def _packed(model: ModelDescription, spectra: Mapping[str, Spectra]) -> tuple[list[Any], dict[str, NDArray[Any]]]:
    """(what stands where, the arrays of all layers one after the other)."""
    shapes = {layer.name: layer.weight.shape for layer in model.inspected_layers if layer.weight}
    index: list[Any] = []
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in _TYPES}
    for name, known in spectra.items():
        if not known.exact or name not in shapes:
            continue
        entry = {moment: getattr(known.values, moment) for moment in _MOMENTS}
        index.append([name, list(shapes[name]), entry, len(known.values.keys), len(known.scaled.keys),
                      len(known.channel_ranges), {str(bits): clip for bits, clip in known.clips.items()}])  # fmt: skip
        parts["keys"].append(known.values.keys)
        parts["counts"].append(np.asarray(known.values.counts, np.int64))
        parts["scaled_keys"].append(known.scaled.keys)
        parts["weights"].append(np.asarray(known.scaled.counts, np.float64))
        parts["ranges"].append(known.channel_ranges.astype(np.float32).reshape(-1))
    return index, {name: np.concatenate([*found, np.empty(0, _TYPES[name])]) for name, found in parts.items()}


def _unpacked(index: list[Any], arrays: dict[str, NDArray[Any]], layers: Mapping[str, Layer]) -> dict[str, Spectra]:
    """The spectra by layer; ValueError where the arrays are not what the index says, or the layers are others."""
    places = dict.fromkeys(("keys", "scaled", "ranges"), 0)
    found = {}

    def take(array: str, place: str, length: int) -> NDArray[Any]:
        part = arrays[array][places[place] : places[place] + length]
        if len(part) != length:
            raise ValueError(f"{array} is cut short")
        return part

    for name, shape, moments, keys, scaled_keys, channels, clips in index:
        layer = layers.get(name)
        if layer is None or layer.weight is None or list(layer.weight.shape) != shape:
            raise ValueError(f"{name} is no layer of this model")
        values = Spectrum(take("keys", "keys", keys), take("counts", "keys", keys), **moments)
        if values.counts.sum() != values.size or values.size != layer.weight.count:
            raise ValueError(f"{name} was not counted as a whole")
        scaled = Spectrum(
            take("scaled_keys", "scaled", scaled_keys), take("weights", "scaled", scaled_keys), values.size, 0.0,
            values.total_squares, 0.0, 1.0,
        )  # fmt: skip
        ranges = take("ranges", "ranges", channels * 4).reshape(channels, 4)
        places["keys"] += keys
        places["scaled"] += scaled_keys
        places["ranges"] += channels * 4
        found[name] = Spectra(values, scaled, ranges, {int(bits): clip for bits, clip in clips.items()})
    return found
