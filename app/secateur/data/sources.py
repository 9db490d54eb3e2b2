"""Opening data: recognises what a person named by its content, and makes a `Dataset` of it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from secateur.data.arrays import Arrays, from_mapping, read_npz
from secateur.data.dataset import Dataset, PixelCache, Report
from secateur.data.description_file import METRICS, Wish, read_wish
from secateur.data.folders import Arrangement, arrange, list_archive, list_folder, open_archive
from secateur.data.labels import labels_for
from secateur.data.own_code import call_function, read_own
from secateur.data.preprocessing import (
    COLOUR,
    Preprocessing,
    image_input,
    pair,
    parse_preprocessing,
    resolve,
    shape_text,
)
from secateur.data.remarks import upright
from secateur.data.samples import ArchiveImages, ArrayImages, FileImages, ImageReader, RandomInputs, Reader
from secateur.data.source import DataSource
from secateur.data.splits import Indices, make_splits
from secateur.errors import UserError
from secateur.model.description import Port
from secateur.resources import resource

SAMPLE = "sample:mnist"
SAMPLE_MEAN, SAMPLE_STD = 0.1307, 0.3081
SUPPORTED = (
    "Known data: sample:mnist, random, an image folder or a zip of one (a folder for each class), an .npz, "
    "file.py:function, or a data.yaml."
)

RANDOM_COUNT = 320
RANDOM_IMAGE_SIDE, RANDOM_LENGTH = 224, 16


@dataclass(frozen=True, eq=False)
class Content:
    """What a source holds, before preprocessing and splits. `labels` is None where there are none."""

    name: str
    reader: Reader
    labels: NDArray[Any] | None
    classes: tuple[str, ...] = ()
    train: Indices | None = None
    test: Indices | None = None
    preprocessing: Preprocessing | None = None
    mirror: bool | None = None
    notes: tuple[str, ...] = ()


def open_data(
    source: DataSource,
    inputs: tuple[Port, ...],
    seed: int = 0,
    progress: Report | None = None,
    outputs: tuple[Port, ...] = (),
) -> Dataset:
    """The data set that `source` names, prepared for a network with these inputs.

    Nothing is decoded yet but the first image. The same source, inputs and seed give the same splits. `outputs`
    help to tell class numbers from targets, where they are known.
    UserError where the source is missing, damaged, foreign, or does not fit the input.
    """
    if len(inputs) != 1:
        names = ", ".join(port.name for port in inputs)
        raise UserError(
            f"The network takes {len(inputs)} inputs ({names}), and data feeds one.",
            "Open a network with one input.",
        )
    port = inputs[0]
    wish = read_wish(source)
    content = _read(wish, port, progress or (lambda done, total, text: None))
    labels = labels_for(content.name, len(content.reader), content.labels, content.classes, wish, outputs)
    task, values = labels.task, labels.values
    metric = wish.metric or METRICS[task][0]
    if metric not in METRICS[task]:
        raise UserError(f"The metric {metric} does not fit {task}.", f"Known: {', '.join(METRICS[task])}.")
    if len(values) < 2:
        raise UserError(f"{content.name} holds a single sample.", "Give two samples or more.")
    splits = make_splits(values, seed, stratify=task == "classification", train=content.train, test=content.test)
    dataset = Dataset(
        name=content.name,
        source=source.path,
        task=task,
        metric=metric,
        classes=labels.classes,
        labels=values,
        splits=splits,
        input_name=port.name,
        notes=(*content.notes, *labels.notes),
    )
    return _with_reader(dataset, content, wish, port)


def shape_of(source: DataSource, port: Port) -> tuple[int, ...] | None:
    """The shape of one sample as the data or its preprocessing states it, in the order of the network's input.

    None where it states none: files of images have all sizes, and random inputs are made to fit. `port` is the
    input whose number of channels and layout are kept.
    """
    wish = read_wish(source)
    content = _read(wish, port, lambda done, total, text: None)
    reader = content.reader
    if not isinstance(reader, ImageReader):
        return None if isinstance(reader, RandomInputs) else reader.array(0).shape
    stated = content.preprocessing.model_dump(exclude_defaults=True) if content.preprocessing else {}
    wanted = parse_preprocessing({**stated, **wish.preprocessing}, content.name)
    if wanted.crop is not None or wanted.resize is not None:
        high, wide = pair(wanted.crop or wanted.resize or 0)
    elif isinstance(reader, ArrayImages):
        image = reader.image(0)
        high, wide = image.height, image.width
    else:
        return None
    layout, channels, _ = image_input(port, wanted.layout)
    count = channels or COLOUR
    return (high, wide, count) if layout == "nhwc" else (count, high, wide)


def _with_reader(dataset: Dataset, content: Content, wish: Wish, port: Port) -> Dataset:
    reader = content.reader
    if not isinstance(reader, ImageReader):
        if wish.preprocessing:
            raise UserError(
                f"{content.name} holds ready inputs, fed as they are: preprocessing cannot be applied.",
                "Leave preprocessing out, or give uint8 images.",
            )
        return replace(dataset, inputs=reader)
    stated = content.preprocessing.model_dump(exclude_defaults=True) if content.preprocessing else {}
    wanted = parse_preprocessing({**stated, **wish.preprocessing}, content.name)
    first, _ = upright(reader.image(int(dataset.splits["train"][0])))
    preprocessing, notes = resolve(wanted, port, (first.height, first.width))
    mirror = wish.mirror if wish.mirror is not None else content.mirror
    if mirror is None:
        mirror = preprocessing.channels == COLOUR
    return replace(
        dataset,
        images=reader,
        preprocessing=preprocessing,
        mirror=mirror,
        notes=(*dataset.notes, *notes),
        cache=PixelCache(reader, preprocessing),
    )


def _read(wish: Wish, port: Port, progress: Report) -> Content:
    """What is behind the path, recognised by its content; UserError lists what is known otherwise."""
    named, path = wish.path, Path(wish.path)
    if named.startswith("sample:"):
        return _sample(named)
    if named == "random":
        return _random(port)
    if path.is_dir():
        listing = list_folder(path)
        arrangement = arrange(listing, str(path), wish.classes)
        files = tuple(path.joinpath(*listing.images[n]) for n in arrangement.positions)
        return _arranged(path.name, FileImages(files), arrangement)
    if not path.exists():
        return _own(named, port, progress)
    head = _head(path)
    if is_zipfile(path):
        archive = open_archive(path)
        members = archive.namelist()
        if members and all(name.endswith(".npy") for name in members):
            archive.close()
            return _arrays(path.name, read_npz(path), port)
        return _archive(path, archive, wish)
    if head.startswith(b"PK"):
        raise UserError(f"{path} is a truncated zip archive.", "Make or download it again.")
    raise UserError(f"{path} is {'empty' if not head else 'no data that can be read'}.", SUPPORTED)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from None


def _sample(named: str) -> Content:
    if named != SAMPLE:
        raise UserError(f"There is no bundled data {named!r}.", f"Use {SAMPLE}.")
    arrays = read_npz(resource("sample/mnist_5k.npz"))
    return Content(
        "MNIST-5k",
        arrays.reader("float32"),
        arrays.labels,
        preprocessing=Preprocessing(mean=(SAMPLE_MEAN,), std=(SAMPLE_STD,)),
        mirror=False,
    )


def _random(port: Port) -> Content:
    """Random inputs of the network's shape; lengths that it leaves open are chosen and said."""
    free = RANDOM_IMAGE_SIDE if len(port.shape) == 4 else RANDOM_LENGTH
    shape = tuple(free if side is None else side for side in port.shape[1:])
    notes = ["Random inputs: they serve speed and agreement, not accuracy."]
    if None in port.shape[1:]:
        notes.append(f"Where the network takes any length, random inputs have {free}: {shape_text(shape)}.")
    reader = RandomInputs(RANDOM_COUNT, shape, fed_dtype(port))
    return Content("random", reader, None, notes=tuple(notes))


def _arranged(name: str, reader: ImageReader, arrangement: Arrangement) -> Content:
    return Content(
        name,
        reader,
        arrangement.labels,
        arrangement.classes,
        arrangement.train,
        arrangement.test,
        notes=arrangement.notes,
    )


def _archive(path: Path, archive: ZipFile, wish: Wish) -> Content:
    listing = list_archive(archive)
    arrangement = arrange(listing, str(path), wish.classes)
    reader = ArchiveImages(archive, tuple("/".join(listing.images[n]) for n in arrangement.positions))
    return _arranged(path.name, reader, arrangement)


def _arrays(name: str, arrays: Arrays, port: Port) -> Content:
    dtype = fed_dtype(port).name
    return Content(
        name,
        arrays.reader(dtype),
        arrays.labels,
        arrays.classes,
        arrays.train,
        arrays.test,
        notes=arrays.notes(dtype),
    )


def _own(named: str, port: Port, progress: Report) -> Content:
    if ".py:" not in named:
        raise UserError(f"There is no data at {named}.", SUPPORTED)
    value = call_function(named)
    if isinstance(value, dict):
        return _arrays(Path(named).name, from_mapping({k: np.asarray(v) for k, v in value.items()}, named), port)
    reader, labels, classes = read_own(value, named, fed_dtype(port).name, progress)
    return Content(Path(named).name, reader, labels, classes)


def fed_dtype(port: Port) -> np.dtype[Any]:
    """The number type of ready inputs: the network's, or float32 where numpy has no such type."""
    try:
        return np.dtype(port.dtype)
    except TypeError:
        return np.dtype(np.float32)
