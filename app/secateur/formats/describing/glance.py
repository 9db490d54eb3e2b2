"""Whether a model is so large that it is looked at without being loaded."""

from pathlib import Path
from typing import Final, NamedTuple

from secateur.graph.stored_layers import LayerTensor
from secateur.model.description import ModelDescription, ModelSource

LARGE: Final = 512 << 20
"""Bytes of external data from which an ONNX file is not loaded for being looked at."""

_LARGEST_GRAPH: Final = 64 << 20


class Glance(NamedTuple):
    """A model that was not loaded: its file, all files that belong to it, and where the weights of its layers lie."""

    path: Path
    files: tuple[Path, ...]
    description: ModelDescription
    tensors: dict[str, LayerTensor]


def glance(source: ModelSource) -> Glance | None:
    """A look at a large ONNX file; None for every other model, which is opened as a whole.

    UserError where the file is wrong, as when it is opened.
    """
    from secateur.formats.recognition import model_file, recognise, told_as_broken

    path = Path(source.path).expanduser()
    if source.factory or not source.path or not path.exists():
        return None
    path = model_file(path)
    if not path.is_file() or path.stat().st_size > _LARGEST_GRAPH or not _has_large_company(path):
        return None
    with told_as_broken(path):
        if recognise(path).id != "onnx":
            return None
        from secateur.formats.onnx_files.glance import glance_at
        from secateur.graph.onnx_files.reading import external_bytes, parse_onnx

        proto = parse_onnx(path)
        return glance_at(proto, path, source) if external_bytes(proto, path) > LARGE else None


def _has_large_company(path: Path) -> bool:
    """Whether files beside this one, or in folders beside it, are large enough to be its data."""
    folders = [path.parent, *(entry for entry in path.parent.iterdir() if entry.is_dir())]
    size = 0
    for folder in folders:
        try:
            size += sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
        except PermissionError:
            continue  # what may not be read cannot be the model's data
    return size > LARGE
