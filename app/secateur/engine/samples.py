"""One sample as a network is fed: from the open data, or from a file or a text that a person gives."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.data.preprocessing import Preprocessing, image_input, resolve, shape_text
from secateur.data.preview import Shown, fed_inputs, preview, shown_of
from secateur.data.samples import IMAGE_SUFFIXES, decode, image_of
from secateur.data.source import takes_text
from secateur.data.sources import fed_dtype
from secateur.data.text.feed import TextFeed, fed_of, fixed_length, parts_of
from secateur.data.text.feed import shown_of as read_as
from secateur.data.text.tokenizer import find_tokenizer, open_tokenizer
from secateur.engine.requests import Sample
from secateur.engine.workshop import Bench
from secateur.errors import UserError
from secateur.graph.layers import example_shape
from secateur.model.description import Port
from secateur.model.maps import FedInput

if TYPE_CHECKING:
    from PIL import Image

    from secateur.data.dataset import Dataset

ARRAY_SUFFIXES: Final = (".npy", ".npz")
TEXT_SUFFIXES: Final = (".txt", ".md")
KEYS: Final = ("images", "inputs")
MOST_TOKENS: Final = 128
MOST_TEXT_BYTES: Final = 1 << 20
THUMBNAIL: Final = 40
FIRST_TEXT: Final = "Each text goes through the network by itself: what follows is of the first one."


@dataclass(frozen=True, eq=False)
class Fed:
    """What the network is fed, an array for each input, and how it is shown; `image` uint8 (h, w, 3) or None.

    `shown` is what can be read of it; `ports` as in `TakenSample.inputs`.
    """

    inputs: tuple[NDArray[Any], ...]
    title: str
    label: str = ""
    image: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()
    shown: Shown = field(default_factory=Shown)
    ports: tuple[FedInput, ...] = ()


def take_sample(sample: Sample, bench: Bench, data: "Dataset | None") -> Fed:
    """The sample for this model; UserError where it is not there, or does not fit the model's inputs."""
    if sample.text:
        return _of_text(sample.text, "typed text", bench, data)
    if sample.file:
        return _of_file(Path(sample.file), bench, data)
    if data is None:
        raise UserError("No data is open to take a sample from.", "Open data, or drop an image or an array.")
    return _of_data(sample.index, bench, data)


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture that is at most THUMBNAIL pixels wide and high: every so-and-so-many-th pixel."""
    step = max(1, -(-max(image.shape[:2]) // THUMBNAIL))
    return np.ascontiguousarray(image[::step, ::step])


def _of_data(index: int, bench: Bench, data: "Dataset") -> Fed:
    total = data.size("test")
    if not 0 <= index < total:
        raise UserError(f"There is no sample {index} in the test split.", f"It holds 0 to {total - 1}.")
    batch = data.batch("test", [index])
    label, title = data.label("test", index), f"sample {index}"
    fed = tuple(_filled(values, port) for values, port in zip(batch.arrays, bench.description.inputs, strict=True))
    shown = shown_of(data, "test", index) or Shown()
    if isinstance(data.inputs, TextFeed):
        notes = (FIRST_TEXT,) if batch.passes > 1 else ()
        return Fed(fed, title, label, None, notes, shown)
    image = preview(data, batch.first[0], label).image
    return Fed(fed, title, label, image, shown=shown, ports=() if shown.cells else fed_inputs(batch))


def _filled(fed: NDArray[Any], port: Port) -> NDArray[Any]:
    """The sample as often as a network that insists on a batch size asks for."""
    size = port.shape[0] if port.shape else None
    return np.repeat(fed, size, axis=0) if size is not None and size > 1 else fed


def _of_file(path: Path, bench: Bench, data: "Dataset | None") -> Fed:
    suffix = path.suffix.lower()
    if not path.is_file():
        raise UserError(f"There is no file {path}.", "Choose another one.")
    if suffix in IMAGE_SUFFIXES:
        return _of_image(decode(path, path.name), path.name, bench, data)
    if suffix in ARRAY_SUFFIXES:
        return _of_array(_read_array(path), path.name, bench, data)
    if suffix in TEXT_SUFFIXES:
        if path.stat().st_size > MOST_TEXT_BYTES:
            raise UserError(f"{path.name} is too long for one sample.", "Give a text of some sentences.")
        return _of_text(path.read_text(encoding="utf-8", errors="replace"), path.name, bench, data)
    raise UserError(f"{path.name} is no sample.", "Give an image, an array (.npy, .npz) or a text (.txt).")


def _only_port(bench: Bench) -> Port:
    ports = bench.description.inputs
    if len(ports) != 1:
        names = ", ".join(port.name for port in ports)
        raise UserError(f"The network takes {len(ports)} inputs ({names}), and a file is one.")
    return ports[0]


def _of_image(image: "Image.Image", name: str, bench: Bench, data: "Dataset | None") -> Fed:
    port = _only_port(bench)
    notes: tuple[str, ...] = ()
    rule = data.preprocessing if data is not None else None
    if rule is None:
        rule, notes = resolve(Preprocessing(), port, _usual_size(port, image))
    pixels = rule.apply_uint8(image)[None]
    fed = rule.normalise(pixels)
    shown = np.ascontiguousarray(np.broadcast_to(pixels[0], (*pixels.shape[1:3], 3)))
    return Fed((_filled(fed, port),), name, "", shown, notes)


def _usual_size(port: Port, image: "Image.Image") -> tuple[int, int]:
    """(height, width): the image's own where the network says what it takes, else that of the trials, not a photo's."""
    layout, _, size = image_input(port)
    if None not in size:
        return image.height, image.width
    tried = example_shape(port)
    return (tried[1], tried[2]) if layout == "nhwc" else (tried[2], tried[3])


def _read_array(path: Path) -> NDArray[Any]:
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        with found:
            key = next((key for key in KEYS if key in found.files), found.files[0] if found.files else "")
            if not key:
                raise UserError(f"{path.name} holds no array.", "Write one with numpy.savez.")
            return np.asarray(found[key])
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path.name} is damaged, or holds more than plain numbers ({error}).") from None


def _of_array(values: NDArray[Any], name: str, bench: Bench, data: "Dataset | None") -> Fed:
    from secateur.data.dataset import stretched

    port = _only_port(bench)
    takes = port.shape[1:]
    notes: tuple[str, ...] = ()
    if values.dtype.kind not in "biuf" or not values.size:
        raise UserError(f"{name} holds no numbers.", "Give an array of numbers.")
    one = values[None] if values.ndim == len(takes) else values
    if values.dtype == np.uint8 and not _fits(one.shape, takes) and 2 <= values.ndim <= 4:
        first = values[0] if values.ndim == 4 or (values.ndim == 3 and values.shape[-1] not in {1, 3, 4}) else values
        return _of_image(image_of(first), name, bench, data)
    if not _fits(one.shape, takes):
        raise UserError(
            f"{name} has the shape {shape_text(values.shape)}, and the network takes {shape_text(port.shape)}.",
            "Give one sample of that shape, as the network is fed.",
        )
    if len(one) > 1:
        notes = (f"{name} holds {len(one)} samples: the first is followed.",)
    fed = one[:1].astype(fed_dtype(port))
    image = stretched(fed[0])
    shown = np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))
    return Fed((_filled(fed, port),), name, "", shown, (*notes, "The array is fed as it is, without preprocessing."))


def _fits(shape: tuple[int, ...], takes: tuple[int | None, ...]) -> bool:
    return len(shape) == len(takes) + 1 and all(
        wants is None or has == wants for has, wants in zip(shape[1:], takes, strict=True)
    )


# ---------------------------------------------------------------------- text


def _of_text(text: str, name: str, bench: Bench, data: "Dataset | None") -> Fed:
    ports = bench.description.inputs
    if not takes_text(ports):
        raise UserError("The network takes no text: its input holds no token ids.", "Give an image or an array.")
    place, length = _tokenizer_of(bench, data), fixed_length(ports)
    tokenizer = open_tokenizer(place, MOST_TOKENS)
    tokens = tokenizer.encode([text])
    count = int(tokens.mask.sum())
    if not count:
        raise UserError("The text has no tokens.", "Give a text of some words.")
    note = f"{count} tokens."
    if length is not None and length != count:
        how = "cut to" if length < count else "filled up to"
        note = f"{count} tokens, {how} the {length} that the network takes."
        tokenizer = open_tokenizer(place, MOST_TOKENS, length)
        tokens = tokenizer.encode([text], length)
    fed = fed_of(tokens, ports, parts_of(ports))
    shown = text if len(text) <= MOST_TOKENS else f"{text[:MOST_TOKENS]}…"
    arrays = tuple(_filled(fed[port.name], port) for port in ports)
    return Fed(arrays, name, "", None, (note,), read_as((shown,), tokenizer, tokens))


def _tokenizer_of(bench: Bench, data: "Dataset | None") -> Path:
    """The tokenizer that the data in use is read with, else the `tokenizer.json` that lies in or beside the model."""
    if data is not None and isinstance(data.inputs, TextFeed):
        return data.inputs.tokenizer.path
    source = bench.description.source
    found = find_tokenizer([Path(name) for name in (source.path, source.factory.rpartition(":")[0]) if name])
    if found is None:
        raise UserError(
            "A text needs the model's tokenizer, and no tokenizer.json lies beside the model.",
            "Give token ids as an array (.npy).",
        )
    return found
