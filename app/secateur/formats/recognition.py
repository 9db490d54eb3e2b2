"""What kind of model a file is, by its first bytes; the suffix is not asked."""

import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from secateur.errors import UserError
from secateur.formats.kinds.hugging_face import is_folder_of_weights
from secateur.formats.weight_files.shards import index_in

if TYPE_CHECKING:
    from secateur.formats.base import Format

_FOREIGN: Final = (
    (0, b"\x89HDF", "an HDF5 (Keras) file"),
    (0, b"\x89PNG", "a picture"),
    (0, b"\xff\xd8\xff", "a picture"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x93NUMPY", "a numpy array"),
    (0, b"\x7fELF", "a program"),
    (0, b"SQLite format 3", "a database"),
    (0, b"version https://git-lfs", "a Git LFS pointer: the model itself was not downloaded"),
    (0, b"<!DOCTYPE", "a web page"),
    (0, b"<html", "a web page"),
)
_BREAKAGES: Final = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError,
    SyntaxError, TypeError, ValueError, pickle.UnpicklingError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What the libraries that read files raise at a damaged one."""
_CHOOSE: Final = "Choose an ONNX, safetensors or PyTorch file."


def recognise(path: Path) -> "Format":
    """The format of a file or folder; UserError where it is missing, empty, unreadable or nothing that is known."""
    from secateur.formats import FORMATS

    head = read_head(path) if not path.is_dir() else b""
    for candidate in FORMATS:
        if candidate.reads and candidate.recognises(path, head):
            return candidate
    for offset, magic, name in _FOREIGN:
        if head[offset : offset + len(magic)] == magic:
            raise UserError(f"{path.name} is {name}, which cannot be opened as a model.", _CHOOSE)
    raise UserError(f"{path.name} is not a model of a known kind, or it is damaged or cut short.", _CHOOSE)


@contextmanager
def told_as_broken(path: Path) -> Iterator[None]:
    """Whatever a library raises at a damaged file becomes one sentence; the original stays its cause, for `--debug`."""
    try:
        yield
    except _BREAKAGES as problem:
        lines = str(problem).strip().splitlines() or [type(problem).__name__]
        raise UserError(
            f"{path.name} could not be read, so it is damaged, cut short or of a version that is not known "
            f"({lines[0][:160].rstrip('.')}).",
            "Copy or download it again, or export it again.",
        ) from problem


def suffix_note(path: Path, kind: "Format") -> str:
    """A sentence where a file's suffix belongs to another format than its content; empty where all is well."""
    from secateur.formats import FORMATS

    suffix = path.suffix.lower()
    if not suffix or suffix in kind.suffixes or path.is_dir():
        return ""
    others = [other.title for other in FORMATS if suffix in other.suffixes]
    return f"{path.name} is {kind.title} by its content, though its name says {others[0]}." if others else ""


def read_head(path: Path) -> bytes:
    """The first bytes of a file; UserError where there are none to be had."""
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
    except FileNotFoundError as problem:
        raise UserError(f"{path} does not exist.", "Check the spelling, or choose the file again.") from problem
    except PermissionError as problem:
        raise UserError(
            f"{path} may not be read: permission was denied.", "Change its permissions, or copy it."
        ) from problem
    except OSError as problem:
        raise UserError(f"{path} could not be read: {problem.strerror}.", "Choose another file.") from problem
    if not head:
        raise UserError(f"{path.name} is empty.", "Copy or download it again.")
    return head


def model_file(path: Path) -> Path:
    """`path` itself, or the model in a folder: `model.onnx`, the whole of a Hugging Face folder, the index of one in
    several files, else the only file.
    """
    if not path.is_dir():
        return path
    if (path / "model.onnx").is_file():
        return path / "model.onnx"
    if is_folder_of_weights(path):
        return path
    index = index_in(path, (".safetensors", ".bin"))
    if index is not None:
        return index
    suffixes = (".onnx", ".safetensors", ".pt", ".pth", ".th")
    found = sorted(file for file in path.iterdir() if file.suffix in suffixes and file.is_file())
    if len(found) == 1:
        return found[0]
    names = ", ".join(file.name for file in found[:5]) or "no model file"
    raise UserError(f"The folder {path} holds {names}.", "Name one file in it.")
