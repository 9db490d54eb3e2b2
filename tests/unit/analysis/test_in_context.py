"""A plan as a whole, and a layer changed with the others as planned."""

from typing import Any

import numpy as np
import pytest
import torch

from secateur.analysis.in_context import InContext, Nearby, changed, measure_whole
from secateur.analysis.swapping import CachedNetwork, SwappedNetwork, _rounded
from secateur.analysis.tallies import Cell, Keeper, Span, Tallies
from secateur.data.task import damage_of
from secateur.data.tasks import task_of
from secateur.formats.describing.describe import describe
from secateur.graph.context import Context
from secateur.methods.change import Lowered
from secateur.methods.facts import facts_of
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.encoding import ActivationEncoding
from secateur.recipe.options import OPTIONS

LAYERS = ("conv1", "conv2", "fc")
PLAN = {"conv1": "w4a8", "conv2": "int8", "fc": "int3"}
CHOICES = ("", "int8", "w4a8", "int4", "prune50", "rank25+int8")
SAMPLES = 40


@pytest.fixture
def layers(lowered_network: Any, noise_set: Any) -> Lowered:
    methods = [option.method for option in OPTIONS]
    return Lowered(lowered_network, LAYERS, Context(data=noise_set), methods=methods)


def of(plan: dict[str, str], layers: Lowered) -> SwappedNetwork:
    base = {layer: changed(choice, layer, layers) for layer, choice in plan.items() if choice}
    return SwappedNetwork(layers.model.module, base)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_changed_in_a_plan_answers_as_the_plan_with_it_in_that_place(
    noise_set: Any, layers: Lowered, layer: str, choice: str
) -> None:
    inputs = [torch.from_numpy(noise_set.batch("validation", range(8)).first)]
    swapped = CachedNetwork(of(PLAN, layers), inputs).outputs_with(layer, changed(choice, layer, layers))
    there = CachedNetwork(of({**PLAN, layer: choice}, layers), inputs).reference
    assert np.allclose(swapped[0], there[0], atol=1e-5)


def test_changing_layers_of_a_plan_leaves_its_results_as_they_were(noise_set: Any, layers: Lowered) -> None:
    inputs = [torch.from_numpy(noise_set.batch("validation", range(8)).first)]
    cached = CachedNetwork(of(PLAN, layers), inputs)
    before = {node: value.clone() for node, value in cached.results.items()}
    for layer in LAYERS:
        for choice in CHOICES:
            cached.outputs_with(layer, changed(choice, layer, layers))
    assert all(torch.equal(cached.results[node], value) for node, value in before.items())


class Remembering(Keeper):
    def __init__(self) -> None:
        self.kept: dict[Cell, dict[Span, Any]] = {}

    def known(self) -> Tallies:
        return self.kept

    def keep(self, found: Tallies) -> None:
        for cell, tallies in found.items():
            self.kept.setdefault(cell, {}).update(tallies)


def measuring(lowered_network: Any, noise_set: Any, keeper: Keeper, plan: dict[str, str]) -> InContext:
    known = describe(lowered_network).weighted_layers
    asked = tuple(Cell(layer, choice) for layer in LAYERS for choice in ("prune50", "prune90"))
    facts = facts_of(known, {})
    question = Nearby(known, facts, OPTIONS, SAMPLES, task_of("classification"), asked=(Cell("fc", plan["fc"]), *asked))
    return InContext(lowered_network, noise_set, question, plan, lambda done, total, text: None, keeper)


def test_the_damage_of_a_cell_in_context_is_that_of_the_whole_plan_with_it(
    lowered_network: Any, noise_set: Any
) -> None:
    plan = {"conv1": "prune75", "conv2": "", "fc": "prune50"}
    found = measuring(lowered_network, noise_set, Keeper(), plan)
    found.run(LAYERS, None)
    whole, cells = found.damages(Cell("fc", "prune50"))
    inputs = noise_set.batch("validation", range(SAMPLES)).first
    by_id = {option.id: option.method for option in OPTIONS}

    def damage(choices: dict[str, str]) -> float:
        model = lowered_network
        for layer, choice in choices.items():
            model = by_id[choice].apply(model, [layer], Context()) if choice else model
        return damage_of(noise_set.task, lowered_network.run(inputs), model.run(inputs))

    assert whole == pytest.approx(damage(plan), rel=1e-3)
    assert cells["conv2", "prune90"] == pytest.approx(damage({**plan, "conv2": "prune90"}), rel=1e-3)
    assert cells["conv1", "prune50"] == pytest.approx(damage({**plan, "conv1": "prune50"}), rel=1e-3)


def test_what_was_measured_in_context_is_not_measured_again(
    lowered_network: Any, noise_set: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, plan = Remembering(), {"conv1": "prune75", "conv2": "", "fc": "prune50"}
    first = measuring(lowered_network, noise_set, keeper, plan)
    first.run(LAYERS, None)
    again = measuring(lowered_network, noise_set, keeper, plan)
    monkeypatch.setattr(SwappedNetwork, "run_with", lambda *given: pytest.fail("measured again"))
    again.run(LAYERS, None)
    assert again.damages(Cell("fc", "prune50")) == first.damages(Cell("fc", "prune50"))


def test_a_measurement_without_time_measures_nothing(lowered_network: Any, noise_set: Any) -> None:
    found = measuring(lowered_network, noise_set, Keeper(), {"conv1": "", "conv2": "", "fc": ""})
    found.run(LAYERS, seconds=-1.0)
    assert not any(found.tallies.values())


def test_the_whole_is_measured_on_the_first_validation_samples(lowered_network: Any, noise_set: Any) -> None:
    after = MagnitudePruning(ratio=0.8).apply(lowered_network, LAYERS, Context())
    found = measure_whole(lowered_network, after, noise_set, SAMPLES, lambda done, total, text: None)
    batch = noise_set.batch("validation", range(SAMPLES))
    before, now = lowered_network.run(batch.first), after.run(batch.first)
    assert found.told.damage == pytest.approx(damage_of(noise_set.task, before, now), rel=1e-4)
    assert found.told.damage_interval is not None
    low, high = found.told.damage_interval
    assert low < found.told.damage < high
    right = [(answers.argmax(1) == batch.targets).mean() for answers in (before, now)]
    assert (found.told.before, found.told.after) == pytest.approx(tuple(right))
    assert found.told.change == pytest.approx(right[1] - right[0])
    assert found.parts.shape == (2, SAMPLES)


def test_a_network_that_is_not_changed_does_no_damage(lowered_network: Any, noise_set: Any) -> None:
    found = measure_whole(lowered_network, lowered_network, noise_set, SAMPLES, lambda done, total, text: None)
    assert found.told.damage == 0.0
    assert found.told.change == 0.0


def test_two_methods_on_a_layer_correct_what_the_last_one_does(lowered_network: Any, layers: Lowered) -> None:
    one = changed("rank25+int8", "conv2", layers)
    assert one.bias is not None
    by_itself = WeightOnly(bits=8).change("conv2", layers)
    assert by_itself.bias is not None
    own = lowered_network.module.get_submodule("conv2").bias.detach().numpy()
    assert np.abs(one.bias - own).max() < 0.1  # 8 bits move next to nothing, and what the rank takes is not corrected


@pytest.mark.parametrize("bits", [8, 16])
def test_values_are_rounded_to_the_bit_as_torch_rounds_them(bits: int) -> None:
    random = np.random.default_rng(bits)
    for scale, zero in zip(random.uniform(1e-3, 0.1, 20), random.integers(0, 2**bits, 20), strict=True):
        encoding = ActivationEncoding(float(np.float32(scale)), int(zero), bits)
        values = torch.from_numpy(random.normal(0, 3, (8, 500)).astype(np.float32))
        expected = torch.fake_quantize_per_tensor_affine(values, encoding.scale, encoding.zero_point, 0, 2**bits - 1)
        assert torch.equal(_rounded(values, encoding), expected)
