"""The engine's side of a confined process: start it with nothing of ours, wait with a limit, take its files."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from secateur.errors import UserError
from secateur.formats.base import Progress

Task = Literal["pickle", "torchscript"]

LIMIT_S: Final = 300.0
_POLL_S: Final = 0.1
_LARGEST_ANSWER: Final = 1 << 20
_FILES: Final = ("program.pt2", "model.onnx", "weights.safetensors")


@dataclass(frozen=True, slots=True)
class Converted:
    """What came back: files by name in `folder`, the walls that stood, and why there is no network if so."""

    folder: Path
    files: dict[str, Path]
    walls: tuple[str, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = field(default=())


def convert(
    task: Task, path: Path, progress: Progress, code: Path | None = None, limit_s: float = LIMIT_S
) -> Converted:
    """Load the file at `path` in a confined process and take what it makes of it.

    `code` is a Python file beside which the process may look for modules. `progress` is called ten times a second
    and may raise to cancel. UserError says how it failed; the process and all that it started are dead afterwards.
    """
    folder = Path(tempfile.mkdtemp(dir=_place()))
    order = {"task": task, "path": str(path.resolve()), "folder": str(folder), "code": str(code or "")}
    process = _start(order, folder)
    try:
        _wait(process, path, progress, limit_s)
    finally:
        _kill(process)
    return _taken(path, folder, process.returncode)


@cache
def _place() -> Path:
    """One folder for all that comes back; its tensors stay mapped, so it lives as long as this process."""
    import atexit
    import shutil

    folder = Path(tempfile.mkdtemp(prefix="secateur-confined-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _start(order: dict[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    (folder / "home").mkdir()
    (folder / "tmp").mkdir()
    group: dict[str, Any] = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined, unused-ignore]
        if sys.platform == "win32"
        else {"start_new_session": True}
    )
    # -I: no PYTHON… variables, no user site, not the working directory
    command = [sys.executable, "-I", "-m", "secateur.formats.confined.child", json.dumps(order)]
    with (folder / "printed.txt").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own module
            command,
            cwd=folder / "tmp",
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **group,
        )


def _environment(folder: Path) -> dict[str, str]:
    """A home and a place for temporary files of its own, and nothing of ours."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "LANG", "LC_ALL") if name in os.environ}
    home, temporary = str(folder / "home"), str(folder / "tmp")
    return {
        **kept,
        "PATH": "",
        "HOME": home,
        "USERPROFILE": home,
        "TMPDIR": temporary,
        "TEMP": temporary,
        "TMP": temporary,
        "OMP_NUM_THREADS": "1",
        "TORCHINDUCTOR_CACHE_DIR": temporary,
    }


def _wait(process: "subprocess.Popen[bytes]", path: Path, progress: Progress, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while process.poll() is None:
        progress(1, 3, f"Loading {path.name} in a confined process")
        if time.monotonic() > deadline:
            raise UserError(
                f"{path.name} was not loaded within {limit_s:.0f} s, so its process was ended.",
                "Save the weights alone (`torch.save(model.state_dict(), …)`) and name a factory.",
            )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_S)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End the process and, where the system knows groups, all that it started."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.poll() is None:
        process.kill()
    process.wait()


def _taken(path: Path, folder: Path, status: int | None) -> Converted:
    """The answer and the plain files beside it; nothing that the process left is trusted."""
    answer = _answer(folder)
    if "sentence" in answer:
        raise UserError(str(answer["sentence"])[:400], str(answer.get("hint", ""))[:400], _printed(folder))
    if answer.get("done") is not True:
        raise UserError(
            f"The process that loaded {path.name} ended without an answer (status {status}).",
            "It ran out of memory or time, or the file ended it. Save the weights alone instead.",
            _printed(folder),
        )
    files = {name: folder / name for name in _FILES if _is_plain(folder / name)}
    return Converted(
        folder, files, _texts(answer.get("walls")), str(answer.get("reason", ""))[:400], _texts(answer.get("notes"))
    )


def _answer(folder: Path) -> dict[str, Any]:
    place = folder / "answer.json"
    if not _is_plain(place) or place.stat().st_size > _LARGEST_ANSWER:
        return {}
    try:
        answer = json.loads(place.read_bytes())
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _texts(value: object) -> tuple[str, ...]:
    entries: Sequence[object] = value if isinstance(value, list) else ()
    return tuple(str(entry)[:300] for entry in entries[:8])


def _is_plain(path: Path) -> bool:
    """Whether this is a file itself, not a link to another."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _printed(folder: Path) -> str:
    place = folder / "printed.txt"
    return place.read_text(encoding="utf-8", errors="replace")[-20_000:] if _is_plain(place) else ""
