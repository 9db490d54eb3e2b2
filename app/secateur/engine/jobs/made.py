"""What a run made of every layer: what was done, how its weight is stored, what that was known to cost."""

from typing import TYPE_CHECKING

from secateur.engine.workshop import Bench
from secateur.graph.factors import parts_of
from secateur.graph.network import Model
from secateur.methods.offers import Option
from secateur.model.description import Layer
from secateur.model.run_details import MadeLayer
from secateur.recipe.resolve import Plan

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset

Damage = tuple[float, str, int]
"""Error ÷ weight, its unit, and of how many samples."""


def made_layers(plan: Plan, bench: Bench, model: Model, data: "Dataset | None" = None) -> tuple[MadeLayer, ...]:
    """Every weighted layer of the opened model, in network order. Damage is what was measured before, if it was."""
    from secateur.formats.reading import describe

    after = {layer.name: layer for layer in describe(model).layers}
    damages = _damages(plan, bench, data) if data is not None else {}
    done: dict[str, dict[str, None]] = {}
    for step in plan.steps:
        if step.method.training_epochs:
            continue  # it is about the network as a whole
        for name in step.layers:
            done.setdefault(name, {})[step.method.badge()] = None
    return tuple(
        _made(layer, after, model, tuple(done.get(layer.name, ())), damages.get(layer.name))
        for layer in bench.description.weighted_layers
    )


def _made(
    before: Layer, after: dict[str, Layer], model: Model, done: tuple[str, ...], damage: Damage | None
) -> MadeLayer:
    left = [after[name] for name in parts_of(before.name, after)]
    encodings = [found for layer in left if (found := model.encodings.weights.get(layer.name)) is not None]
    weight = left[0].weight if left and left[0].weight is not None else before.weight
    bits = encodings[0].bits if encodings else _float_bits(weight.dtype if weight is not None else "float32")
    value, unit, samples = damage or (None, "", 0)
    return MadeLayer(
        layer=before.name,
        kind=before.kind,
        done=done,
        bits=bits,
        stored=encodings[0].words if encodings else "float",
        shape_before=before.weight.shape if before.weight is not None else (),
        shape_after=weight.shape if weight is not None else (),
        damage=value,
        damage_unit=unit,
        damage_samples=samples,
    )


def _float_bits(dtype: str) -> int:
    return {"float16": 16, "bfloat16": 16, "float64": 64}.get(dtype, 32)


def _damages(plan: Plan, bench: Bench, data: "Dataset") -> dict[str, Damage]:
    """What is kept of measurements of what the plan does, layer by layer: the sum where it does several things."""
    from secateur.engine.measurements import MeasurementStore, Subject, data_key, model_key

    store, key = MeasurementStore(), model_key(bench.description)
    if not store.has(key):
        return {}
    subject, found = Subject(key, data_key(data)), dict[str, Damage]()
    for number, step in enumerate(plan.steps):
        if step.method.training_epochs:
            continue
        known = store.find(subject, [Option(f"step {number}", "", "", step.method)])
        for cell, tallies in known.items():
            if cell.layer not in step.layers:
                continue
            error, weight, samples, end = 0.0, 0.0, 0, 0
            for span, tally in sorted(tallies.items()):
                if span.start >= end:  # batches of another size may lie across those of before
                    error, weight, samples, end = (
                        error + tally.error,
                        weight + tally.weight,
                        samples + tally.samples,
                        span.stop,
                    )
            value, _, others = found.get(cell.layer, (0.0, "", samples))
            unit = next(iter(tallies.values())).unit
            found[cell.layer] = (value + (error / weight if weight else 0.0), unit, min(others, samples))
    return found
