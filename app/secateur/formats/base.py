"""What a format is: how models come in and go out. One class per format; importable without torch or onnx."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from secateur.errors import JobError
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from secateur.model.model import Model

Samples = Sequence[NDArray[Any]]
"""One array per input of the model, samples along axis 0."""

Runner = Callable[..., NDArray[np.float32]]
"""Takes one batch, an array per input; gives the first output as float32."""


class Format:
    """One way of storing a model. The class variables have no defaults, so that a forgotten one fails at import."""

    id: ClassVar[str]
    title: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    runtime: ClassVar[str]
    """What runs the file here, as a person calls it; empty where nothing does."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        missing = [name for name in ("id", "title", "suffixes", "runtime") if name not in cls.__dict__]
        if missing:
            raise TypeError(f"{cls.__name__} must say its {', '.join(missing)}")

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether a file with these first bytes (16 or more, fewer in a shorter file) is of this format."""
        raise NotImplementedError

    def read(self, source: ModelSource) -> "Model":
        """Open a model; UserError says what is wrong with the file and what to do."""
        raise NotImplementedError

    def can_write(self, model: "Model") -> str | None:
        """None where `write` can store this model, else a sentence that says why not and what would help."""
        raise NotImplementedError

    def write(self, model: "Model", path: Path) -> tuple[Path, ...]:
        """Write the model to `path` and companions beside it, plainly: `export` makes that atomic. The files."""
        raise NotImplementedError

    def run(self, path: Path) -> Runner:
        """Open a written file anew in the runtime it is meant for."""
        raise NotImplementedError


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A path of the same name in a temporary folder beside `path`, gone at the end; OSError becomes UserError.

    Whoever writes there moves the finished files with `publish`; a half-written one never has its final name.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".secateur-", dir=path.parent))
    except OSError as error:
        raise writing_failed(path, error) from error
    try:
        yield folder / path.name
    except OSError as error:
        raise writing_failed(path, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(files: Sequence[Path], folder: Path, suffix: str = "") -> list[Path]:
    """Move finished files to `folder` under their names plus `suffix`, replacing what stood there."""
    moved = []
    for file in files:
        target = folder / f"{file.name}{suffix}"
        os.replace(file, target)  # noqa: PTH105 - Path.replace is the same; this one says that it is atomic
        moved.append(target)
    return moved


def writing_failed(path: Path, error: OSError) -> JobError:
    """The sentence for a write that the system refused."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return JobError(f"The disk is full: {path.name} could not be written to {path.parent}.", "Free some space.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return JobError(f"There is no permission to write {path}.", "Choose another folder.")
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        return JobError(f"{path} cannot be a file here: {error.strerror}.", "Choose another name.")
    return JobError(f"{path} could not be written: {error.strerror or error}.", "Choose another folder.")
