"""The parts of a Hugging Face folder: its configuration, and the safetensors files that its weights lie in."""

import json
from pathlib import Path
from typing import Any, Final

from secateur.errors import UserError
from secateur.formats.weight_files.safetensors_read import stored_tensors as tensors_of_file
from secateur.model.stored import StoredTensor

_INDEX: Final = "model.safetensors.index.json"
_LARGEST_INDEX: Final = 1 << 27
_MOST_LAYERS: Final = 1000
_LARGEST_SIZE: Final = 1 << 30


def weight_files(path: Path) -> tuple[Path, ...]:
    """The safetensors files of a folder: those that its index names, else `model.safetensors`, else all.

    UserError where there is none: weights in pickles are not read from such folders.
    """
    index = path / _INDEX
    if index.is_file():
        return _indexed(path, index)
    if (path / "model.safetensors").is_file():
        return (path / "model.safetensors",)
    found = tuple(sorted(path.glob("*.safetensors")))
    if not found:
        raise UserError(
            f"The folder {path.name} has no safetensors file; weights in pickles (.bin) are not read.",
            "Save the model again with `save_pretrained(folder, safe_serialization=True)`.",
        )
    return found


def _indexed(path: Path, index: Path) -> tuple[Path, ...]:
    """The files that an index names; each must lie in the folder itself."""
    try:
        if index.stat().st_size > _LARGEST_INDEX:
            raise ValueError("it is too large")
        names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise UserError(f"{index.name} makes no sense.", "Copy or download the folder again.") from problem
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise UserError(
                f"{index.name} points to '{name}', outside the model's folder; it was not read.",
                "A model may only read files that lie beside it.",
            )
        if not (path / name).is_file():
            raise UserError(f"{name}, which {index.name} names, is missing.", "Copy or download the folder again.")
    return tuple(path / name for name in names)


def stored_tensors(path: Path) -> tuple[StoredTensor, ...]:
    """Every tensor of the folder's safetensors files; UserError where two have the same name."""
    tensors = tuple(tensor for file in weight_files(path) for tensor in tensors_of_file(file))
    names = {tensor.name for tensor in tensors}
    if len(names) < len(tensors):
        raise UserError(f"Two tensors in {path.name} have the same name.", "Copy or download the folder again.")
    return tensors


def configuration(path: Path) -> dict[str, Any]:
    """The folder's `config.json`; UserError where its sizes are beyond any sense."""
    told = json.loads((path / "config.json").read_bytes())
    absurd = _absurd(told, 0)
    if absurd:
        raise UserError(f"config.json in {path.name} says {absurd}, which no network has.", "Choose another folder.")
    return dict(told)


def _absurd(value: Any, depth: int) -> str:
    """The first entry that no network has: sizes that would fill any memory, thousands of layers."""
    if not isinstance(value, dict) or depth > 4:
        return ""
    for key, part in value.items():
        inner = _absurd(part, depth + 1)
        if inner:
            return inner
        if isinstance(part, int) and not isinstance(part, bool):
            most = _MOST_LAYERS if "layers" in key or key in ("n_layer", "depth") else _LARGEST_SIZE
            if abs(part) > most:
                return f"{key} = {part}"
    return ""
