"""The compression methods. Adding one is adding a file that looks like its neighbours, and its name here."""

from secateur.errors import UserError
from secateur.methods.base import Method
from secateur.methods.distil.distillation import Distillation
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly

METHODS: tuple[type[Method], ...] = (MagnitudePruning, ChannelPruning, Distillation, WeightOnly, StaticInt8)


def method_class(name: str, where: str = "The request") -> type[Method]:
    """The method with this id; UserError lists the known ones."""
    for method in METHODS:
        if method.id == name:
            return method
    raise UserError(f"{where} names the unknown method {name!r}.", f"Known: {', '.join(m.id for m in METHODS)}.")
