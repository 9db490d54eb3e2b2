"""From a decoded image to the numbers that a network is fed: first in uint8, then normalised.

The first half (size and channels) is what a data set caches; the second half is one multiplication, so that
several normalisations can be tried on the same cached images.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from secateur.data.presets import IMAGENET_MEAN, IMAGENET_STD, SCALE
from secateur.data.remarks import Remark, in_channels, upright
from secateur.errors import UserError
from secateur.model.description import Port

COLOUR, GREY = 3, 1
FLOAT_TYPES = ("float16", "bfloat16", "float32", "float64")

Side = Annotated[int, Field(ge=1, le=8192)]
Size = Side | tuple[Side, Side]
Pixels = NDArray[np.uint8]


class Preprocessing(BaseModel):
    """What happens to an image before the network sees it: resize, crop, then (pixel × scale − mean) / std.

    Values left open (None) are filled in from the model's input by `resolve`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    resize: Size | None = Field(
        None, title="Resize", description="Length of the shorter side in pixels, or [height, width] exactly."
    )
    crop: Size | None = Field(
        None, title="Crop", description="Side of the square cut from the middle, or [height, width]."
    )
    mean: tuple[float, ...] | None = Field(
        None, title="Mean", description="Subtracted after scaling, one value for each channel."
    )
    std: tuple[float, ...] | None = Field(
        None, title="Standard deviation", description="Divides after the mean, one value for each channel."
    )
    scale: float = Field(
        SCALE, gt=0, le=1, title="Scale", description="Multiplies the pixel values 0 to 255 first of all."
    )
    layout: Literal["nchw", "nhwc"] | None = Field(
        None, title="Layout", description="Whether channels come before the image rows or last."
    )
    dtype: Literal["float32", "float16"] | None = Field(
        None, title="Number type", description="Type of the numbers that the network is fed."
    )

    @field_validator("std")
    @classmethod
    def _divides(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and not all(part > 0 for part in value):
            raise ValueError("std must be greater than 0")
        return value

    @model_validator(mode="after")
    def _same_channels(self) -> "Preprocessing":
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) not in {GREY, COLOUR}:
                raise ValueError(f"{name} needs one value for grey or three for colour")
        if self.mean is not None and self.std is not None and len(self.mean) != len(self.std):
            raise ValueError("mean and std need as many values as each other")
        return self

    @property
    def channels(self) -> int:
        """Number of channels, once resolved: as many as there are means."""
        return len(self.mean or ())

    @property
    def size(self) -> tuple[int, int]:
        """Height and width that the network is fed, once resolved."""
        height, width = pair(self.crop or self.resize or 0)
        return height, width

    def apply_uint8(self, image: Image.Image) -> Pixels:
        """The image with the right channels and size; uint8 (height, width, channels). Only once resolved."""
        return self.apply_and_tell(image)[0]

    def apply_and_tell(self, image: Image.Image) -> tuple[Pixels, tuple[Remark, ...]]:
        """`apply_uint8` of an image as it is stored, and what had to be done to it that nobody asked for."""
        image, turned = upright(image)
        image, converted = in_channels(image, self.channels == COLOUR)
        remarks = [*turned, *converted]
        if self.resize is not None:
            image = self.resized(image)
        if self.crop is not None:
            high, wide = pair(self.crop)
            remarks += [Remark.BORDERED] if image.height < high or image.width < wide else []
            image = _cropped(image, (high, wide))
        pixels = np.asarray(image, dtype=np.uint8).reshape(image.height, image.width, self.channels)
        return pixels, tuple(remarks)

    def resized(self, image: Image.Image, how: Image.Resampling = Image.Resampling.BILINEAR) -> Image.Image:
        """The image in the size that `resize` says, before it is cut."""
        return image if self.resize is None else _resized(image, self.resize, how)

    def normalise(self, pixels: Pixels) -> NDArray[Any]:
        """uint8 (n, height, width, channels) → `dtype` in the network's layout, NCHW or NHWC."""
        mean = np.asarray(self.mean, dtype=np.float64)
        std = np.asarray(self.std, dtype=np.float64)
        gain, offset = (self.scale / std).astype(np.float32), (-mean / std).astype(np.float32)
        ordered = pixels if self.layout == "nhwc" else np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        if self.layout != "nhwc":
            gain, offset = gain[:, None, None], offset[:, None, None]
        values = ordered.astype(np.float32)
        values *= gain
        values += offset
        return values.astype(self.dtype or "float32", copy=False)

    def denormalise(self, fed: NDArray[Any]) -> Pixels:
        """The inverse of `normalise`, rounded and clipped: uint8 (n, height, width, channels)."""
        values = np.asarray(fed, dtype=np.float32)
        values = values if self.layout == "nhwc" else values.transpose(0, 2, 3, 1)
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        pixels = (values * std + mean) / np.float32(self.scale)
        return np.asarray(np.clip(np.rint(pixels), 0, 255), dtype=np.uint8)


def pair(size: Size) -> tuple[int, int]:
    """(height, width) of a size; one number is a square."""
    return (size, size) if isinstance(size, int) else size


def _resized(image: Image.Image, size: Size, how: Image.Resampling) -> Image.Image:
    """Pillow's resampling (bilinear has antialiasing); one number is the length of the shorter side."""
    if isinstance(size, int):
        shorter = min(image.size)
        wide, high = (max(1, round(side * size / shorter)) for side in image.size)
    else:
        high, wide = size
    return image if image.size == (wide, high) else image.resize((wide, high), how)


def _cropped(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle; where the image is smaller than the cut, it is surrounded by black."""
    high, wide = size
    left, top = round((image.width - wide) / 2), round((image.height - high) / 2)
    return image if image.size == (wide, high) else image.crop((left, top, left + wide, top + high))


def parse_preprocessing(values: Mapping[str, object], where: str) -> Preprocessing:
    """Preprocessing from plain values; UserError names the key that is unknown or does not fit."""
    unknown = sorted(set(values) - set(Preprocessing.model_fields))
    if unknown:
        known = ", ".join(Preprocessing.model_fields)
        raise UserError(f"{where} has the unknown preprocessing key {unknown[0]!r}.", f"Known keys: {known}.")
    try:
        return Preprocessing.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        said = f"{key} = {values[key]!r}" if key in values else "the values"
        reason = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{where}: in preprocessing, {said} cannot be used.", f"{reason}.") from None


def resolve(wanted: Preprocessing, port: Port, image_size: tuple[int, int]) -> tuple[Preprocessing, tuple[str, ...]]:
    """Everything that `wanted` leaves open, from the model's image input; and sentences on what was assumed.

    `image_size` is (height, width) of the first image: it counts where the model takes any size. UserError
    where the input is not that of an image, or where size or channels cannot fit it.
    """
    layout, channels, (high, wide) = image_input(port, wanted.layout)
    if port.dtype not in FLOAT_TYPES:
        raise UserError(
            f"The network's input {port.name} takes numbers of type {port.dtype}, and images are fed as floats.",
            "Export the network with a float32 or float16 input.",
        )
    height, width = high or image_size[0], wide or image_size[1]
    if channels is None:
        channels = len(wanted.mean or wanted.std or IMAGENET_MEAN)
    notes = []
    if None in {high, wide} and wanted.resize is None and wanted.crop is None:
        notes.append(f"The network takes images of any size: all are resized to {width} × {height}.")
    resize, crop = wanted.resize, wanted.crop
    if resize is None and crop is None:
        resize = (height, width)
        if None not in {high, wide} and (height, width) != image_size:
            notes.append(f"No size given: images are resized to {width} × {height}, whatever shape they have.")
    elif crop is None and isinstance(resize, int):
        crop = (height, width) if high and wide else resize
        cut = pair(crop)
        notes.append(f"No crop given: {cut[1]} × {cut[0]} is cut from the middle of the resized images.")
    dtype = wanted.dtype or ("float16" if port.dtype == "float16" else "float32")
    mean, std, note = _normalisation(wanted, channels, port)
    notes += [note] if note else []
    resolved = wanted.model_copy(
        update={"resize": resize, "crop": crop, "mean": mean, "std": std, "layout": layout, "dtype": dtype}
    )
    _check_size(resolved, port, (high, wide))
    return resolved, tuple(notes)


def image_input(port: Port, layout: str | None = None) -> tuple[str, int | None, tuple[int | None, int | None]]:
    """Layout, channels and (height, width) of an image input; UserError where it is none."""
    if len(port.shape) != 4:
        raise UserError(
            f"The network's input {port.name} is {shape_text(port.shape)}, which is no batch of images.",
            "Use random, or an .npz of ready float inputs.",
        )
    _, first, second, last = port.shape
    if layout is None:
        layout = "nhwc" if last in {GREY, COLOUR} and first not in {GREY, COLOUR} else "nchw"
    channels, size = (last, (first, second)) if layout == "nhwc" else (first, (second, last))
    if channels not in {GREY, COLOUR, None}:
        raise UserError(
            f"The network's input {port.name} takes {channels} channels, and images have 1 or 3.",
            "Set layout to nhwc or nchw in the preprocessing, or use an .npz of ready float inputs.",
        )
    return layout, channels, size


def _normalisation(
    wanted: Preprocessing, channels: int, port: Port
) -> tuple[tuple[float, ...], tuple[float, ...], str]:
    given = wanted.mean if wanted.mean is not None else wanted.std
    if given is not None:
        if len(given) not in {1, channels}:
            raise UserError(
                f"The preprocessing has {len(given)} means or stds, and the input {port.name} takes "
                f"{channels} channel{'s' if channels > 1 else ''}.",
                "Give one value for each channel.",
            )
        mean, std = wanted.mean or (0.0,), wanted.std or (1.0,)
        return mean * (channels // len(mean)), std * (channels // len(std)), ""
    if wanted.scale != Preprocessing().scale or channels == GREY:
        note = "" if wanted.scale != Preprocessing().scale else "No mean and std given: grey values are scaled to 0…1."
        return (0.0,) * channels, (1.0,) * channels, note
    return IMAGENET_MEAN, IMAGENET_STD, "No mean and std given: those of ImageNet are used."


def _check_size(resolved: Preprocessing, port: Port, takes: tuple[int | None, int | None]) -> None:
    for has, wants in zip(resolved.size, takes, strict=True):
        if wants is not None and has != wants:
            high, wide = resolved.size
            raise UserError(
                f"The preprocessing makes images of {wide} × {high}, and the network's input {port.name} "
                f"takes {takes[1]} × {takes[0]}.",
                "Leave resize and crop out, or make them end in the network's size.",
            )


def shape_text(shape: tuple[int | None, ...]) -> str:
    """`n × 3 × 32 × 32`; an axis of any length is `n`."""
    return " × ".join("n" if side is None else str(side) for side in shape)
