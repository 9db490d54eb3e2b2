"""Measured sensitivity: swap one layer for its option, run the rest of the network from cached activations.

Each batch is run once with every intermediate result kept; a cell then recomputes only the nodes that depend
on its layer. Damage is the mean KL divergence of the network's answers before and after.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from secateur.analysis.documents import SensitivityRow, SensitivityTable
from secateur.analysis.free import cost_row
from secateur.analysis.metrics import GUESSES, answers_warning, metric_of, output_damage
from secateur.data.metrics import kind_of
from secateur.errors import UserError
from secateur.methods.base import WeightMethod
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import Layer
from secateur.model.spectrum import Spectra
from secateur.recipe.options import Option

if TYPE_CHECKING:
    import torch
    from torch import fx

    from secateur.data.dataset import Dataset
    from secateur.model.model import TorchModel

BATCH = 64
CACHE_BYTES = 2_000_000_000
"""Intermediate results held at once; more samples than fit are measured in several passes."""


@dataclass(frozen=True)
class Change:
    """One cell's change of a layer: its new weight, and whether its input is rounded to 8 bits."""

    weight: "torch.Tensor"
    quantizes_input: bool


class CachedNetwork:
    """A graph with all results of one batch, from which any layer can be changed and the rest re-run."""

    def __init__(self, graph: "fx.GraphModule", batch: "torch.Tensor") -> None:
        import torch
        from torch import fx

        self.graph = graph
        self.nodes = list(graph.graph.nodes)
        self.interpreter = fx.Interpreter(graph, garbage_collect_values=False)
        with torch.inference_mode():
            self.reference = _first(self.interpreter.run(batch))
        self.results: dict[Any, Any] = dict(self.interpreter.env)
        tensors = [value for value in self.results.values() if isinstance(value, torch.Tensor)]
        self.size_bytes = sum(value.numel() * value.element_size() for value in tensors)

    def output_with(self, layer: str, change: Change) -> "torch.Tensor":
        """The network's first output for the batch with one layer changed; nothing is kept of the change."""
        import torch
        from torch import fx

        module = self.graph.get_submodule(layer)
        original = module.weight
        stale: set[fx.Node] = set()
        env = dict(self.results)
        self.interpreter.env = env
        try:
            module.weight = torch.nn.Parameter(change.weight, requires_grad=False)
            with torch.inference_mode():
                for node in self.nodes:
                    own = node.op == "call_module" and node.target == layer
                    if not own and not any(source in stale for source in node.all_input_nodes):
                        continue
                    stale.add(node)
                    if own and change.quantizes_input:
                        source = node.all_input_nodes[0]
                        env[source], kept = _rounded_to_8_bits(env[source]), env[source]
                        env[node] = self.interpreter.run_node(node)
                        env[source] = kept
                    else:
                        env[node] = self.interpreter.run_node(node)
                    if node.op == "output":
                        return _first(env[node])
        finally:
            module.weight = original
        return self.reference


def _first(output: Any) -> "torch.Tensor":
    from secateur.model.model import first_output

    result: torch.Tensor = first_output(output)
    return result


def _rounded_to_8_bits(values: "torch.Tensor") -> "torch.Tensor":
    import torch

    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    scale = (high - low) / 255 or 1.0
    zero_point = round(-low / scale)
    return torch.fake_quantize_per_tensor_affine(values, scale, zero_point, 0, 255)


def changes_of(weight: Any, option: Option, channel_axis: int) -> Change:
    """What the option does to one layer's weight (float32)."""
    import torch

    from secateur.methods.quantize.weights import encode_weight

    method = option.method
    match method:
        case StaticInt8():
            changed = encode_weight(weight, 8, channel_axis, "minmax").round_trip(weight)
        case WeightOnly():
            changed = encode_weight(weight, method.bits, channel_axis, method.observer).round_trip(weight)
        case WeightMethod():
            changed = method.rewrite(weight, channel_axis)
        case _:
            raise TypeError(f"{method.id} cannot be measured one layer at a time")
    tensor = torch.from_numpy(np.ascontiguousarray(changed, dtype=np.float32))
    return Change(tensor, isinstance(method, StaticInt8))


def measure_sensitivity(
    model: "TorchModel",
    layers: Sequence[Layer],
    spectra: dict[str, Spectra],
    data: "Dataset",
    options: Sequence[Option],
    samples: int,
    progress: Callable[[int, int, str], None],
    emit: Callable[[tuple[SensitivityRow, ...]], None],
) -> SensitivityTable:
    """Measure every option of every layer on `samples` calibration samples; rows are emitted layer by layer.

    `model` is a lowered graph whose layers have the names of `layers`; it is not changed.
    """
    import torch

    begun = time.monotonic()
    cells = [(layer, option) for layer in layers for option in options if not option.method.supports(layer)]
    changes = _Changes(model)
    answers = _Answers({(layer.name, option.id): [] for layer, option in cells}, [], [])
    chunks = _chunks(model, data, samples)
    rows: list[SensitivityRow] = []
    for part, (caches, is_last) in enumerate(chunks):
        answers.reference.extend(cache.reference for cache, _ in caches)
        answers.labels.extend(labels for _, labels in caches)
        _refuse_what_is_not_finite(answers.reference)
        for done, layer in enumerate(layers):
            for index, option in enumerate(options):
                text = f"Measuring {layer.name}, {option.id}" + (f" (part {part + 1})" if part or not is_last else "")
                progress(done * len(options) + index, len(layers) * len(options), text)
                if (layer.name, option.id) in answers.changed:
                    change = changes.of(layer, option)
                    answers.changed[layer.name, option.id] += [c.output_with(layer.name, change) for c, _ in caches]
            if is_last:
                measured = tuple(_measured_row(layer, spectra[layer.name], o, answers, data.metric) for o in options)
                rows += measured
                emit(measured)
    reference = torch.cat(answers.reference)
    return SensitivityTable(
        depth="measure",
        metric=data.metric,
        unit="nats" if reference.ndim == 2 and reference.shape[1] > 1 else "relative error",
        samples=len(reference),
        seconds=time.monotonic() - begun,
        rank_correlation=None,
        rows=tuple(rows),
    )


def _refuse_what_is_not_finite(reference: "list[torch.Tensor]") -> None:
    """UserError where the untouched network has no answers that a change could be held against."""
    import torch

    if warning := answers_warning(torch.cat(reference).numpy()):
        raise UserError(f"The untouched network cannot be compared with: {warning}", "Check data and preprocessing.")


@dataclass(frozen=True)
class _Answers:
    """Network outputs batch by batch: of every changed cell and of the original, with the labels."""

    changed: "dict[tuple[str, str], list[torch.Tensor]]"
    reference: "list[torch.Tensor]"
    labels: list[Any]


class _Changes:
    """Computes each cell's change when it is first needed, and keeps the weights at hand."""

    def __init__(self, model: "TorchModel") -> None:
        self.weights = model.weights()

    def of(self, layer: Layer, option: Option) -> Change:
        return changes_of(self.weights[layer.name], option, layer.channel_axis)


def _measured_row(layer: Layer, spectra: Spectra, option: Option, answers: _Answers, metric: str) -> SensitivityRow:
    import torch

    row = cost_row(layer, spectra, option)
    if row.unavailable:
        return row
    reference = torch.cat(answers.reference).numpy()
    outputs = torch.cat(answers.changed[layer.name, option.id]).numpy()
    labels = np.concatenate(answers.labels)
    damage = output_damage(reference, outputs)
    if not isfinite(damage):
        reason = "With this option the network's answers are no finite numbers."
        return row.model_copy(update={"damage": None, "measured": True, "unavailable": reason})
    before, after = _metric(metric, reference, labels), _metric(metric, outputs, labels)
    drop = kind_of(metric).gain(after, before) if before is not None and after is not None else None
    return row.model_copy(update={"damage": damage, "measured": True, "metric_drop": drop})


def _chunks(
    model: "TorchModel", data: "Dataset", samples: int
) -> "Iterator[tuple[list[tuple[CachedNetwork, Any]], bool]]":
    """Batches with their cached results, as many at a time as fit in CACHE_BYTES; whether it is the last chunk."""
    import torch

    total = min(samples, data.size("calibration"))
    chunk: list[tuple[CachedNetwork, Any]] = []
    done = held = 0
    for inputs, labels in data.batches("calibration", BATCH, total):
        if chunk and held + held // len(chunk) > CACHE_BYTES:
            yield chunk, False
            chunk, held = [], 0
        cache = CachedNetwork(model.module, torch.from_numpy(inputs))  # type: ignore[arg-type]
        chunk.append((cache, labels))
        held += cache.size_bytes
        done += len(inputs)
    yield chunk, True


def _metric(name: str, outputs: Any, labels: Any) -> float | None:
    """None where the task has no labels."""
    measured = metric_of(name, outputs, labels) if name in (*GUESSES, "mse") else None
    return measured.value if measured else None


def rank_correlation(free: SensitivityTable, measured: SensitivityTable) -> float | None:
    """Spearman's rank correlation of the two tables' damages over the cells that both have; None below 3."""
    from scipy.stats import spearmanr

    estimates = {(row.layer, row.option): row.damage for row in free.rows}
    pairs: list[tuple[float, float]] = []
    for row in measured.rows:
        estimate = estimates.get((row.layer, row.option))
        if row.damage is not None and estimate is not None:
            pairs.append((estimate, row.damage))
    if len(pairs) < 3:
        return None
    value = float(spearmanr([a for a, _ in pairs], [b for _, b in pairs]).statistic)
    return value if np.isfinite(value) else None
