"""Which channels of a network leave together: found once for each content of a model, and kept on the disk."""

import hashlib
import json
import os
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, Final

from secateur.engine.reporting import Reporter
from secateur.engine.spectra_cache import cache_folder
from secateur.files import write_text
from secateur.graph.network import TorchModel
from secateur.model.description import ChannelBundle, Coupling, Couplings, ModelDescription
from secateur.recipe.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

    from secateur.engine.workshop import Bench

VERSION: Final = 1
"""Counts up when channels are followed otherwise."""


def couplings_of(bench: "Bench", reporter: Reporter) -> Couplings:
    """Those of an opened model; found now where nobody has yet, which can be cancelled."""
    if bench.couplings is None:
        bench.couplings = _kept(bench.description) or _found(bench, reporter)
    return bench.couplings


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


def _file(model: ModelDescription) -> "Path | None":
    """Where they are kept: by the model's content and its inputs; None for code, whose content nobody knows."""
    if model.source.factory:
        return None
    key = hashlib.sha256(f"{VERSION} {model.format} {model.fingerprint} {model.inputs}".encode()).hexdigest()
    return cache_folder() / f"couplings-{key[:40]}.json"


def _kept(model: ModelDescription) -> Couplings | None:
    path = _file(model)
    if path is None or not path.is_file():
        return None
    try:
        found = _read(json.loads(path.read_text(encoding="utf-8")))
        os.utime(path)
    except (OSError, ValueError, TypeError, KeyError):
        path.unlink(missing_ok=True)
        return None
    return found if set(found.layers) == {layer.name for layer in model.weighted_layers} else None


def _keep(model: ModelDescription, found: Couplings) -> None:
    """Where the disk refuses, they are simply found again."""
    path = _file(model)
    if path is None:
        return
    document = {
        "layers": {name: astuple(own) for name, own in found.layers.items()},
        "bundles": [astuple(bundle) for bundle in found.bundles],
    }
    try:
        write_text(path, json.dumps(document))
    except OSError as problem:
        print(f"secateur engine: couplings were not cached: {problem}")


def _read(document: Any) -> Couplings:
    def pairs(found: Any) -> tuple[tuple[str, int], ...]:
        return tuple((str(name), int(count)) for name, count in found)

    layers = {
        str(name): Coupling(tuple(map(str, together)), str(reason), int(block))
        for name, (together, reason, block) in document["layers"].items()
    }
    bundles = (ChannelBundle(int(n), pairs(outputs), pairs(inputs)) for n, outputs, inputs in document["bundles"])
    return Couplings(layers, tuple(bundles))
