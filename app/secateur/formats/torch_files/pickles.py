"""Which names the pickles of a file want to import, found without running them.

A pickle is a program for a small stack machine. `PickleReader` follows that machine with stand-ins for values: texts
are kept, as a name can be made of them, and everything else is a blank. Zip archives, tar archives, several pickles in
one file and pickles inside the texts and bytes of a pickle are followed too. What cannot be followed is reported as a
name of its own, marked dangerous, never passed over.
"""

import io
import mmap
import pickletools
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, cast

from secateur.errors import UserError
from secateur.formats.torch_files.dangers import danger_of
from secateur.model.trust import WantedImport

MOST_OPERATIONS: Final = 400_000
_MOST_DEPTH: Final = 6
_MOST_PICKLES: Final = 64
_LARGEST_MEMBER: Final = 1 << 27
_CUT_SHORT: Final = "a pickle that cannot be followed to its end"
_UNKNOWN: Final = "a name that is only known when the pickle runs"
_LEGACY: Final = 0x1950A86A20F9469CFC6C
"""The number that torch's files begin with that are neither zip nor tar: five pickles and then raw numbers."""

BROKEN: Final = WantedImport(_CUT_SHORT, danger_of(_CUT_SHORT))
"""The only finding of a pickle that is cut short before it wants anything."""

_BLANK: Final = object()
_MARK: Final = object()


@dataclass(slots=True)
class Findings:
    """Names found so far, and how much looking is left."""

    left: int
    names: set[str] = field(default_factory=set)

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise UserError(
                "Its pickle is longer than any network needs, so it was not looked through.", "Save the weights alone."
            )


def wanted_imports(path: Path) -> tuple[WantedImport, ...]:
    """Every name that the pickles in a file want, the dangerous first; UserError where it cannot be looked through."""
    findings = Findings(MOST_OPERATIONS)
    with path.open("rb") as stream:
        if not path.stat().st_size:
            return ()
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _look_into(data, findings, 0, must=True)
    return tuple(sorted((WantedImport(name, danger_of(name)) for name in findings.names), key=_dangerous_first))


def _dangerous_first(wanted: WantedImport) -> tuple[bool, str]:
    return not wanted.danger, wanted.name


# ---------------------------------------------------------------------- containers


def _look_into(data: Any, findings: Findings, depth: int, *, must: bool = False) -> None:
    """Look into a file or a piece of one; `must` says that it is known to be a pickle or to hold some."""
    if depth > _MOST_DEPTH:
        findings.names.add("archives in archives beyond any sense")
        return
    head = bytes(data[:4])
    if head[:2] == b"PK":
        _look_into_zip(data, findings, depth)
    elif len(data) > 262 and bytes(data[257:262]) == b"ustar":
        _look_into_tar(data, findings, depth)
    elif must or head[:1] == b"\x80":
        _look_into_pickles(data, findings, depth, must=must)


def _look_into_zip(data: Any, findings: Findings, depth: int) -> None:
    try:
        archive = zipfile.ZipFile(_Stream(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, EOFError):
        findings.names.add("an archive that cannot be read")
        return
    with archive:
        for entry in archive.infolist():
            is_pickle = entry.filename.endswith((".pkl", ".pickle"))
            content = _member(archive, entry, findings, is_pickle)
            if content is not None:
                _look_into(content, findings, depth + 1, must=is_pickle)


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, findings: Findings, is_pickle: bool) -> bytes | None:
    """A member that may hold a pickle; None for raw numbers."""
    findings.spend()
    try:
        with archive.open(entry) as stream:
            head = stream.read(512)
            is_nested = head[:2] == b"PK" or head[257:262] == b"ustar"
            if not (is_pickle or is_nested or _begins_as_pickle(head)):
                return None
            if entry.file_size > _LARGEST_MEMBER:
                if is_pickle or is_nested:
                    findings.names.add("a part that is too large to be looked through")
                return None
            return head + stream.read(_LARGEST_MEMBER)
    except Exception:  # noqa: BLE001 - every kind of damage: what cannot be read is reported
        findings.names.add("a part that cannot be read")
        return None


def _begins_as_pickle(head: bytes) -> bool:
    """Whether bytes begin with a pickle's protocol and one of its first operations; raw numbers hardly do."""
    return len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5 and chr(head[2]) in "\x95}(]cX\x8c\x8aKJMGN\x88\x89)"


def _look_into_tar(data: Any, findings: Findings, depth: int) -> None:
    """torch's oldest files: a tar whose members are pickles with raw numbers behind them."""
    try:
        with tarfile.open(fileobj=_Stream(data), mode="r:") as archive:
            for entry in archive:
                findings.spend()
                stream = archive.extractfile(entry) if entry.isfile() and entry.size <= _LARGEST_MEMBER else None
                if stream is not None:
                    _look_into(stream.read(), findings, depth + 1, must=True)
                elif entry.isfile():
                    findings.names.add("a part that is too large to be looked through")
    except (tarfile.TarError, OSError, ValueError, EOFError):
        findings.names.add("an archive that cannot be read")


def _look_into_pickles(data: Any, findings: Findings, depth: int, *, must: bool) -> None:
    """One pickle after the other, as far as there are some."""
    place, is_legacy = 0, False
    for number in range(_MOST_PICKLES):
        if number and not _begins_as_pickle(bytes(data[place : place + 3])):
            return
        reader = PickleReader(data, place, findings, depth)
        try:
            reader.run()
        except (ValueError, IndexError, KeyError, AttributeError, UnicodeDecodeError, OverflowError):
            if must or number == 0:
                findings.names.add(_CUT_SHORT)
            return
        place = reader.place
        is_legacy = is_legacy or (number == 0 and reader.result == _LEGACY)
        if is_legacy and number == 4:
            return  # behind the five pickles of torch's old files there are raw numbers
    findings.names.add("more pickles in one file than can be looked through")


# ---------------------------------------------------------------------- one pickle


class PickleReader:
    """Follows one pickle from `place` on; `place` is behind it afterwards, `result` what it would give, if simple."""

    def __init__(self, data: Any, place: int, findings: Findings, depth: int) -> None:
        self._stream = _Stream(data, place)
        self._findings, self._depth = findings, depth
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self.place = place
        self.result: Any = None

    def run(self) -> None:
        for operation, argument, _ in pickletools.genops(cast("IO[bytes]", self._stream)):
            self._findings.spend()
            self._step(operation, argument)
        self.place = self._stream.tell()
        self.result = self._stack[-1] if self._stack else None

    def _step(self, operation: Any, argument: Any) -> None:
        name = operation.name
        if name in ("GLOBAL", "INST"):
            self._findings.names.add(str(argument).replace(" ", ".", 1))
        elif name == "STACK_GLOBAL":
            attribute, module = self._stack.pop(), self._stack.pop()
            both = isinstance(attribute, str) and isinstance(module, str)
            self._findings.names.add(f"{module}.{attribute}" if both else _UNKNOWN)
            self._stack.append(_BLANK)
            return
        elif name in ("EXT1", "EXT2", "EXT4"):
            self._findings.names.add(f"the extension number {argument}")
        elif name in ("PERSID", "BINPERSID"):
            pass  # numbers of a tensor: the loader asks for them by this mark
        self._remember_or_move(operation, argument)

    def _remember_or_move(self, operation: Any, argument: Any) -> None:
        """What an operation does to stack and memo, values being texts, numbers or blanks."""
        name, stack = operation.name, self._stack
        if name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self._memo[int(argument)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self._memo.get(int(argument), _BLANK))
        elif name == "DUP":
            stack.append(stack[-1])
        elif name == "MARK":
            stack.append(_MARK)
        elif name != "STOP":
            self._apply(operation, argument)

    def _apply(self, operation: Any, argument: Any) -> None:
        """The plain case: values off the stack, values on it."""
        for value in reversed(operation.stack_before):
            if value is pickletools.stackslice:
                while self._stack and self._stack[-1] is not _MARK:
                    self._stack.pop()
            elif value is pickletools.markobject:
                while self._stack and self._stack.pop() is not _MARK:
                    continue
            elif self._stack:
                self._stack.pop()
        for _ in operation.stack_after:
            self._stack.append(self._value(argument))

    def _value(self, argument: Any) -> Any:
        """What an operation puts on the stack; bytes and texts that are a pickle themselves are looked into."""
        if isinstance(argument, str):
            if argument[:1] == "\x80" or argument.endswith("."):
                self._look_inside(argument.encode("latin-1", "ignore"))
            return argument
        if isinstance(argument, bytes | bytearray):
            self._look_inside(bytes(argument))
            return _BLANK
        return argument if isinstance(argument, int) and _is_small(argument) else _BLANK

    def _look_inside(self, content: bytes) -> None:
        if content[:2] == b"PK" or _begins_as_pickle(content) or content[257:262] == b"ustar":
            _look_into(content, self._findings, self._depth + 1)
        elif content[:1] in (b"c", b"(") and content[-1:] == b".":  # the oldest protocol has no mark of its own
            _look_into(content, self._findings, self._depth + 1, must=True)


def _is_small(number: int) -> bool:
    """Whether a number is worth keeping: torch's own mark is the largest that is asked for."""
    return abs(number) <= _LEGACY


class _Stream(io.RawIOBase):
    """A file over bytes or a memory map that never makes more bytes than there are, whatever it is asked for."""

    def __init__(self, data: Any, place: int = 0) -> None:
        super().__init__()
        self._data, self._place = data, place

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = 0) -> int:
        base = {0: 0, 1: self._place, 2: len(self._data)}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning")
        self._place = base + offset
        return self._place

    def read(self, size: int | None = -1, /) -> bytes:
        end = len(self._data) if size is None or size < 0 else min(self._place + size, len(self._data))
        taken = bytes(self._data[self._place : end])
        self._place += len(taken)
        return taken

    def readline(self, size: int | None = -1, /) -> bytes:
        end = self._data.find(b"\n", self._place)
        return self.read((end + 1 if end >= 0 else len(self._data)) - self._place)

    def __iter__(self) -> Iterator[bytes]:
        raise io.UnsupportedOperation("not read by lines")
