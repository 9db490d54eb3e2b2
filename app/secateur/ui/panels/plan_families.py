"""What the plan panel offers in each family: its variants (a method with its parameters) and their words."""

from collections.abc import Iterable, Sequence
from typing import Final

from secateur.methods import METHODS
from secateur.methods.base import Family, Method
from secateur.methods.offers import Variant
from secateur.model.description import Layer, ModelDescription

TITLES: Final[dict[Family, str]] = {
    "weight_pruning": "Weight pruning",
    "channel_pruning": "Channel pruning",
    "low_rank": "Low rank",
    "quantize": "Quantization",
    "distil": "Distillation",
}


def families(scope: str) -> list[Family]:
    """Families that have methods of this scope, in the order of the methods."""
    found: dict[Family, None] = {}
    for method in METHODS:
        if method.scope == scope:
            found.setdefault(method.family)
    return list(found)


def variants(family: Family) -> tuple[Variant, ...]:
    """The variants of all methods of a family; int8 first."""
    kinds = sorted((m for m in METHODS if m.family == family), key=lambda m: -m.order)
    return tuple(variant for kind in kinds for variant in kind.variants())


def summary(kind: type[Method]) -> str:
    """The first sentence of a method's help."""
    text = " ".join((kind.__doc__ or "").split())
    return text.partition(". ")[0].rstrip(".") + "."


def reason_against(method: Method, model: ModelDescription | None, layers: Sequence[Layer]) -> str:
    """Why the method works on none of `layers` of this model; empty where it works on one at least."""
    if not layers:
        return "Select a layer with weights first."
    if model is not None and (reason := method.why_not_for(model)):
        return reason
    reasons = [method.supports(layer) for layer in layers]
    return next((r for r in reasons if r), "") if all(reasons) else ""


def supported(method: Method, layers: Iterable[Layer]) -> list[str]:
    """Names of the layers that the method works on."""
    return [layer.name for layer in layers if not method.supports(layer)]
