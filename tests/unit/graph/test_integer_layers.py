"""Layers in integers: sums are whole numbers, scaled and rounded as ONNX Runtime's kernels do it."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

from secateur.formats.onnx_files.writing import onnx_graph
from secateur.graph.context import Context
from secateur.graph.integer_layers import rounded
from secateur.graph.onnx_layers import new_session
from secateur.graph.simulation import executable, simulate
from secateur.methods.quantize.static_int8 import StaticInt8

LAYERS = ["conv1", "conv2", "fc"]


@pytest.fixture
def static(lowered_network: Any, noise_data: Any) -> Any:
    return StaticInt8().apply(lowered_network, LAYERS, Context(data=noise_data))


@pytest.fixture
def samples() -> Any:
    return np.random.default_rng(5).standard_normal((400, 3, 12, 12)).astype(np.float32)


def answers(module: Any, inputs: Any) -> Any:
    with torch.inference_mode():
        return module(torch.from_numpy(inputs))


def test_the_simulation_answers_as_the_file_nearly_to_the_last_bit(static: Any, samples: Any) -> None:
    session = new_session(onnx_graph(static))
    file = np.concatenate([session.run(None, {"image": part})[0] for part in np.array_split(samples, 4)])
    distances = [
        np.abs(file - answers(module, samples).numpy()).max(axis=1) / file.std()
        for module in (executable(static), simulate(static.module, static.encodings))
    ]
    apart = [(distance > 1e-5).mean() for distance in distances]
    assert apart[0] <= 0.01
    assert apart[0] <= apart[1]


def test_sums_in_float_lie_where_those_of_integers_do(static: Any, samples: Any) -> None:
    in_float = answers(simulate(static.module, static.encodings), samples)
    assert (answers(executable(static), samples) - in_float).abs().mean() < 0.01 * in_float.std()


def test_layers_keep_their_numbers_and_their_answers_are_real_ones(static: Any, samples: Any) -> None:
    in_integers, in_float = executable(static), simulate(static.module, static.encodings)
    seen: dict[str, list[Any]] = {name: [] for name in LAYERS}
    for module in (in_integers, in_float):
        for name in LAYERS:
            module.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: seen[name].append(out))
        answers(module, samples[:8])
    for name in LAYERS:
        ours, theirs = in_integers.get_submodule(name), in_float.get_submodule(name)
        assert torch.equal(ours.weight, theirs.weight)
        assert torch.equal(ours.bias, theirs.bias)
        exact, summed = seen[name]
        assert torch.allclose(exact.float(), summed, atol=2e-2 * float(summed.std()))
    assert in_integers.state_dict().keys() == in_float.state_dict().keys()


def test_a_layer_adds_whole_numbers(static: Any) -> None:
    """One of a million more or less in float32: here every sum is a multiple of input scale × weight scale."""
    layer = executable(static).get_submodule("conv2")
    scale = float(layer.input_scale)
    inputs = torch.randint(0, 256, (2, layer.in_channels, 12, 12)).float() * scale
    steps = (layer.input_scale * layer.weight_scale / layer.output_scale).reshape(1, -1, 1, 1)
    units = layer(inputs) / layer.output_scale.double()
    whole = units / steps.double()
    assert torch.allclose(whole, whole.round(), atol=1e-2)


def test_a_copy_computes_the_same(static: Any, samples: Any) -> None:
    module = executable(static)
    assert torch.equal(answers(copy.deepcopy(module), samples[:4]), answers(module, samples[:4]))


def test_a_value_between_two_steps_goes_to_the_even_one_and_what_is_beyond_the_range_to_its_end() -> None:
    values = torch.tensor([0.25, 0.75, 1.25, -0.25, 90.0, -90.0])
    expected = torch.tensor([0.0, 1.0, 1.0, -0.0, 63.5, -64.0])
    for dtype in (torch.float32, torch.float64):
        result = rounded(values.to(dtype), 0.5, 128, 0, 255)
        assert result.dtype is torch.float32
        assert torch.equal(result, expected)
