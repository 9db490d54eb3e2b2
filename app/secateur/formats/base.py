"""What a format is: how models come in and go out. One class per format; importable without torch or onnx."""

import errno
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from secateur.errors import JobError
from secateur.files import Guard
from secateur.installing import install_command
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.model.encoding import ActivationEncoding, WeightEncoding
    from secateur.model.stored import StoredTensor

Progress = Callable[[int, int, str], None]
"""Takes what is done, of how much, and what is being done; may raise to cancel."""

UNVERIFIED = ".unverified"
"""What the name of a file ends in that was written and not proven."""

Samples = Sequence[NDArray[Any]]
"""One array per input of the model, samples along axis 0."""


@dataclass(frozen=True)
class Runner:
    """An opened file that can be run. `run_all` takes one batch, an array per input, and gives every output."""

    run_all: Callable[..., Sequence[NDArray[Any]]]

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """The first output for one batch, float32."""
        return self.all(*inputs)[0]

    def all(self, *inputs: NDArray[Any]) -> tuple[NDArray[np.float32], ...]:
        """All outputs for one batch in the network's order, float32."""
        return tuple(np.asarray(output, dtype=np.float32) for output in self.run_all(*inputs))


@dataclass(frozen=True)
class LocalProof:
    """What a look into an encoded file showed: every number and every layer right, or the first that is not.

    `layer` names that one (a tensor where no layer makes it), `sentence` says what is wrong; both empty where all is
    right. `own_noise` is how much noise beside the signal (a ratio of powers) the runtime adds by rounding of its own,
    which no encoding asks for; `remark` says so.
    """

    layer: str = ""
    sentence: str = ""
    own_noise: float = 0.0
    remark: str = ""

    @property
    def is_right(self) -> bool:
        return not self.sentence


class WriteOptions(BaseModel):
    """How a file is written; a format with choices subclasses this.

    Form and command line follow from its fields.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def computes_in(self) -> Literal["float32", "float16"]:
        """What the written file's float numbers are: half precision may deviate further from the simulation."""
        return "float32"

    @property
    def weight_error(self) -> float | None:
        """How far these options round weights, relative to each tensor's largest; None where `computes_in` tells."""
        return None


class Format:
    """One way of storing a model. The class variables without a value must be given; one forgotten fails at import.

    A format is a file in `secateur.formats.kinds`, importable without torch, onnx or its own libraries.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    runtime: ClassVar[str]
    """What runs the file here, as a person calls it; empty where nothing does."""
    reads: ClassVar[bool]
    writes: ClassVar[bool]
    activation_bits: ClassVar[tuple[int, ...]] = ()
    """Widths of activations whose encodings are stored in it; none in a format of weights alone."""
    extra: ClassVar[str] = ""
    """The optional dependencies (a name in pyproject) that bring what it needs; empty for those always there."""
    modules: ClassVar[tuple[str, ...]] = ()
    """What must be importable to write and run it, and to read it where `reads_itself` is not set."""
    reads_itself: ClassVar[bool] = True
    """Whether `read` needs none of `modules`."""
    options: ClassVar[type[WriteOptions]] = WriteOptions
    in_child: ClassVar[bool] = True
    """Whether it is written and run in a process of its own, see `secateur.formats.exporting`."""
    named_by_suffix: ClassVar[bool] = False
    """Whether what runs the file wants it to have its suffix."""
    time_limit_s: ClassVar[int] = 600
    """Seconds after which a write, or a run, in a process of its own is given up."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        needed = ("id", "title", "suffixes", "runtime", "reads", "writes")
        missing = [name for name in needed if not hasattr(cls, name)]
        if getattr(cls, "writes", False) and cls.holds_weights is Format.holds_weights:
            missing.append("holds_weights")
        if missing:
            raise TypeError(f"{cls.__name__} must say its {', '.join(missing)}")

    def missing(self) -> str | None:
        """None where all that it needs is installed, else a sentence with the one command that installs it."""
        absent = [name for name in self.modules if importlib.util.find_spec(name.partition(".")[0]) is None]
        if not absent:
            return None
        verb = "is" if len(absent) == 1 else "are"
        return f"{self.title} needs {', '.join(absent)}, which {verb} not installed: {install_command(self.extra)}"

    # ------------------------------------------------------------------ in

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether a file with these first bytes (64, fewer in a shorter file) or a folder (no bytes) is of this format.

        By content: a suffix counts only where the content of two formats cannot be told apart.
        """
        return False

    def read(self, path: Path, source: ModelSource, progress: Progress) -> "Model":
        """Open a model; UserError says what is wrong with the file and what to do. `progress` may raise to cancel."""
        raise NotImplementedError

    def tensors(self, path: Path) -> "tuple[StoredTensor, ...]":
        """What a file of weights holds, without reading it; for formats that hold tensors under names."""
        raise NotImplementedError

    # ------------------------------------------------------------------ out

    def wrong_name(self, path: Path) -> str | None:
        """None where a file of this format may be called so, else a sentence with the name that would do."""
        if not self.named_by_suffix or path.suffix.lower() in self.suffixes:
            return None
        return f"{path.name} is no name for {self.title}: let it end with {' or '.join(self.suffixes)}."

    def can_write(self, model: "Model") -> str | None:
        """None where `write` can store this model, else a sentence that says why not and what would help."""
        return f"Secateur does not write {self.title}."

    def holds(self, encoding: "WeightEncoding | ActivationEncoding", shape: tuple[int, ...] = ()) -> str | None:
        """None where what is encoded so (a weight of this shape, where it is known) is stored in it, number by number;
        else what becomes of it, as a sentence.
        """
        from secateur.model.encoding import ActivationEncoding

        if not isinstance(encoding, ActivationEncoding):
            return self.holds_weights(encoding, shape)
        if encoding.bits in self.activation_bits:
            return None
        if self.activation_bits:
            return f"{self.runtime or self.title} is given no activations of {encoding.bits} bits: they stay float."
        return f"{self.title} keeps encoded weights alone: the encodings of activations are left out."

    def holds_weights(self, encoding: "WeightEncoding", shape: tuple[int, ...] = ()) -> str | None:
        """`holds` of weights. Every format that is written says it."""
        raise NotImplementedError

    def losses(self, model: "Model") -> str:
        """What of the model's encodings this format cannot hold, told before it is written; empty where nothing."""
        return ""

    def write(self, model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
        """Write the model to `path` and companions beside it, plainly: `export` makes that atomic. The files,
        that at `path` first (a folder counts as one file)."""
        raise NotImplementedError

    def why_not_run(self) -> str | None:
        """None where a written file can be run on this machine, else why not, as a sentence."""
        return None if self.runtime else f"Nothing here runs {self.title}."

    def run(self, path: Path) -> Runner:
        """Open a written file anew in the runtime it is meant for."""
        raise NotImplementedError

    def layer_outputs(self, path: Path, inputs: Samples) -> Mapping[str, NDArray[np.float32]] | None:
        """Layer name → its output in a written file for one batch; None where the runtime shows outputs alone."""
        return None

    def local_proof(self, path: Path, model: "Model", inputs: Samples) -> LocalProof | None:
        """Whether a file of an encoded model holds its numbers and does its arithmetic, layer by layer, on few samples.

        None where that cannot be seen: then the outputs alone tell.
        """
        return None

    def weights(self, path: Path) -> Mapping[str, NDArray[np.float32]]:
        """Layer name → decoded weight in a written file; what is compared where the file cannot be run."""
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


def publish(files: Sequence[Path], folder: Path, guard: Guard, suffix: str = "") -> list[Path]:
    """Move finished files (and folders) to `folder` under their names plus `suffix`, companions before the first.

    Nothing is moved where the guard refuses one of them.
    """
    targets = {file: folder / f"{file.name}{suffix}" for file in files}
    guard.check(*targets.values())
    for file in (*files[1:], *files[:1]):
        target = targets[file]
        if target.is_dir() and file.is_dir():  # a folder does not take the place of another one by itself
            shutil.rmtree(target)
        os.replace(file, target)  # noqa: PTH105 - Path.replace is the same; this one says that it is atomic
    return list(targets.values())


def publish_aside(files: Sequence[Path], folder: Path, guard: Guard) -> list[Path]:
    """Move files that are not proven to `folder` under names that end in `.unverified`, numbered where taken."""
    number, suffix = 1, UNVERIFIED
    while not guard.replace and any(os.path.lexists(folder / f"{file.name}{suffix}") for file in files):
        number += 1
        suffix = f"{UNVERIFIED}-{number}"
    return publish(files, folder, guard, suffix)


def writing_failed(path: Path, error: OSError) -> JobError:
    """The sentence for a write that the system refused."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return JobError(f"The disk is full: {path.name} could not be written to {path.parent}.", "Free some space.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return JobError(f"There is no permission to write {path}.", "Choose another folder.")
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        return JobError(f"{path} cannot be a file here: {error.strerror}.", "Choose another name.")
    return JobError(f"{path} could not be written: {error.strerror or error}.", "Choose another folder.")
