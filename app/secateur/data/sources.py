"""Opening data: recognises what a person named by its content, and makes a `Dataset` of it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from secateur.data.arrays import (
    INPUT_KEYS,
    LABEL_KEYS,
    NOT_FED,
    SPLIT_KEYS,
    Arrays,
    check_arrays,
    from_mapping,
    indices_of,
    read_arrays,
    read_npz,
)
from secateur.data.batch import ArrayFeed, Feed
from secateur.data.content import Content, Later
from secateur.data.dataset import Dataset, PixelCache, Report
from secateur.data.description_file import Wish, read_wish
from secateur.data.folders import Arrangement, arrange, list_archive, list_folder, open_archive
from secateur.data.labels import labels_for, scale_of
from secateur.data.masks import MaskCache, has_masks, numbering_of
from secateur.data.own_code import call_function, read_own
from secateur.data.own_mappings import read_mappings, yields_mappings
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
from secateur.data.samples import (
    ArchiveImages,
    ArrayImages,
    ArrayInputs,
    ArrayReader,
    FileImages,
    ImageReader,
    RandomInputs,
)
from secateur.data.segmented import read_masks, read_segmented
from secateur.data.source import DataSource, for_ports, is_table
from secateur.data.splits import Split, make_splits, told_splits
from secateur.data.tabular import read_tabular
from secateur.data.tasks import task_of
from secateur.data.tasks.classification import Classification
from secateur.errors import UserError
from secateur.model.description import Port
from secateur.resources import resource

SAMPLE = "sample:mnist"
SAMPLE_MEAN, SAMPLE_STD = 0.1307, 0.3081
SUPPORTED = (
    "Known data: sample:mnist, random, an image folder or a zip of one (a folder for each class, or images/ and "
    "masks/), an .npz, a table (.csv, .tsv, .jsonl, .parquet), file.py:function, or a data.yaml."
)

RANDOM_COUNT = 320
RANDOM_IMAGE_SIDE, RANDOM_LENGTH = 224, 16


def open_data(
    source: DataSource,
    inputs: tuple[Port, ...],
    seed: int = 0,
    progress: Report | None = None,
    outputs: tuple[Port, ...] = (),
    beside: tuple[Path, ...] = (),
) -> Dataset:
    """The data set that `source` names, prepared for a network with these inputs.

    Nothing is decoded yet but the first image. The same source, inputs and seed give the same splits. `outputs`
    help to tell class numbers from targets, where they are known; `beside` are the network's own files, where its
    tokenizer is looked for.
    UserError where the source is missing, damaged, foreign, or does not fit the input.
    """
    if not inputs:
        raise UserError("The network takes no input.", "Open a network that data can be fed to.")
    wish = read_wish(source)
    content = _read(wish, inputs, progress or (lambda done, total, text: None), outputs, beside)
    content = read_masks(content, wish, outputs)
    wish = replace(wish, task=wish.task or content.task, parameters={**content.parameters, **wish.parameters})
    labels = labels_for(content.name, len(content.reader), content.labels, content.classes, wish, outputs)
    task = task_of(labels.task, wish.metric, wish.own, **scale_of(labels), **wish.parameters)
    if len(labels.values) < 2:
        raise UserError(f"{content.name} holds a single sample.", "Give two samples or more.")
    splits = make_splits(
        labels.values,
        seed,
        stratify=isinstance(task, Classification),
        train=content.train,
        test=content.test,
        validation=content.validation,
    )
    sizes: dict[Split, int] = {split: len(places) for split, places in splits.items()}
    drawn = told_splits(sizes, has_test=content.test is not None, has_validation=content.validation is not None)
    dataset = Dataset(
        name=content.name,
        source=source.path,
        task=task,
        classes=labels.classes,
        labels=labels.values,
        splits=splits,
        input_name=inputs[0].name,
        notes=(*content.notes, *labels.notes),
        drawn=drawn,
        guessed=tuple(guess.sentence for guess in content.guesses),
        said={**content.said, **wish.parameters},
    )
    return _with_reader(dataset, content, wish, inputs)


def shape_of(source: DataSource, port: Port) -> tuple[int, ...] | None:
    """The shape of one sample as the data or its preprocessing states it, in the order of the network's input.

    None where it states none: files of images have all sizes, and random inputs are made to fit. `port` is the
    input whose number of channels and layout are kept.
    """
    wish = read_wish(source)
    if is_table(wish.path):
        return None
    content = _read(wish, (port,), lambda done, total, text: None)
    reader = content.reader
    if not isinstance(reader, ImageReader):
        if isinstance(reader, ArrayFeed):
            return None if content.name == "random" else next(iter(reader.readers.values())).array(0).shape
        return None if isinstance(reader, Feed | Later) else reader.array(0).shape
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


def _with_reader(dataset: Dataset, content: Content, wish: Wish, ports: tuple[Port, ...]) -> Dataset:
    reader, port = content.reader, ports[0]
    if isinstance(reader, Later):
        feed, guesses = reader.make(dataset.splits["calibration"])
        return replace(dataset, inputs=feed, guessed=(*dataset.guessed, *(guess.sentence for guess in guesses)))
    if len(ports) > 1 and not isinstance(reader, Feed):
        names = ", ".join(port.name for port in ports)
        raise UserError(
            f"The network takes {len(ports)} inputs ({names}), and {content.name} feeds one.",
            "Give an .npz with an array for each input under its name, or random.",
        )
    if not isinstance(reader, ImageReader):
        if wish.preprocessing:
            raise UserError(
                f"{content.name} holds ready inputs, fed as they are: preprocessing cannot be applied.",
                "Leave preprocessing out, or give uint8 images.",
            )
        return replace(dataset, inputs=reader if isinstance(reader, Feed) else ArrayFeed({port.name: reader}))
    stated = content.preprocessing.model_dump(exclude_defaults=True) if content.preprocessing else {}
    wanted = parse_preprocessing({**stated, **wish.preprocessing}, content.name)
    first, _ = upright(reader.image(int(dataset.splits["calibration"][0])))
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
        masks=MaskCache(content.masks, preprocessing, numbering_of(content.masks, None)) if content.masks else None,
    )


def _read(
    wish: Wish,
    ports: tuple[Port, ...],
    progress: Report,
    outputs: tuple[Port, ...] = (),
    beside: tuple[Path, ...] = (),
) -> Content:
    """What is behind the path, recognised by its content; UserError lists what is known otherwise."""
    named, path = wish.path, Path(wish.path)
    if named.startswith("sample:"):
        return _sample(named)
    if named == "random":
        return _random(ports)
    if path.is_dir():
        return _folder(path, wish, outputs)
    if not path.exists():
        return _own(named, ports, progress)
    head = _head(path)
    if is_table(named):
        return read_tabular(path, wish, ports, outputs, beside)
    if is_zipfile(path):
        archive = open_archive(path)
        members = archive.namelist()
        if members and all(name.endswith(".npy") for name in members):
            archive.close()
            return _of_mapping(path.name, read_arrays(path), ports)
        return _archive(path, archive, wish, outputs)
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


def _random(ports: tuple[Port, ...]) -> Content:
    """Random inputs of the network's shapes; lengths that it leaves open are chosen and said."""
    notes = ["Random inputs: they serve speed and agreement, not accuracy."]
    readers: dict[str, ArrayReader] = {}
    for number, port in enumerate(ports):
        free = RANDOM_IMAGE_SIDE if len(port.shape) == 4 else RANDOM_LENGTH
        shape = tuple(free if side is None else side for side in port.shape[1:])
        if None in port.shape[1:]:
            notes.append(f"Where the network takes any length, random inputs have {free}: {shape_text(shape)}.")
        readers[port.name] = RandomInputs(RANDOM_COUNT, shape, fed_dtype(port), number)
    return Content("random", ArrayFeed(readers), None, notes=tuple(dict.fromkeys(notes)))


def _arranged(name: str, reader: ImageReader, arrangement: Arrangement) -> Content:
    return Content(
        name,
        reader,
        arrangement.labels,
        arrangement.classes,
        arrangement.train,
        arrangement.test,
        arrangement.validation,
        notes=arrangement.notes,
    )


def _folder(path: Path, wish: Wish, outputs: tuple[Port, ...]) -> Content:
    listing = list_folder(path)

    def reader(places: tuple[int, ...]) -> ImageReader:
        return FileImages(tuple(path.joinpath(*listing.images[n]) for n in places))

    if has_masks(listing):
        return read_segmented(path.name, listing, reader, outputs, wish.classes, wish.task)
    arrangement = arrange(listing, str(path), wish.classes)
    return _arranged(path.name, reader(arrangement.positions), arrangement)


def _archive(path: Path, archive: ZipFile, wish: Wish, outputs: tuple[Port, ...]) -> Content:
    listing = list_archive(archive)

    def reader(places: tuple[int, ...]) -> ImageReader:
        return ArchiveImages(archive, tuple("/".join(listing.images[n]) for n in places))

    if has_masks(listing):
        return read_segmented(path.name, listing, reader, outputs, wish.classes, wish.task)
    arrangement = arrange(listing, str(path), wish.classes)
    return _arranged(path.name, reader(arrangement.positions), arrangement)


def _arrays(name: str, arrays: Arrays, port: Port) -> Content:
    dtype = fed_dtype(port).name
    return Content(
        name,
        arrays.reader(dtype),
        arrays.labels,
        arrays.classes,
        arrays.train,
        arrays.test,
        arrays.validation,
        notes=arrays.notes(dtype),
    )


def _of_mapping(name: str, content: Mapping[str, NDArray[Any]], ports: tuple[Port, ...]) -> Content:
    """Arrays under names: those of the network's inputs, or of a network with one input the usual ones."""
    names = for_ports({key: content[key] for key in content if key not in NOT_FED}, ports)
    if names is None or set(names.values()) & set(INPUT_KEYS) or (len(ports) == 1 and not set(names) & set(content)):
        return _arrays(name, from_mapping(content, name), ports[0])
    labels = next((content[key] for key in LABEL_KEYS if key in content), None)
    for key in names.values():
        check_arrays(content[key], labels, f"{key} in {name}")
    parts = {key: indices_of(content, key, len(content[names[ports[0].name]]), name) for key in SPLIT_KEYS}
    test, train = parts["test"], parts["train"]
    if test is not None and train is None:
        train = np.setdiff1d(np.arange(len(content[names[ports[0].name]])), test)
    feed = ArrayFeed({port.name: ArrayInputs(content[names[port.name]], fed_dtype(port)) for port in ports})
    classes = tuple(str(value) for value in content["classes"]) if "classes" in content else ()
    return Content(name, feed, labels, classes, train, test, parts["validation"])


def _own(named: str, ports: tuple[Port, ...], progress: Report) -> Content:
    if ".py:" not in named:
        raise UserError(f"There is no data at {named}.", SUPPORTED)
    value = call_function(named)
    if isinstance(value, dict):
        return _of_mapping(Path(named).name, {k: np.asarray(v) for k, v in value.items()}, ports)
    if yields_mappings(value, named):
        feed, targets = read_mappings(value, named, ports, progress)
        return Content(Path(named).name, feed, targets, tuple(str(c) for c in getattr(value, "classes", ())))
    reader, labels, classes = read_own(value, named, fed_dtype(ports[0]).name, progress)
    return Content(Path(named).name, reader, labels, classes)


def fed_dtype(port: Port) -> np.dtype[Any]:
    """The number type of ready inputs: the network's, or float32 where numpy has no such type."""
    try:
        return np.dtype(port.dtype)
    except TypeError:
        return np.dtype(np.float32)
