"""A measured cell is the damage of a network that its method changed in this one layer."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from secateur.analysis.measured import measure_sensitivity
from secateur.analysis.tallies import Question
from secateur.data.task import damage_of
from secateur.data.tasks import task_of
from secateur.formats.describing.describe import describe
from secateur.graph.context import Context
from secateur.methods.facts import facts_of
from secateur.methods.offers import Option
from secateur.methods.quantize.correction import chosen_layers, each_alone
from secateur.methods.quantize.recording import BATCH, record
from secateur.methods.quantize.rounding.moments import MomentSums
from secateur.methods.quantize.rounding.second_order import Rounder
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.documents import SensitivityTable
from secateur.recipe.options import OPTIONS

SAMPLES = 160
METHODS = (
    *(o for o in OPTIONS if not o.method.changes_widths),
    *(Option(f"int8 {o}", "Bits", "8", StaticInt8(observer=o)) for o in ("minmax", "percentile")),
)


@pytest.fixture
def question(lowered_network: Any) -> Question:
    from secateur.model.counting import spectra_of

    layers = describe(lowered_network).weighted_layers
    weights = lowered_network.weights()
    spectra = {layer.name: spectra_of(weights[layer.name], layer.channel_axis) for layer in layers}
    return Question(layers, facts_of(layers, spectra), METHODS, SAMPLES, task_of("classification"))


def rounded_by_itself(encoded: Any, model: Any, layer: str, data: Any, samples: int) -> Any:
    """An encoded model whose layer has the integers that its inputs in the float network ask for."""
    batches = list(data.batches("calibration", BATCH, samples))
    sums, module = MomentSums(model.module.get_submodule(layer), len(batches)), model.module.eval()
    hook = module.get_submodule(layer).register_forward_hook(lambda own, given, made: sums.add(given[0]))
    with torch.inference_mode():
        for batch in batches:
            module(*(torch.from_numpy(array) for array in batch.arrays))
    hook.remove()
    moments = sums.moments(centred=True)
    assert moments is not None
    encoding = encoded.encodings.weights[layer]
    found = Rounder(model.weights()[layer], encoding.axis, moments).rounded(encoding)
    encodings = encoded.encodings.with_weights({layer: found.encoding})
    return replace(encoded.with_weights({layer: found.weight}), encodings=encodings)


def applied(method: Any, model: Any, layer: str, data: Any) -> Any:
    """A method applied to a layer alone, its bias corrected by its mean input; what a network whole brings back of the
    spread besides is not in a cell."""
    context = Context(data=data)
    if method.refinement is None:
        return method.apply(model, [layer], context)
    encoded = method.unrefined().apply(model, [layer], context)
    if method.refinement.rounding == "gptq":
        encoded = rounded_by_itself(encoded, model, layer, data, method.refinement.samples)
    chosen = chosen_layers(model, [([layer], method.refinement)], context)
    assert chosen is not None
    found = record(model, context, method.refinement.samples, inputs=chosen.layers)
    return each_alone(model, encoded, chosen, found, context)


_measured: list[SensitivityTable] = []


@pytest.fixture
def table(lowered_network: Any, noise_set: Any, question: Question) -> SensitivityTable:
    """All cells, measured once for all tests: the network and the samples are always the same."""
    if not _measured:
        _measured.append(measure_sensitivity(lowered_network, noise_set, question, lambda done, total, text: None))
    return _measured[0]


@pytest.mark.parametrize("option", METHODS, ids=lambda o: o.id)
def test_the_damage_of_a_cell_is_that_of_the_method_applied_to_its_layer_alone(
    lowered_network: Any, noise_set: Any, question: Question, table: SensitivityTable, option: Option
) -> None:
    batch = noise_set.batch("validation", range(SAMPLES))
    inputs, labels = batch.first, batch.targets
    original = lowered_network.run(inputs)
    for layer in question.layers:
        alone = applied(option.method, lowered_network, layer.name, noise_set)
        answers = alone.run(inputs)
        row = table.row(layer.name, option.id)
        assert row is not None
        # a correction of next to nothing may be left out by the method; of int8 the one that is measured leaves out how
        # far rounding moves the mean of the layer's input, and biases are added in steps, long ones for few bits
        near = 3e-1 if option.method.id == "static_int8" else 2e-2
        assert row.damage == pytest.approx(damage_of(noise_set.task, original, answers), rel=near, abs=5e-8)
        assert row.damage > 0
        right = (original.argmax(1) == labels).mean() - (answers.argmax(1) == labels).mean()
        assert row.metric_drop == pytest.approx(right, abs=1e-9)


def test_progress_is_that_of_the_cells_whatever_has_to_be_found_out_for_them(
    lowered_network: Any, noise_set: Any, question: Question
) -> None:
    seen: list[tuple[int, int]] = []
    measure_sensitivity(lowered_network, noise_set, question, lambda done, total, text: seen.append((done, total)))
    assert {total for _, total in seen} == {len(question.cells) * len(question.spans)}
    assert seen == sorted(seen)


def test_int8_rounds_what_the_layer_puts_out_not_its_input_alone(lowered_network: Any, noise_set: Any) -> None:
    from secateur.methods.change import Lowered

    network = Lowered(lowered_network, ["conv1", "conv2", "fc"], Context(data=noise_set))
    assert {"r1", "c2"} <= set(METHODS[0].method.change("conv2", network).rounded)


def test_the_network_is_as_before_after_a_measurement(lowered_network: Any, noise_set: Any, question: Question) -> None:
    inputs = noise_set.batch("validation", range(SAMPLES)).first
    before = lowered_network.run(inputs)
    measure_sensitivity(lowered_network, noise_set, question, lambda done, total, text: None)
    assert np.array_equal(lowered_network.run(inputs), before)


def test_a_changed_layer_leaves_the_cached_results_as_they_were(
    lowered_network: Any, noise_set: Any, question: Question
) -> None:
    import torch

    from secateur.analysis.swapping import CachedNetwork, SwappedNetwork
    from secateur.methods.change import Lowered

    network = SwappedNetwork(lowered_network.module)
    inputs = noise_set.batch("validation", range(8)).first
    cached = CachedNetwork(network, [torch.from_numpy(inputs)])
    before = {node: value.clone() for node, value in cached.results.items()}
    layers = Lowered(lowered_network, ["conv1", "conv2", "fc"], Context(data=noise_set))
    for option in (METHODS[0], METHODS[-1], METHODS[-3]):
        for layer in ("conv1", "conv2", "fc"):
            change = option.method.change(layer, layers)
            once, again = (cached.outputs_with(layer, change)[0] for _ in range(2))
            assert np.array_equal(once, again)
    assert all(torch.equal(cached.results[node], value) for node, value in before.items())
    assert np.allclose(cached.reference[0], lowered_network.run(inputs), atol=1e-5)
