"""The compression methods. Adding one is adding a file that looks like its neighbours, and its name here."""

from collections.abc import Iterable

from secateur.errors import UserError
from secateur.methods.base import Family, Method
from secateur.methods.distil.distillation import Distillation
from secateur.methods.distil.fine_tuning import FineTuning
from secateur.methods.factorize.low_rank import LowRank
from secateur.methods.offers import Handle, HandleKind, Plot
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly

METHODS: tuple[type[Method], ...] = (
    MagnitudePruning,
    ChannelPruning,
    LowRank,
    Distillation,
    FineTuning,
    WeightOnly,
    StaticInt8,
)


def method_class(name: str, where: str = "The request") -> type[Method]:
    """The method with this id; UserError lists the known ones."""
    for method in METHODS:
        if method.id == name:
            return method
    raise UserError(f"{where} names the unknown method {name!r}.", f"Known: {', '.join(m.id for m in METHODS)}.")


def first_of(family: Family) -> Method:
    """The first method of a family with its defaults: what is planned where a person asks for the family."""
    return next(method() for method in METHODS if method.family == family)


def in_integers() -> Method | None:
    """The method that has layers computed in integers, with its defaults."""
    return next((method() for method in METHODS if method.computes_in_integers), None)


def dragged_value(steps: Iterable[Method], plot: Plot, kind: HandleKind) -> float | None:
    """Where a handle stands: the value that the planned steps of a layer give its field; None where none has it."""
    for method in steps:
        for handle in method.handles:
            if (handle.plot, handle.kind) == (plot, kind):
                return float(getattr(method, handle.field))
    return None


def handle_for(plot: Plot, kind: HandleKind) -> tuple[type[Method], Handle]:
    """Which method a drag at this place of this plot is about, and which field it sets; KeyError where none is."""
    for method in METHODS:
        for handle in method.handles:
            if (handle.plot, handle.kind) == (plot, kind):
                return method, handle
    raise KeyError(f"{plot}, {kind}")
