"""Counted spectra on the disk, so that a large model's second opening is instant: see `cache`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.engine.cache import arrays_in, cache_file, packed, read_cached, write_cached
from secateur.model.description import Layer, ModelDescription
from secateur.model.spectrum import Spectra, Spectrum

VERSION: Final = 1
"""Counts up when spectra are counted otherwise, or layers are taken from files otherwise."""

_TYPES: Final[dict[str, Any]] = {
    "keys": np.uint16,
    "counts": np.int64,
    "scaled_keys": np.uint16,
    "weights": np.float64,
    "ranges": np.float32,
}
_MOMENTS: Final = ("size", "total", "total_squares", "minimum", "maximum", "zeros", "non_finite")


def spectra_file(model: ModelDescription) -> Path:
    """Where the spectra of a model are kept."""
    return cache_file("spectra.npz", VERSION, model)


def load_spectra(model: ModelDescription) -> dict[str, Spectra]:
    """Kept spectra of the layers of a model as it is; empty where there are none or the file cannot be used."""

    def read(path: Path) -> dict[str, Spectra]:
        arrays = arrays_in(path)
        index = json.loads(arrays["index"].tobytes())
        return _unpacked(index, arrays, {layer.name: layer for layer in model.inspected_layers})

    return read_cached(spectra_file(model), read) or {}


def save_spectra(model: ModelDescription, spectra: Mapping[str, Spectra]) -> None:
    """Keep exact spectra for the next opening; where the disk refuses, they are simply counted again."""
    index, arrays = _packed(model, spectra)
    arrays["index"] = np.frombuffer(json.dumps(index).encode(), np.uint8)
    write_cached(spectra_file(model), packed(arrays))


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
