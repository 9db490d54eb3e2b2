"""Image folders: one folder for each class, optionally below `train` and `test` (or `val`), or all three.

The same arrangement serves a folder on disk and the members of a zip archive: both are lists of path parts.
Classes are numbered in the alphabetical order of their folders, as torchvision's ImageFolder does.
"""

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from secateur.data.samples import IMAGE_SUFFIXES
from secateur.data.splits import Indices
from secateur.errors import UserError

VALIDATION_NAMES = ("val", "valid", "validation")
TRAIN_NAMES, TEST_NAMES = ("train", "training"), ("test", "testing", *VALIDATION_NAMES)
IGNORED = ("__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini")
MOST_KINDS = 4
"""How many kinds of skipped files, or empty folders, are named."""

ARCHIVE_LIMIT_BYTES = 20_000_000_000
MEMBER_RATIO_LIMIT, MEMBER_RATIO_FROM_BYTES = 200, 100_000_000


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Images in the order of their names: which path, which class number, and the source's own division."""

    positions: tuple[int, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    train: Indices | None
    test: Indices | None
    validation: Indices | None
    notes: tuple[str, ...]


Parts = tuple[str, ...]


@dataclass(frozen=True)
class Listing:
    """What a folder or an archive holds, as path parts below it, each list in order.

    `folders` are those that can be a class, with and without images in them; `skipped` are files that are not read.
    """

    images: tuple[Parts, ...]
    folders: tuple[Parts, ...]
    skipped: tuple[Parts, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """How many files are not read, and why."""
        if not self.skipped:
            return ()
        hidden = sum(is_hidden(parts) for parts in self.skipped)
        kinds = sorted({Path(parts[-1]).suffix.lower() or parts[-1] for parts in self.skipped if not is_hidden(parts)})
        named = f" ({', '.join(kinds[:MOST_KINDS])}{', …' if len(kinds) > MOST_KINDS else ''})"
        others = len(self.skipped) - hidden
        why = [f"{hidden:,} hidden"] if hidden else []
        why += [f"{others:,} no image by name{named}"] if others else []
        count = len(self.skipped)
        return (f"{count:,} file{' is' if count == 1 else 's are'} not read: {' and '.join(why)}.",)


def listing_of(files: Iterable[Parts], folders: Iterable[Parts] = ()) -> Listing:
    """Files, and folders that are known besides those the files lie in, told apart."""
    everything = sorted(files)
    inner = {parts[:depth] for parts in everything for depth in range(1, len(parts))}
    return Listing(
        images=tuple(parts for parts in everything if is_image(parts)),
        folders=tuple(sorted(parts for parts in inner | set(folders) if parts and not is_hidden(parts))),
        skipped=tuple(parts for parts in everything if not is_image(parts)),
    )


def list_folder(folder: Path) -> Listing:
    """Everything below `folder`; links to folders are not followed."""
    found: list[Parts] = []
    below: list[Parts] = []

    def complain(error: OSError) -> None:
        raise UserError(f"The folder {error.filename} cannot be read.", "Check its permissions.") from None

    for place, folders, files in os.walk(folder, onerror=complain):
        folders.sort()
        parts = Path(place).relative_to(folder).parts
        found += [(*parts, name) for name in files]
        below.append(parts)
    return listing_of(found, below)


def open_archive(path: Path) -> ZipFile:
    """The archive, opened for reading in place; UserError where a member's name or size is hostile."""
    try:
        archive = ZipFile(path)
    except (BadZipFile, NotImplementedError, ValueError) as error:
        raise UserError(f"{path} is a damaged zip archive ({error}).", "Make or download it again.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from None
    for member in archive.infolist():
        _check_member(member, path)
    total = sum(member.file_size for member in archive.infolist())
    if total > ARCHIVE_LIMIT_BYTES:
        raise UserError(
            f"{path} would unpack to {total / 1e9:.0f} GB; the limit is {ARCHIVE_LIMIT_BYTES / 1e9:.0f} GB.",
            "Unpack it yourself and open the folder.",
        )
    return archive


def _check_member(member: ZipInfo, path: Path) -> None:
    name = member.filename.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
        raise UserError(
            f"{path} holds the member {member.filename!r}, whose name points outside the archive.",
            "Make the archive again, with plain relative names.",
        )
    if member.flag_bits & 1:
        raise UserError(f"{path} is encrypted.", "Make an archive without a password.")
    too_dense = member.file_size > MEMBER_RATIO_LIMIT * max(1, member.compress_size)
    if too_dense and member.file_size > MEMBER_RATIO_FROM_BYTES:
        raise UserError(
            f"{path} holds {member.filename!r}, which unpacks to over {MEMBER_RATIO_LIMIT} times its size.",
            "If you trust it, unpack it yourself and open the folder.",
        )


def list_archive(archive: ZipFile) -> Listing:
    """Everything in the archive; an image is the member whose name is its parts, joined by slashes."""
    names = archive.namelist()
    return listing_of(
        (tuple(name.split("/")) for name in names if not name.endswith("/")),
        (tuple(name.rstrip("/").split("/")) for name in names if name.endswith("/")),
    )


def is_hidden(parts: Sequence[str]) -> bool:
    """Whether this is a hidden or housekeeping file or folder, or lies in one."""
    return any(part.startswith(".") or part in IGNORED for part in parts)


def is_image(parts: Sequence[str]) -> bool:
    """Whether this path is an image and no hidden or housekeeping file."""
    return not is_hidden(parts) and parts[-1].lower().endswith(IMAGE_SUFFIXES)


def arrange(listing: Listing, name: str, order: Sequence[str] = ()) -> Arrangement:
    """Which image is of which class and split, from the path parts of all images.

    `order` gives the classes in the network's order where that is not alphabetical. A class folder without images
    is a class all the same: whoever trained on these folders numbered it too. UserError where there is no image, no
    class folder, a single class, or a class that `order` does not know.
    """
    paths: Sequence[Parts] = listing.images
    if not paths:
        raise UserError(f"There is no image in {name}.", f"Known images: {', '.join(IMAGE_SUFFIXES)}.")
    wrapper = _wrapper_of(paths)
    paths = [path[wrapper:] for path in paths]
    tops = {path[0].lower() for path in paths if len(path) > 1}
    train = next((top for top in TRAIN_NAMES if top in tops), "")
    test = next((top for top in TEST_NAMES if top in tops), "")
    chooses = next((top for top in VALIDATION_NAMES if train and test and top in tops - {test}), "")
    # a class may be called "train" (a vehicle): a division is only one where nothing else stands beside it
    divided = bool(tops) and tops <= {*TRAIN_NAMES, *TEST_NAMES}
    notes = list(listing.notes)
    kept: list[tuple[int, str, str]] = []
    for position, path in enumerate(paths):
        top, inner = (path[0].lower(), path[1:]) if divided else ("", path)
        if len(inner) > 1 and top in {"", train, test, chooses}:
            kept.append((position, top, inner[0]))
    if divided:
        notes += [f"The images in {top}/ are not used." for top in sorted(tops - {train, test, chooses})]
        if not train:
            notes.append(f"There is no train folder: a fifth of {test}/ tests, the rest trains and calibrates.")
    left_out = sum(len(path) < (3 if divided else 2) for path in paths)
    if left_out and kept:
        notes.append(f"{left_out} image{'s' if left_out > 1 else ''} outside the class folders are left out.")
    places = {(), (train,), (test,), (chooses,)} if divided else {()}
    inside = [folder[wrapper:] for folder in listing.folders if folder[:wrapper] == listing.images[0][:wrapper]]
    folders = {
        folder[-1]
        for folder in inside
        if folder and len(folder) == 1 + divided and tuple(part.lower() for part in folder[:-1]) in places
    }
    division = (train, test, chooses) if divided and train and test else None
    return _numbered(kept, name, order, division, tuple(notes), folders)


def _numbered(
    kept: Sequence[tuple[int, str, str]],
    name: str,
    order: Sequence[str],
    division: tuple[str, str, str] | None,
    notes: tuple[str, ...],
    folders: Collection[str],
) -> Arrangement:
    """`kept` are (position, top folder, class folder) of the images, `folders` all class folders."""
    found = sorted({folder for _, _, folder in kept})
    if not found:
        raise UserError(
            f"The images in {name} are in no class folders.",
            "Put the images of each class into a folder of its own.",
        )
    unknown = [folder for folder in found if order and folder not in order]
    if unknown:
        raise UserError(
            f"{name} has the class folder {unknown[0]!r}, which is not among the given classes.",
            f"Given are {', '.join(order)}.",
        )
    classes = tuple(order) or tuple(sorted({*found, *folders}))
    notes = (*notes, *_empty_notes(sorted(set(folders) - set(found)), classes))
    if len(classes) < 2:
        raise UserError(
            f"{name} has only one class folder, {classes[0]!r}.", "Classification needs two classes or more."
        )
    number = {folder: n for n, folder in enumerate(classes)}
    tops = np.array([top for _, top, _ in kept])
    return Arrangement(
        positions=tuple(position for position, _, _ in kept),
        labels=np.array([number[folder] for _, _, folder in kept], dtype=np.int64),
        classes=classes,
        train=np.flatnonzero(tops == division[0]) if division else None,
        test=np.flatnonzero(tops == division[1]) if division else None,
        validation=np.flatnonzero(tops == division[2]) if division and division[2] else None,
        notes=notes,
    )


def _empty_notes(empty: Sequence[str], classes: Sequence[str]) -> tuple[str, ...]:
    """That class folders hold no image, and what becomes of their numbers."""
    notes = []
    for folder in empty:
        if folder in classes:
            number = classes.index(folder)
            notes.append(f"The class folder {folder} holds no image: it is class {number} all the same.")
        else:
            notes.append(f"The folder {folder} holds no image and is none of the given classes.")
    if len(notes) > MOST_KINDS:
        return (*notes[:MOST_KINDS], f"{len(notes) - MOST_KINDS:,} more class folders hold no image.")
    return tuple(notes)


def _wrapper_of(paths: Sequence[Parts]) -> int:
    """How many folders enclose everything, one in the other, as archives are often made."""
    depth = 0
    while True:
        tops = {path[depth] for path in paths}
        wrapped = len(tops) == 1 and all(len(path) > depth + 2 for path in paths)
        if not wrapped or next(iter(tops)).lower() in {*TRAIN_NAMES, *TEST_NAMES}:
            return depth
        depth += 1
