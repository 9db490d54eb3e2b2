"""Which channels of a network leave together: found once for each content of a model, and kept on the disk."""

import json
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from secateur.engine.cache import cache_file, read_cached, write_cached
from secateur.engine.reporting import Reporter
from secateur.graph.network import TorchModel
from secateur.model.description import ChannelBundle, Coupling, Couplings, ModelDescription
from secateur.recipe.recipe import Recipe

if TYPE_CHECKING:
    from secateur.engine.workshop import Bench

VERSION: Final = 1
"""Counts up when channels are followed otherwise."""


def couplings_of(bench: "Bench", reporter: Reporter) -> Couplings:
    """Those of an opened model; found now where nobody has yet, which can be cancelled."""
    if bench.couplings is None:
        bench.couplings = _kept(bench.description) or _found(bench, reporter)
    return bench.couplings


def known_couplings(bench: "Bench") -> ModelDescription:
    """The description with what was found out of its couplings before; nothing is looked for.

    Of a network that cannot be trained every layer says why its channels stay.
    """
    model = bench.description
    if not model.trainable:
        reason = f"Channels leave networks that can be trained. {model.reason}".strip()
        return model.with_couplings(Couplings({one.name: Coupling((), reason) for one in model.weighted_layers}))
    if bench.couplings is None:
        bench.couplings = _kept(model)
    return model if bench.couplings is None else model.with_couplings(bench.couplings)


def description_for(recipe: Recipe, bench: "Bench", reporter: Reporter) -> ModelDescription:
    """What a plan has to know of its model: where it takes channels away, which of them leave together."""
    model = bench.description
    if model.knows_couplings or not any(step.method.changes_widths for step in recipe.final):
        return model
    return model.with_couplings(couplings_of(bench, reporter))


def _found(bench: "Bench", reporter: Reporter) -> Couplings:
    from secateur.graph.coupling.channels import couplings

    model = bench.model
    if not isinstance(model, TorchModel):
        return Couplings({})
    reporter.progress(0, 1, "Finding out which channels leave together")
    found = couplings(model, lambda: reporter.progress(0, 1, "Finding out which channels leave together"))
    _keep(bench.description, found)
    return found


# ---------------------------------------------------------------------- kept


def _file(model: ModelDescription) -> Path | None:
    """Where they are kept: by the model's content and its inputs; None for code, whose content nobody knows."""
    return None if model.source.factory else cache_file("couplings.json", VERSION, model, f" {model.inputs}")


def _kept(model: ModelDescription) -> Couplings | None:
    path = _file(model)
    found = None if path is None else read_cached(path, _read)
    is_of_model = found is not None and set(found.layers) == {layer.name for layer in model.weighted_layers}
    return found if is_of_model else None


def _keep(model: ModelDescription, found: Couplings) -> None:
    """Where the disk refuses, they are simply found again."""
    path = _file(model)
    if path is None:
        return
    document = {
        "layers": {name: astuple(own) for name, own in found.layers.items()},
        "bundles": [astuple(bundle) for bundle in found.bundles],
    }
    write_cached(path, json.dumps(document).encode())


def _read(path: Path) -> Couplings:
    document = json.loads(path.read_text(encoding="utf-8"))

    def pairs(found: Any) -> tuple[tuple[str, int], ...]:
        return tuple((str(name), int(count)) for name, count in found)

    layers = {
        str(name): Coupling(tuple(map(str, together)), str(reason), int(block))
        for name, (together, reason, block) in document["layers"].items()
    }
    bundles = (ChannelBundle(int(n), pairs(outputs), pairs(inputs)) for n, outputs, inputs in document["bundles"])
    return Couplings(layers, tuple(bundles))
