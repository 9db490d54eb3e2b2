"""Where single samples come from: files, archive members, arrays, a person's own object, a random generator.

A reader knows nothing of labels, splits or preprocessing. Images are decoded to PIL; ready inputs are arrays
that pass to the network as they are.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from secateur.data.remarks import DEPTH, FRAMES
from secateur.errors import UserError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


@runtime_checkable
class ImageReader(Protocol):
    """Images by number, before any preprocessing."""

    def __len__(self) -> int: ...

    def image(self, index: int) -> Image.Image:
        """The decoded image as it is stored; UserError names the file where it cannot be decoded."""


class ArrayReader(Protocol):
    """Ready inputs by number: what the network is fed, without the batch axis."""

    def __len__(self) -> int: ...

    def array(self, index: int) -> NDArray[Any]: ...


Reader = ImageReader | ArrayReader


def decode(data: bytes | Path, name: str) -> Image.Image:
    """A fully decoded image as it is stored; UserError names it where it is damaged, foreign or absurdly large.

    What Pillow changes while it decodes is kept in the image's `info`, for `remarks.upright` to tell.
    """
    try:
        image = Image.open(BytesIO(data) if isinstance(data, bytes) else data)
        depth, frames = _stored_bits(image), _frames(image)
        image.load()
    except FileNotFoundError:
        raise UserError(f"The image {name} has gone.", "Open the data again.") from None
    except PermissionError:
        raise UserError(f"The image {name} may not be read.", "Check its permissions.") from None
    except Image.DecompressionBombError:
        raise UserError(f"The image {name} is too large to be decoded.", "Make it smaller or take it out.") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        reason = "" if isinstance(error, UnidentifiedImageError) else f" ({error})"
        raise UserError(
            f"The image {name} is damaged or not an image{reason}.",
            "Replace it or take it out, then open again.",
        ) from None
    image.info |= {DEPTH: depth, FRAMES: frames}
    return image


def _frames(image: Image.Image) -> int:
    """Pictures in an animation or a file of pages; the previews that cameras put behind a photograph are none."""
    return 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))


def _stored_bits(image: Image.Image) -> int:
    """Bits of a channel in the file of an image of 8 bits: Pillow cuts 16-bit colour to 8 while it decodes."""
    if image.mode.startswith(("I", "F")):
        return 8  # not cut: `remarks.upright` sees it by the mode
    return 16 if any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())) else 8


@dataclass(frozen=True)
class FileImages:
    """Image files below a folder."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def image(self, index: int) -> Image.Image:
        return decode(self.paths[index], str(self.paths[index]))


@dataclass(frozen=True, eq=False)
class ArchiveImages:
    """Members of a zip archive, read in place: nothing is extracted. The archive stays open."""

    archive: ZipFile
    members: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.members)

    def image(self, index: int) -> Image.Image:
        member = self.members[index]
        name = f"{member} in {Path(str(self.archive.filename)).name}"
        try:
            data = self.archive.read(member)
        except (BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, zlib.error) as error:
            raise UserError(f"{name} cannot be read from the archive ({error}).", "Make the archive again.") from None
        return decode(data, name)


@dataclass(frozen=True, eq=False)
class ArrayImages:
    """uint8 images of one size: (n, height, width) or (n, height, width, channels)."""

    values: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.values)

    def image(self, index: int) -> Image.Image:
        return image_of(self.values[index])


@dataclass(frozen=True, eq=False)
class ArrayInputs:
    """Ready inputs of one shape, first axis the samples; cast to `dtype` when they are read."""

    values: NDArray[Any]
    dtype: np.dtype[Any]

    def __len__(self) -> int:
        return len(self.values)

    def array(self, index: int) -> NDArray[Any]:
        return np.asarray(self.values[index], dtype=self.dtype)


@dataclass(frozen=True)
class RandomInputs:
    """Standard normal values of one shape, the same for the same seed and number."""

    count: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    seed: int = 0

    def __len__(self) -> int:
        return self.count

    def array(self, index: int) -> NDArray[Any]:
        generator = np.random.default_rng((self.seed, index))
        if np.issubdtype(self.dtype, np.integer):
            return generator.integers(0, 2, self.shape).astype(self.dtype)
        return generator.standard_normal(self.shape, dtype=np.float32).astype(self.dtype, copy=False)


@dataclass(frozen=True, eq=False)
class OwnImages:
    """Images of a person's own object; its items are (image, label) or images alone."""

    items: Sequence[Any]
    name: str

    def __len__(self) -> int:
        return len(self.items)

    def image(self, index: int) -> Image.Image:
        value = input_of(self.items, index, self.name)
        if isinstance(value, Image.Image):
            return value
        array = np.asarray(value)
        if array.dtype != np.uint8 or array.ndim not in {2, 3}:
            raise UserError(
                f"Item {index} of {self.name} is {array.dtype} of {array.shape}, and item 0 was an image.",
                "Return the same kind of input for every item.",
            )
        return image_of(array)


@dataclass(frozen=True, eq=False)
class OwnInputs:
    """Ready inputs of a person's own object."""

    items: Sequence[Any]
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __len__(self) -> int:
        return len(self.items)

    def array(self, index: int) -> NDArray[Any]:
        array = np.asarray(input_of(self.items, index, self.name), dtype=self.dtype)
        if array.shape != self.shape:
            raise UserError(
                f"Item {index} of {self.name} has the shape {array.shape}, and item 0 has {self.shape}.",
                "Return inputs of one shape.",
            )
        return array


def input_of(items: Sequence[Any], index: int, name: str) -> Any:
    """The input of one item; what the person's own code raises becomes a UserError."""
    try:
        item = items[index]
    except Exception as error:
        raise UserError(
            f"Item {index} of {name} cannot be read: {type(error).__name__}: {error}.", "Correct that code."
        ) from error
    return item[0] if isinstance(item, tuple | list) else item


def image_of(array: NDArray[np.uint8]) -> Image.Image:
    """uint8 (h, w), (h, w, 1|3|4) or (1|3|4, h, w) as an image."""
    if array.ndim == 3 and array.shape[-1] not in {1, 3, 4} and array.shape[0] in {1, 3, 4}:
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    return Image.fromarray(np.ascontiguousarray(array))
