"""What a confined process puts around itself before it touches a file, and what of it this system allows.

No network, no files but those named, no other programs, bounded memory, time and file sizes. On Linux: a network
namespace of its own where that is allowed, Landlock for files (kernel 5.13 on), resource limits. Elsewhere resource
limits where there are some, and sockets that refuse in Python alone: `raise_walls` says which walls stand.
"""

import ctypes
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

MEMORY_BYTES: Final = 12 << 30
CPU_S: Final = 600
OPEN_FILES: Final = 512

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES, _DIE_WITH_PARENT, _SIGKILL = 38, 1, 9
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_FILE = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_TRUNCATE: Final = 1 << 14
_RIGHTS_OF_VERSION: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1}
_ALL_RIGHTS: Final = (1 << 15) - 1
"""Of version 3 on; what later versions add (ioctl on devices, ports) is for other walls."""

_SYSTEM: Final = (
    "/usr", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/etc/localtime", "/proc/cpuinfo", "/proc/meminfo",
    "/proc/self", "/proc/sys/kernel", "/sys/devices/system", "/sys/fs/cgroup", "/dev/urandom", "/dev/random",
)  # fmt: skip


def raise_walls(readable: Sequence[Path], folder: Path, largest_file: int) -> tuple[str, ...]:
    """Confine this process for good: it reads `readable` and what Python needs, and writes in `folder` alone.

    Gives the walls that stand, in words; what the system does not offer is left out of them.
    """
    walls = [*_limits(largest_file), _network()]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_DIE_WITH_PARENT, _SIGKILL, 0, 0, 0)
        if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0 and _files(libc, readable, folder):
            walls.append("no files but its own, and no other programs")
    return tuple(wall for wall in walls if wall)


def _limits(largest_file: int) -> list[str]:
    """Memory, time, open files, file sizes and core dumps, where the system has such limits."""
    if sys.platform == "win32":
        return []
    import resource

    wanted = {
        "RLIMIT_AS": MEMORY_BYTES,
        "RLIMIT_CPU": CPU_S,
        "RLIMIT_NOFILE": OPEN_FILES,
        "RLIMIT_FSIZE": largest_file,
        "RLIMIT_CORE": 0,
    }
    standing = [name for name, limit in wanted.items() if hasattr(resource, name) and _limit(resource, name, limit)]
    return ["bounded memory and time"] if {"RLIMIT_AS", "RLIMIT_CPU"} <= set(standing) else []


def _limit(resource: Any, name: str, limit: int) -> bool:
    kind = getattr(resource, name)
    _, hard = resource.getrlimit(kind)
    most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    try:
        resource.setrlimit(kind, (most, most))
    except (ValueError, OSError):  # macOS refuses some of them
        return False
    return True


def _network() -> str:
    """Leave the network: by a namespace of its own, and in Python in any case."""
    is_gone = False
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        is_gone = libc.unshare(_NEW_NETWORK) == 0 or libc.unshare(_NEW_USER | _NEW_NETWORK) == 0
    _block_sockets()
    return "no network" if is_gone else "no network through Python"


class _NoSocket(socket.socket):
    """A socket that cannot be made; a class, because other modules derive theirs from it."""

    def __init__(self, *arguments: object, **keywords: object) -> None:
        raise PermissionError("this process has no network")


def _block_sockets() -> None:
    socket.socket = _NoSocket  # type: ignore[misc]


# ---------------------------------------------------------------------- Landlock


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64),)


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("parent", ctypes.c_int32))


def _files(libc: Any, readable: Sequence[Path], folder: Path) -> bool:
    """Let the process see what it needs and nothing else (man 7 landlock); False where the kernel cannot."""
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))
    if version < 1:
        return False
    handled = _RIGHTS_OF_VERSION.get(version, _ALL_RIGHTS)
    attributes = _Ruleset(handled)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    rules = libc.syscall(_CREATE_RULESET, ctypes.byref(attributes), size, ctypes.c_uint32(0))
    if rules < 0:
        return False
    read = _READ_FILE | _READ_DIR
    for path in (*map(Path, _SYSTEM), *_python_places(), *readable):
        _allow(libc, rules, path, read & handled)
    write = read | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_FILE | _TRUNCATE
    _allow(libc, rules, folder, write & handled)
    _allow(libc, rules, Path(os.devnull), (_READ_FILE | _WRITE_FILE) & handled)
    is_shut = bool(libc.syscall(_RESTRICT_SELF, rules, ctypes.c_uint32(0)) == 0)
    os.close(rules)
    return is_shut


def _python_places() -> list[Path]:
    """Where Python, its packages and this program lie."""
    ours = Path(__file__).resolve().parents[3]
    return [Path(sys.prefix), Path(sys.base_prefix), ours, *(Path(place) for place in sys.path if place)]


def _allow(libc: Any, rules: int, path: Path, rights: int) -> None:
    """Let everything beneath a path be used so; a path that is not there needs no rule."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)  # type: ignore[attr-defined, unused-ignore]
    except OSError:
        return
    try:
        if not path.is_dir():
            rights &= _READ_FILE | _WRITE_FILE | _EXECUTE | _TRUNCATE
        rule = _Beneath(rights, handle)
        libc.syscall(_ADD_RULE, rules, ctypes.c_int(_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0))
    finally:
        os.close(handle)
