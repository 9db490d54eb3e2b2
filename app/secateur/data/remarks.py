"""What is done to images before they are resized, so that nothing of it happens in silence.

Files hold photographs that lie on their side, 16 bits, transparency, other colours than the network takes. Each is
brought to upright 8-bit grey or colour, and what had to be done is counted and told in sentences.
"""

from collections.abc import Iterable
from enum import Enum
from threading import Lock

import numpy as np
from PIL import Image, ImageOps

DEPTH = "secateur_bits"
"""Key in an image's `info` for the bits a channel had where Pillow cuts them while it decodes."""
FRAMES = "secateur_frames"
"""Key for the number of pictures in the file, where it holds several."""

_ORIENTATION = 0x0112


class Remark(Enum):
    """One thing that was done to an image, as the end of a sentence: `3 of 40 images …`."""

    TURNED = "turned upright, as their EXIF orientation says"
    CUT_TO_8_BITS = "reduced from 16 bits to the upper 8"
    CLIPPED = "of floating-point or 32-bit pixels, clipped to 0…255"
    WITHOUT_ALPHA = "transparent in part: transparency is dropped, the colours under it are kept"
    FIRST_FRAME = "the first of several pictures in one file"
    COLOURED = "grey, and repeated in three channels"
    GREYED = "in colour, and made grey"
    BORDERED = "smaller than the cut, and surrounded by black"


class Remarks:
    """The remarks on the images of a data set, by number of the sample. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._read: set[int] = set()
        self._found: dict[Remark, set[int]] = {}

    def note(self, sample: int, remarks: Iterable[Remark]) -> None:
        """That `sample` was read, and what was done to it."""
        with self._lock:
            self._read.add(sample)
            for remark in remarks:
                self._found.setdefault(remark, set()).add(sample)

    def sentences(self) -> tuple[str, ...]:
        """One sentence for each thing that was done to images read so far."""
        with self._lock:
            counts = {remark: len(self._found.get(remark, ())) for remark in Remark}
            read = len(self._read)
        return tuple(_sentence(remark, count, read) for remark, count in counts.items() if count)


def _sentence(remark: Remark, count: int, read: int) -> str:
    if read == 1:
        return f"The image read so far is {remark.value}."
    which = f"All {read:,} images" if count == read else f"{count:,} of {read:,} images"
    return f"{which} read so far {'is' if count == 1 else 'are'} {remark.value}."


def upright(image: Image.Image) -> tuple[Image.Image, tuple[Remark, ...]]:
    """The image as a person sees it, with 8 bits a channel: mode L, LA, P, RGB, RGBA or another of 8 bits."""
    remarks = []
    if image.getexif().get(_ORIENTATION, 1) not in (0, 1):
        image = ImageOps.exif_transpose(image)
        remarks.append(Remark.TURNED)
    if image.info.get(FRAMES, 1) > 1:
        remarks.append(Remark.FIRST_FRAME)
    if image.info.get(DEPTH, 8) > 8:
        remarks.append(Remark.CUT_TO_8_BITS)
    if image.mode.startswith("I;16"):
        remarks.append(Remark.CUT_TO_8_BITS)
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    elif image.mode in {"I", "F"}:
        image, remark = _narrowed(image)
        remarks += [remark] if remark else []
    return image, tuple(remarks)


def _narrowed(image: Image.Image) -> tuple[Image.Image, Remark | None]:
    """32-bit pixels as 8 bits: as they are where they fit, 16-bit ones by their upper half, others clipped."""
    values = np.asarray(image)
    if np.issubdtype(values.dtype, np.integer) and 255 < values.max() <= 65_535 and values.min() >= 0:
        return Image.fromarray((values >> 8).astype(np.uint8)), Remark.CUT_TO_8_BITS
    narrow = np.clip(np.rint(np.nan_to_num(values)), 0, 255).astype(np.uint8)
    return Image.fromarray(narrow), None if np.array_equal(narrow, values) else Remark.CLIPPED


def in_channels(image: Image.Image, is_colour: bool) -> tuple[Image.Image, tuple[Remark, ...]]:
    """An upright image as RGB or L."""
    remarks = []
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        remarks.append(Remark.WITHOUT_ALPHA)
    is_grey = image.mode in {"1", "L", "LA", "La"}
    if is_colour and is_grey:
        remarks.append(Remark.COLOURED)
    if not is_colour and not is_grey and not _is_grey_inside(image):
        remarks.append(Remark.GREYED)
    return image.convert("RGB" if is_colour else "L"), tuple(remarks)


def _is_grey_inside(image: Image.Image) -> bool:
    """Whether an image with colours uses none of them: its channels are equal."""
    pixels = np.asarray(image.convert("RGB"))
    return bool((pixels[..., :1] == pixels).all())
