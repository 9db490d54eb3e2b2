"""Packages: an ONNX file, what belongs to it, a README and checksums, in a zip or a zstd-compressed tar.

Opening one unpacks known names into a folder of its own, with sizes bounded and checksums compared, and opens the ONNX
file inside. Nothing else in it is looked at.
"""

import hashlib
import importlib.util
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from secateur import __version__
from secateur.errors import UserError
from secateur.formats.base import Progress, Runner
from secateur.formats.kinds.package_file import PackageOptions
from secateur.installing import install_command
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from secateur.graph.network import Model

MODEL: Final = "model.onnx"
DATA: Final = "model.onnx.data"
SUMS: Final = "SHA256SUMS"
README: Final = "README.md"
LARGEST_RATIO: Final = 200
"""How far a real network can be shrunk: nine tenths of zeros make it 10 to 1. What claims more is a bomb."""

LARGEST_SUMS: Final = 1 << 20
_BLOCK: Final = 1 << 20
_AGAIN: Final = "Copy or download it again."

_README: Final = """# {name}

Packed by Secateur {version}.

- `{model}`: the network, {size:,} bytes, for ONNX Runtime
{others}
- `{sums}`: `sha256sum -c {sums}` tells whether everything arrived whole

Inputs: {inputs}. Outputs: {outputs}.{encoded}

```python
import numpy, onnxruntime

session = onnxruntime.InferenceSession("{model}")
inputs = {feeds}
print(session.run(None, inputs))
```
"""


def is_package(names: Iterable[str]) -> bool:
    """Whether these are the members of a package."""
    return {MODEL, SUMS} <= set(names)


# ---------------------------------------------------------------------- out


def write(model: "Model", path: Path, options: PackageOptions) -> tuple[Path, ...]:
    """Pack a model; UserError where an attachment is missing, or zstd is asked for and not installed."""
    from secateur.formats.onnx_files.writing import write_onnx

    is_zstd = path.name.endswith(".tar.zst")
    if is_zstd:
        _require_zstd()
    with tempfile.TemporaryDirectory(prefix=".package-", dir=path.parent) as name:
        folder = Path(name)
        files = [*write_onnx(model, folder / MODEL), *_attached(options)]
        readme = folder / README
        readme.write_text(_readme(model, files), encoding="utf-8")
        files.append(readme)
        sums = folder / SUMS
        sums.write_text("".join(f"{digest(file)}  {file.name}\n" for file in files), encoding="utf-8")
        (_pack_zstd if is_zstd else _pack_zip)(path, [*files, sums])
    return (path,)


def _attached(options: PackageOptions) -> list[Path]:
    paths = [Path(name) for name in options.attachments]
    taken = {MODEL, DATA, README, SUMS}
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path} cannot be attached: there is no such file.", "Leave it out.")
        if path.name in taken:
            raise UserError(f"{path.name} cannot be attached: that name is taken in the package.", "Rename it.")
        taken.add(path.name)
    return paths


def _pack_zip(path: Path, files: Sequence[Path]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for file in files:
            archive.write(file, file.name)


def _pack_zstd(path: Path, files: Sequence[Path]) -> None:
    import zstandard

    with (
        path.open("wb") as raw,
        zstandard.ZstdCompressor(level=12).stream_writer(raw) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for file in files:
            entry = tarfile.TarInfo(file.name)
            entry.size = file.stat().st_size
            with file.open("rb") as stream:
                archive.addfile(entry, stream)


def _require_zstd() -> None:
    if importlib.util.find_spec("zstandard") is None:
        raise UserError(
            "A .tar.zst package needs zstandard, which is not installed.",
            f"Write a .zip, or install it: {install_command('zstd')}",
        )


def digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _readme(model: "Model", files: Sequence[Path]) -> str:
    words = {
        DATA: "its weights",
        "recipe.yaml": "how it was made",
        "report.html": "what was measured",
        "MODEL_CARD.md": "the model card",
    }
    others = [f"- `{file.name}`: {words.get(file.name, 'attached')}" for file in files[1:]]
    feeds = ", ".join(
        f'"{port.name}": numpy.zeros({tuple(size or 1 for size in port.shape)}, "{port.dtype}")'
        for port in model.inputs
    )
    encodings = getattr(model, "encodings", None)
    count = len(encodings.weights) if encodings else 0
    return _README.format(
        name=model.name,
        version=__version__,
        model=MODEL,
        size=files[0].stat().st_size,
        others="\n".join([*others, f"- `{README}`: this page"]),
        sums=SUMS,
        inputs=_ports(model.inputs),
        outputs=_ports(model.outputs),
        encoded=f" {count} of its layers are quantized." if count else "",
        feeds="{" + feeds + "}",
    )


def _ports(ports: Sequence[Any]) -> str:
    return ", ".join(
        f"`{port.name}` ({port.dtype}, {'×'.join('any' if size is None else str(size) for size in port.shape)})"
        for port in ports
    )


# ---------------------------------------------------------------------- in


def read(path: Path, source: ModelSource, progress: Progress) -> "Model":
    """The model inside a package, under the package's name."""
    from secateur.formats.reading import open_onnx

    with unpacked(path) as model:
        inner = open_onnx(model, ModelSource(str(model)), progress)
    name = path.name.removesuffix(".tar.zst").removesuffix(".zip")
    return replace(
        inner, name=name, source=source, path=path, format="package", source_bytes=path.stat().st_size,
        notes=(f"{path.name} is a package: its checksums are right, and the model in it was opened.", *inner.notes),
    )  # fmt: skip


def run(path: Path) -> Runner:
    """Unpack the file anew and run the ONNX file in it."""
    from secateur.formats.onnx_files.writing import run_onnx

    with unpacked(path) as model:
        return run_onnx(model)  # the session holds the weights; the folder may go


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The ONNX file of a package, with its weights beside it, in a folder that is gone at the end.

    UserError where the package is damaged, reaches out of its folder or does not have the checksums it states.
    """
    with tempfile.TemporaryDirectory(prefix="secateur-package-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with path.open("rb") as stream:
            is_zip = stream.read(2) == b"PK"
        sums = (_unzip if is_zip else _untar)(path, folder)
        _check(folder, sums, path)
        yield folder / MODEL


def _unzip(path: Path, folder: Path) -> str:
    """Put model and weights into `folder`; the text of the checksums."""
    from secateur.formats.archives import opened, read_member

    with opened(path) as archive:
        names = archive.namelist()
        if not is_package(names):
            raise UserError(f"{path.name} is no package: it lacks {MODEL} or {SUMS}.", _AGAIN)
        sums = read_member(archive, SUMS, LARGEST_SUMS, path)
        for name in (MODEL, DATA):
            if name not in names:
                continue
            try:
                with archive.open(name) as stream:
                    _copy(stream, folder / name, path)
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error) as problem:
                raise UserError(f"{name} in {path.name} is damaged: {_first_line(problem)}.", _AGAIN) from problem
    return _text(sums, path)


def _untar(path: Path, folder: Path) -> str:
    """The same from a zstd-compressed tar, streamed: of each member only the bytes that its name may have."""
    _require_zstd()
    import zstandard

    sums = b""
    try:
        with (
            path.open("rb") as raw,
            zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(raw) as packed,
            tarfile.open(fileobj=packed, mode="r|") as archive,
        ):
            for entry in archive:
                stream = archive.extractfile(entry) if entry.isreg() else None
                if stream is None or entry.name not in (MODEL, DATA, SUMS):
                    continue
                if entry.name == SUMS:
                    sums = stream.read(LARGEST_SUMS)
                    continue
                _copy(stream, folder / entry.name, path)
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as problem:
        raise UserError(f"{path.name} is damaged: {_first_line(problem)}.", _AGAIN) from problem
    return _text(sums, path)


def _copy(stream: IO[bytes], target: Path, path: Path) -> None:
    """Unpack one member in blocks; UserError where it is more than a package of this size can hold."""
    left = LARGEST_RATIO * path.stat().st_size
    with target.open("wb") as file:
        while block := stream.read(_BLOCK):
            left -= len(block)
            if left < 0:
                raise UserError(f"{target.name} in {path.name} unpacks to more than any network would.", _AGAIN)
            file.write(block)


def _first_line(problem: Exception) -> str:
    lines = str(problem).strip().splitlines()
    return (lines[0] if lines else type(problem).__name__).rstrip(".")


def _text(sums: bytes, path: Path) -> str:
    try:
        return sums.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise UserError(f"The checksums in {path.name} are no text.", _AGAIN) from problem


def _check(folder: Path, sums: str, path: Path) -> None:
    """UserError where a file is missing or differs from its checksum."""
    stated = {}
    for line in sums.splitlines():
        value, _, name = line.partition("  ")
        stated[name.strip()] = value.strip()
    for name in (MODEL, *([DATA] if DATA in stated else [])):
        if not (folder / name).is_file():
            raise UserError(f"{path.name} is not whole: it lacks {name}.", _AGAIN)
        if stated.get(name) != digest(folder / name):
            raise UserError(f"{name} in {path.name} is not what its checksum says: it was damaged or changed.", _AGAIN)
