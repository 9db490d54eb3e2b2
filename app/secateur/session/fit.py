"""Whether the data of one model could serve another, told from descriptions alone: nothing is opened for it."""

from collections.abc import Mapping
from typing import Literal

from secateur.data.presets import Size
from secateur.data.source import for_ports, takes_text
from secateur.model.description import ModelDescription, Port
from secateur.model.documents import DataDescription

Shape = tuple[int | None, ...]
Kind = Literal["images", "text", "numbers"]
"""What a network is fed of data."""


def why_not_for(data: DataDescription, model: ModelDescription) -> str:
    """Why this data cannot be that of the model, as a sentence; empty where it may be."""
    if len(model.inputs) != max(1, len(data.inputs)):
        feeds = "one" if len(data.inputs) < 2 else str(len(data.inputs))
        takes = f"{len(model.inputs)} input{'' if len(model.inputs) == 1 else 's'}"
        return f"the network takes {takes}, and the data feeds {feeds}."
    if not data.preprocessing:  # ready inputs are fed as they are
        fed = {port.name: port for port in data.inputs or (Port("", "float32", (None,)),)}
        names = for_ports(fed, model.inputs) or {}
        pairs = [(fed[names[port.name]], port) for port in model.inputs if port.name in names]
        return next((reason for ours, theirs in pairs if (reason := _why_not_fed(_sample(ours), _sample(theirs)))), "")
    wanted = _sample(model.inputs[0])
    if len(wanted) != 3:
        return f"it holds images, and the network takes {_words(wanted)}."
    outputs = _outputs(model)
    if data.task == "classification" and outputs is not None and len(data.classes) > outputs:
        return f"it has {len(data.classes):,} classes, and the network {outputs:,} outputs."
    channels = _channels(wanted, None)
    if channels not in (1, 3, None):
        return f"it holds images, and the network takes {channels} channels."
    return ""


def _why_not_fed(fed: Shape, wanted: Shape) -> str:
    fits = len(fed) == len(wanted) and all(b is None or a == b for a, b in zip(fed, wanted, strict=True))
    return "" if fits or not wanted else f"it feeds {_words(fed)}, and the network takes {_words(wanted)}."


def what_would_change(data: DataDescription, model: ModelDescription) -> tuple[str, ...]:
    """Sentences on how the data would be prepared otherwise for this model, and what speaks against it."""
    sentences: list[str] = []
    fed, wanted = _sample(data.inputs[0]) if data.inputs else (), _sample(model.inputs[0]) if model.inputs else ()
    if data.preprocessing and len(fed) == len(wanted) == 3:
        layout = str(data.preprocessing.get("layout", "nchw"))
        before, after = _channels(fed, layout), _channels(wanted, None)
        if before != after and after is not None:
            sentences.append(f"Its images would be turned from {before} to {after} channel{'s' if after != 1 else ''}.")
        sizes = _size(fed, layout), _size(wanted, None)
        if None not in sizes[1] and sizes[0] != sizes[1]:
            sentences.append(f"Its images would be resized from {_size_words(sizes[0])} to {_size_words(sizes[1])}.")
    outputs = _outputs(model)
    if data.task == "classification" and outputs is not None and len(data.classes) < outputs:
        sentences.append(f"It has {len(data.classes):,} classes, and the network {outputs:,} outputs.")
    return tuple(sentences)


def kind_of_input(model: ModelDescription) -> Kind:
    """What the network takes, by its ports: token numbers, images, or rows of numbers."""
    if takes_text(model.inputs):
        return "text"
    return "images" if model.inputs and len(_sample(model.inputs[0])) == 3 else "numbers"


def image_shape(model: ModelDescription) -> tuple[int | None, Size]:
    """(channels, (height, width)) that the model takes as an image; None for what it leaves open, or is no image."""
    sample = _sample(model.inputs[0]) if len(model.inputs) == 1 else ()
    if len(sample) != 3:
        return None, (None, None)
    high, wide = _size(sample, None)
    return _channels(sample, None), (high, wide)


def kept_preprocessing(
    used: Mapping[str, object], model: ModelDescription | None, path: str
) -> tuple[dict[str, object], tuple[str, ...]]:
    """What of the preprocessing in use fits the data at `path` too, and sentences about what does not.

    A source that says itself how it is prepared is left alone. Mean, standard deviation and scale belong to the
    network and stay; a size stays where the network takes no other, for else it was the earlier data's.
    """
    if path == "random" or path.startswith("sample:") or path.lower().endswith((".yaml", ".yml")):
        return {}, ("The data says itself how it is prepared.",) if used else ()
    channels, size = image_shape(model) if model is not None else (None, (None, None))
    kept, told = dict(used), []
    sizes = [key for key in ("resize", "crop") if kept.get(key) is not None]
    if sizes and None in size:
        for key in sizes:
            del kept[key]
        told.append("The size was that of the earlier data, and is left out.")
    for key in ("mean", "std"):
        values = kept.get(key)
        if isinstance(values, list | tuple) and channels is not None and len(values) not in (1, channels):
            del kept[key]
            told.append(f"The earlier {key} has {len(values)} values for {channels} channels, and is left out.")
    return kept, tuple(told)


def _sample(port: Port) -> Shape:
    """The shape of one sample."""
    return port.shape[1:]


def _outputs(model: ModelDescription) -> int | None:
    shape = model.outputs[0].shape if model.outputs else ()
    return shape[-1] if len(shape) > 1 else None


def _is_last(shape: Shape, layout: str | None) -> bool:
    """Whether channels are the last axis of an image's three."""
    return layout == "nhwc" if layout else shape[2] in (1, 3) and shape[0] not in (1, 3)


def _channels(shape: Shape, layout: str | None) -> int | None:
    return shape[2] if _is_last(shape, layout) else shape[0]


def _size(shape: Shape, layout: str | None) -> Shape:
    """(height, width)."""
    return shape[:2] if _is_last(shape, layout) else shape[1:]


def _words(shape: Shape) -> str:
    return " × ".join("any" if side is None else f"{side}" for side in shape) or "single numbers"


def _size_words(size: Shape) -> str:
    high, wide = size
    return f"{wide} × {high}"
