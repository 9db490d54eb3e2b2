"""What kind of model a file is, by its first bytes; the suffix is not asked."""

from pathlib import Path
from typing import Final

from secateur.errors import UserError

_FOREIGN: Final = (
    (0, b"GGUF", "a GGUF file"),
    (0, b"\x89HDF", "an HDF5 (Keras) file"),
    (4, b"TFL3", "a TensorFlow Lite file"),
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
_CHOOSE: Final = "Choose an ONNX, safetensors or PyTorch file."
_LARGEST_HEADER: Final = 100_000_000


def recognise(path: Path) -> str:
    """`torch`, `safetensors` or `onnx`; UserError where the file is missing, empty, unreadable or known as foreign."""
    head = read_head(path)
    if head[:2] == b"PK" or head[:1] == b"\x80":
        return "torch"
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _LARGEST_HEADER:
        return "safetensors"
    for offset, magic, name in _FOREIGN:
        if head[offset : offset + len(magic)] == magic:
            raise UserError(f"{path.name} is {name}, which cannot be opened as a model.", _CHOOSE)
    return "onnx"


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
    """`path` itself, or the model in a folder: `model.onnx`, else the only model file there."""
    if not path.is_dir():
        return path
    if (path / "model.onnx").is_file():
        return path / "model.onnx"
    suffixes = (".onnx", ".safetensors", ".pt", ".pth", ".th")
    found = sorted(file for file in path.iterdir() if file.suffix in suffixes and file.is_file())
    if len(found) == 1:
        return found[0]
    names = ", ".join(file.name for file in found[:5]) or "no model file"
    raise UserError(f"The folder {path} holds {names}.", "Name one file in it.")
