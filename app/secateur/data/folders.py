"""Image folders: one folder for each class, optionally below `train` and `test` (or `val`).

The same arrangement serves a folder on disk and the members of a zip archive: both are lists of path parts.
Classes are numbered in the alphabetical order of their folders, as torchvision's ImageFolder does.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from secateur.data.samples import IMAGE_SUFFIXES
from secateur.data.splits import Indices
from secateur.errors import UserError

TRAIN_NAMES, TEST_NAMES = ("train", "training"), ("test", "testing", "val", "valid", "validation")
IGNORED = ("__MACOSX",)

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
    notes: tuple[str, ...]


def list_folder(folder: Path) -> list[tuple[str, ...]]:
    """Path parts, below `folder`, of every image file in it; links to folders are not followed."""
    found: list[tuple[str, ...]] = []

    def complain(error: OSError) -> None:
        raise UserError(f"The folder {error.filename} cannot be read.", "Check its permissions.") from None

    for place, folders, files in os.walk(folder, onerror=complain):
        folders.sort()
        parts = Path(place).relative_to(folder).parts
        found += [(*parts, name) for name in files if is_image((*parts, name))]
    return sorted(found)


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


def list_archive(archive: ZipFile) -> tuple[list[tuple[str, ...]], list[str]]:
    """Path parts and member names of every image in the archive, in the order of their parts."""
    members = []
    for name in archive.namelist():
        parts = tuple(name.split("/"))
        if is_image(parts):
            members.append((parts, name))
    members.sort()
    return [parts for parts, _ in members], [name for _, name in members]


def is_image(parts: Sequence[str]) -> bool:
    """Whether this path is an image and no hidden or housekeeping file."""
    if any(part.startswith(".") or part in IGNORED for part in parts):
        return False
    return parts[-1].lower().endswith(IMAGE_SUFFIXES)


def arrange(paths: Sequence[tuple[str, ...]], name: str, order: Sequence[str] = ()) -> Arrangement:
    """Which image is of which class and split, from the path parts of all images.

    `order` gives the classes in the network's order where that is not alphabetical. UserError where there is
    no image, no class folder, a single class, or a class that `order` does not know.
    """
    if not paths:
        raise UserError(f"There is no image in {name}.", f"Known images: {', '.join(IMAGE_SUFFIXES)}.")
    paths = _without_wrapper(paths)
    tops = {path[0].lower() for path in paths if len(path) > 1}
    train = next((top for top in TRAIN_NAMES if top in tops), "")
    test = next((top for top in TEST_NAMES if top in tops), "")
    # a class may be called "train" (a vehicle): a division is only one where nothing else stands beside it
    divided = bool(tops) and tops <= {*TRAIN_NAMES, *TEST_NAMES}
    notes: list[str] = []
    kept: list[tuple[int, str, str]] = []
    for position, path in enumerate(paths):
        top, inner = (path[0].lower(), path[1:]) if divided else ("", path)
        if len(inner) > 1 and top in {"", train, test}:
            kept.append((position, top, inner[0]))
    if divided:
        notes += [f"The images in {top}/ are not used." for top in sorted(tops - {train, test})]
        if not train:
            notes.append(f"There is no train folder: a fifth of {test}/ tests, the rest trains and calibrates.")
    left_out = sum(len(path) < (3 if divided else 2) for path in paths)
    if left_out and kept:
        notes.append(f"{left_out} image{'s' if left_out > 1 else ''} outside the class folders are left out.")
    return _numbered(kept, name, order, (train, test) if divided and train and test else None, tuple(notes))


def _numbered(
    kept: Sequence[tuple[int, str, str]],
    name: str,
    order: Sequence[str],
    division: tuple[str, str] | None,
    notes: tuple[str, ...],
) -> Arrangement:
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
    classes = tuple(order) or tuple(found)
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
        notes=notes,
    )


def _without_wrapper(paths: Sequence[tuple[str, ...]]) -> Sequence[tuple[str, ...]]:
    """The paths without the single folder that encloses everything, as archives are often made."""
    while True:
        tops = {path[0] for path in paths}
        wrapped = len(tops) == 1 and all(len(path) > 2 for path in paths)
        if not wrapped or next(iter(tops)).lower() in {*TRAIN_NAMES, *TEST_NAMES}:
            return paths
        paths = [path[1:] for path in paths]
