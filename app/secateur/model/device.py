"""Where networks are computed: the CPU, or a GPU that torch can use. One choice for the life of a process.

Training, measured sensitivity and the evaluation of simulations go to the chosen device. Files are run, proven and
timed in the runtime that will ship them, which is on the CPU here, whatever is chosen.
"""

import copy
import weakref
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import torch
    from torch import nn

DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]
CHOICES: tuple[DeviceChoice, ...] = get_args(DeviceChoice)
NONE_HERE = "No GPU that torch can use was found here: everything is computed on the CPU."
TIMED_ON_CPU = "Files are run, proven and timed in their own runtime, on the CPU."


@dataclass(frozen=True)
class DeviceOffer:
    """A device of this machine under torch's name, and as a person knows it."""

    id: str
    title: str


_chosen: DeviceChoice = "auto"
_copies: "weakref.WeakKeyDictionary[nn.Module, nn.Module]" = weakref.WeakKeyDictionary()


def choose(choice: DeviceChoice) -> None:
    """From now on compute there; `auto` is a CUDA GPU where there is one, else the CPU."""
    global _chosen  # noqa: PLW0603 - one choice for the process, as torch's number of threads is
    _chosen = choice
    _copies.clear()


def offers() -> tuple[DeviceOffer, ...]:
    """What there is to choose from, the CPU first."""
    import torch

    found = [DeviceOffer("cpu", "CPU")]
    if torch.cuda.is_available():
        found.append(DeviceOffer("cuda", torch.cuda.get_device_name(0)))
    if torch.backends.mps.is_available():
        found.append(DeviceOffer("mps", "Apple GPU"))
    return tuple(found)


def current() -> DeviceOffer:
    """The device in use: the chosen one, or the CPU where that is not here."""
    known = {offer.id: offer for offer in offers()}
    wanted = "cuda" if _chosen == "auto" else _chosen
    return known.get(wanted, known["cpu"])


def torch_device() -> "torch.device":
    """The device in use, for tensors."""
    import torch

    return torch.device(current().id)


def on_device(module: "nn.Module") -> "nn.Module":
    """The module itself on the CPU, else a copy on the device, which is made once for each module."""
    device = torch_device()
    if device.type == "cpu":
        return module
    found = _copies.get(module)
    if found is None:
        found = _copies[module] = copy.deepcopy(module).to(device)
    return found


def precise() -> AbstractContextManager[None]:
    """A context in which a GPU rounds as float32 does: its short cuts would be taken for errors of a plan."""
    import torch

    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
