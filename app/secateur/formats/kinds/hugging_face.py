"""Hugging Face folders."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from secateur.formats.base import Format, Progress
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.model.stored import StoredTensor

LARGEST_CONFIG = 1 << 22


class HuggingFaceFormat(Format):
    """Hugging Face folders (`config.json` and safetensors): the network by transformers, never code from the folder."""

    id: ClassVar[str] = "huggingface"
    title: ClassVar[str] = "Hugging Face folder"
    suffixes: ClassVar[tuple[str, ...]] = ()
    runtime: ClassVar[str] = ""
    reads: ClassVar[bool] = True
    writes: ClassVar[bool] = False
    extra: ClassVar[str] = "transformers"
    modules: ClassVar[tuple[str, ...]] = ("transformers",)

    def recognises(self, path: Path, head: bytes) -> bool:
        """A folder whose `config.json` says which architecture its weights are of."""
        return not head and is_folder_of_weights(path)

    def read(self, path: Path, source: ModelSource, progress: Progress) -> "Model":
        from secateur.formats.hugging_face.reading import open_folder

        return open_folder(self, path, source, progress)

    def tensors(self, path: Path) -> "tuple[StoredTensor, ...]":
        from secateur.formats.hugging_face.folder import stored_tensors

        return stored_tensors(path)


def is_folder_of_weights(path: Path) -> bool:
    """Whether a folder has an architecture's `config.json`, and safetensors or what could have been some."""
    config = path / "config.json"
    if not config.is_file() or config.stat().st_size > LARGEST_CONFIG:
        return False
    try:
        told = json.loads(config.read_bytes())
    except (ValueError, OSError, RecursionError):
        return False
    has_weights = any(file.suffix in (".safetensors", ".bin") for file in path.iterdir())
    return isinstance(told, dict) and ("model_type" in told or "architectures" in told) and has_weights


def folder_of(path: Path) -> Path | None:
    """The folder that a file is a part of: its configuration, its weights or one of their shards, its tokenizer."""
    is_part = path.suffix in (".json", ".safetensors", ".bin", ".txt", ".model")
    return path.parent if is_part and path.is_file() and is_folder_of_weights(path.parent) else None
