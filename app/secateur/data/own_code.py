"""Data from a person's own function, `file.py:dataset`: runs that file, as the person asked for.

That code may raise anything; whatever it raises is told as the one sentence that names it.
"""

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from secateur.data.arrays import Arrays, check_arrays
from secateur.data.samples import OwnImages, OwnInputs, Reader, input_of
from secateur.errors import UserError

Report = Callable[[int, int, str], None]


def load_function(reference: str) -> Any:
    """The function of `file.py:function`, or whatever stands there under that name; the file is run."""
    file, _, function = reference.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise UserError(f"There is no file {file}.", "Give file.py:function, with the path of a Python file.")
    spec = spec_from_file_location(f"secateur_data_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{file} is not a Python file.", "Give file.py:function.")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickling look the module up by name
    guarded(reference, lambda: spec.loader.exec_module(module) if spec.loader else None)
    made = getattr(module, function, None)
    if made is None:
        raise UserError(f"{file} defines no {function!r}.", "Name a function of that file, as file.py:function.")
    return made


def call_function(reference: str) -> Any:
    """What the function of `file.py:function` returns, called without arguments."""
    made = load_function(reference)
    is_data = hasattr(made, "__getitem__") and not isinstance(made, type)
    return guarded(reference, made) if callable(made) and not is_data else made


def guarded(reference: str, call: Callable[[], Any]) -> Any:
    """What `call` returns; what it raises is told as a sentence that names the person's code."""
    try:
        return call()
    except Exception as error:
        raise UserError(
            f"{reference} failed: {type(error).__name__}: {error}.",
            "Correct that code, then open the data again.",
        ) from error


def read_own(
    value: Any, name: str, dtype: str, progress: Report
) -> tuple[Reader, NDArray[Any] | None, tuple[str, ...]]:
    """Reader, labels (None where there are none) and class names of what the function returned.

    Either a pair of arrays (inputs, labels), or an object with `__len__` and `__getitem__` whose items are
    (input, label). Labels are taken from its `targets` or `labels` where it has them, else item by item.
    """
    if isinstance(value, tuple) and len(value) == 2:
        inputs, labels = np.asarray(value[0]), None if value[1] is None else np.asarray(value[1])
        check_arrays(inputs, labels, name)
        return Arrays(inputs, labels).reader(dtype), labels, ()
    if not (hasattr(value, "__len__") and hasattr(value, "__getitem__")) or isinstance(value, str | dict):
        raise UserError(
            f"{name} returned {type(value).__name__}, not data.",
            "Return (inputs, labels) as arrays, or an object with __len__ and __getitem__.",
        )
    if len(value) == 0:
        raise UserError(f"{name} is empty.", "Give two samples or more.")
    first = input_of(value, 0, name)
    array = np.asarray(first)
    is_image = isinstance(first, Image.Image) or (array.dtype == np.uint8 and array.ndim in {2, 3})
    reader: Reader = OwnImages(value, name) if is_image else OwnInputs(value, name, array.shape, np.dtype(dtype))
    return reader, _labels(value, name, progress), tuple(str(c) for c in getattr(value, "classes", ()))


def _labels(items: Any, name: str, progress: Report) -> NDArray[Any] | None:
    stored = getattr(items, "targets", getattr(items, "labels", None))
    if stored is not None and len(stored) == len(items):
        labels = np.asarray(stored)
    else:
        found = []
        for index in range(len(items)):
            if index % 256 == 0:
                progress(index, len(items), f"Reading the labels of {name}")
            item = guarded(name, lambda index=index: items[index])  # type: ignore[misc]
            if not isinstance(item, tuple | list) or len(item) < 2:
                return None
            found.append(item[1])
        labels = np.asarray(found)
    if labels.dtype.kind not in "biuf":
        raise UserError(f"The labels of {name} are of type {labels.dtype}, not numbers.", "Give numbers.")
    return labels
