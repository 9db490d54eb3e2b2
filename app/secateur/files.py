"""Writing files so that nothing is lost: whole files or none, and nothing that a person has without being asked."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from secateur.errors import ReplaceNeeded, UserError

_SHOWN = 3
"""Names of existing files that a sentence holds."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file or folder that is never written over, and what it is: `the opened model`."""

    path: Path
    what: str


@dataclass(frozen=True, slots=True)
class Guard:
    """What a writer may write over: nothing that is `kept`; other files where a person has agreed (`replace`)."""

    kept: tuple[Kept, ...] = ()
    replace: bool = False

    def check(self, *paths: Path) -> None:
        """UserError for one that is kept, ReplaceNeeded for those that exist and nobody was asked about.

        Looks at the files themselves: a link to one, another spelling of its name or a folder around it count.
        """
        existing = [path for path in paths if os.path.lexists(path)]
        for path in existing:
            if what := self.refusal(path):
                raise UserError(what, "Choose another name.")
        if existing and not self.replace:
            raise ReplaceNeeded(
                f"{_listed(existing)} {'exists' if len(existing) == 1 else 'exist'} already.",
                "Choose another name, or replace what is there with --force.",
                tuple(str(path) for path in existing),
            )

    def refusal(self, path: Path) -> str:
        """Why this is not written over, whatever a person says; empty where it may be."""
        if not os.path.lexists(path):
            return ""
        found = next((kept for kept in self.kept if _concerns(path, kept.path)), None)
        return f"{path} is {found.what}, which is never written over." if found is not None else ""


def _concerns(path: Path, kept: Path) -> bool:
    """Whether writing over `path` would change `kept`: the same file, a folder around it, or something inside it."""
    try:
        if path.samefile(kept):
            return True
    except OSError:  # one of them is gone, or may not be looked at
        if not os.path.lexists(kept):
            return False
    written, stays = path.resolve(), kept.resolve()
    return stays.is_relative_to(written) or written.is_relative_to(stays)


def _listed(paths: list[Path]) -> str:
    """`a.onnx, b.onnx and 2 more`: the first with its folder, the others beside it by name."""
    names = [str(paths[0]), *(path.name for path in paths[1:_SHOWN])]
    more = len(paths) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def free_name(path: Path) -> Path:
    """`path`, or the first of `name-2.suffix`, `name-3.suffix` … that is not there yet."""
    number, free = 1, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` that takes its place when the block ends well, and is removed when it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        temporary.chmod(0o644)
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def os_error_sentence(error: OSError) -> tuple[str, str]:
    """A sentence and a hint for what the operating system refused."""
    where = f" at {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full{where}.", "Free some space or choose another folder; nothing was lost."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"There is no permission to write or read{where}.",
            "Choose another folder or change its rights.",
        )
    return f"The system refused{where}: {error.strerror or error}.", "Check the path and try again."
