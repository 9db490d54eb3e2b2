"""A person's own object whose items name what each input of the network is fed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.data.arrays import LABEL_KEYS
from secateur.data.dataset import Report
from secateur.data.own_code import guarded
from secateur.data.source import for_ports
from secateur.data.splits import Indices
from secateur.errors import UserError
from secateur.model.description import Port

TARGET_KEYS = (*LABEL_KEYS, "label", "target")


@dataclass(frozen=True, eq=False)
class OwnFeed:
    """Items are mappings of inputs, or (mapping, target); `keys` says which of them each port is fed."""

    items: Sequence[Any]
    name: str
    ports: tuple[Port, ...]
    keys: Mapping[str, str]

    @property
    def passes(self) -> int:
        return 1

    def __len__(self) -> int:
        return len(self.items)

    def read(self, samples: Indices) -> Mapping[str, NDArray[Any]]:
        """By port, stacked; UserError where an item lacks one, or has another shape than the first of the batch."""
        taken = [mapping_of(self.items, int(sample), self.name) for sample in samples]
        return {port.name: self._stacked(port, taken, samples) for port in self.ports}

    def _stacked(self, port: Port, taken: Sequence[Mapping[str, Any]], samples: Indices) -> NDArray[Any]:
        key = self.keys[port.name]
        found: list[NDArray[Any]] = []
        for sample, mapping in zip(samples, taken, strict=True):
            if key not in mapping:
                raise UserError(f"Item {int(sample)} of {self.name} has no {key}.", "Return it for every item.")
            try:
                found.append(np.asarray(mapping[key], dtype=np.dtype(port.dtype)))
            except (TypeError, ValueError) as error:
                raise UserError(
                    f"{key} of item {int(sample)} of {self.name} is no array ({error}).", "Return numbers."
                ) from None
            if found[-1].shape != found[0].shape:
                raise UserError(
                    f"{key} of item {int(sample)} of {self.name} has the shape {found[-1].shape}, and that of item "
                    f"{int(samples[0])} is {found[0].shape}.",
                    "Return inputs of one shape: fill short ones up.",
                )
        return np.stack(found)


def yields_mappings(items: Any, name: str) -> bool:
    """Whether the first item is a mapping, alone or with a target behind it."""
    if not (hasattr(items, "__len__") and hasattr(items, "__getitem__")) or isinstance(items, str | Mapping):
        return False
    if isinstance(items, tuple) and len(items) == 2 and not isinstance(items[0], Mapping):
        return False
    return len(items) > 0 and isinstance(_parts(guarded(name, lambda: items[0]))[0], Mapping)


def _parts(item: Any) -> tuple[Any, Any]:
    """(mapping, target) of an item; the target is None where there is none."""
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    if not isinstance(item, Mapping):
        return item, None
    key = next((key for key in TARGET_KEYS if key in item), None)
    return item, None if key is None else item[key]


def mapping_of(items: Sequence[Any], index: int, name: str) -> Mapping[str, Any]:
    """The inputs of one item; UserError where it is no mapping, or the person's code raises."""
    found, _ = _parts(guarded(f"Item {index} of {name}", lambda: items[index]))
    if not isinstance(found, Mapping):
        raise UserError(f"Item {index} of {name} is no mapping, and item 0 was one.", "Return the same for every item.")
    return found


def read_mappings(
    items: Sequence[Any], name: str, ports: tuple[Port, ...], report: Report
) -> tuple[OwnFeed, NDArray[Any] | None]:
    """The feed of an object whose items are mappings, and the targets of all of them (None where they have none).

    UserError where the keys are not the network's inputs.
    """
    first = mapping_of(items, 0, name)
    given = {key: np.asarray(value) for key, value in first.items() if key not in TARGET_KEYS}
    keys = for_ports(given, ports)
    if keys is None:
        takes = ", ".join(port.name for port in ports)
        raise UserError(
            f"{name} yields {', '.join(given) or 'nothing'}, and the network takes {takes}.",
            "Name the inputs as the network does.",
        )
    stored = getattr(items, "targets", getattr(items, "labels", None))
    if stored is not None and len(stored) == len(items):
        return OwnFeed(items, name, ports, keys), np.asarray(stored)
    found = []
    for index in range(len(items)):
        if index % 256 == 0:
            report(index, len(items), f"Reading the targets of {name}")
        _, target = _parts(guarded(f"Item {index} of {name}", lambda index=index: items[index]))  # type: ignore[misc]
        if target is None:
            return OwnFeed(items, name, ports, keys), None
        found.append(target)
    targets = np.asarray(found)
    if targets.dtype.kind not in "biuf":
        raise UserError(f"The targets of {name} are of type {targets.dtype}, not numbers.", "Give numbers.")
    return OwnFeed(items, name, ports, keys), targets
