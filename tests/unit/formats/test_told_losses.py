"""What a person is told before a file is written: what is missing, what cannot be held, which sizes it takes."""

import importlib.util
from dataclasses import replace
from typing import Any

import pytest

from secateur.formats import format_named
from secateur.formats.devices.fixed_sizes import batch_size, fixed_inputs
from secateur.graph.context import Context
from secateur.graph.network import OnnxModel
from secateur.installing import install_command
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import Port

NETWORKS = ["executorch", "litert", "coreml", "ncnn"]


@pytest.mark.parametrize("name", [*NETWORKS, "gguf"])
def test_a_missing_library_is_told_with_the_command_that_installs_it(name: str, monkeypatch: Any) -> None:
    known = importlib.util.find_spec
    target = format_named(name)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda module, *rest: None if module in target.modules else known(module, *rest)
    )
    sentence = target.missing()
    assert sentence is not None
    assert sentence.endswith(install_command(name))
    assert all(module in sentence for module in target.modules)


@pytest.mark.parametrize("name", [*NETWORKS, "gguf"])
def test_a_float_network_loses_nothing(name: str, lowered_network: Any) -> None:
    target = format_named(name)
    assert target.can_write(lowered_network) is None
    assert target.losses(lowered_network) == ""


@pytest.mark.parametrize("name", NETWORKS)
def test_a_file_that_is_no_torch_network_is_refused_in_a_sentence(name: str, residual_graph: Any) -> None:
    model = OnnxModel(name="net", proto=residual_graph, inputs=(), outputs=(), reason="it has a Loop.")
    refusal = format_named(name).can_write(model)
    assert refusal is not None
    assert "it has a Loop." in refusal


@pytest.mark.parametrize("name", NETWORKS)
def test_free_axes_besides_the_batch_are_told_with_their_size(name: str, lowered_network: Any) -> None:
    free = replace(lowered_network, inputs=(Port("tokens", "float32", (None, None, 8)),))
    assert "tokens of 1 × 16 × 8" in format_named(name).losses(free)


@pytest.mark.parametrize("name", [*NETWORKS, "gguf"])
def test_what_is_encoded_and_not_held_is_told(name: str, lowered_network: Any, noise_data: Any) -> None:
    names = list(lowered_network.weights())
    static = StaticInt8(samples=16).apply(lowered_network, names, Context(data=noise_data))
    told = format_named(name).losses(static)
    assert told.endswith(".")
    assert {
        "executorch": "inputs of fc",
        "litert": "image as 8-bit integers",
        "coreml": "encodings of activations are left out",
        "ncnn": "around zero",
        "gguf": "no scales per channel",
    }[name] in told


@pytest.mark.parametrize("name", ["executorch", "litert", "ncnn"])
def test_layers_that_become_floats_again_are_named(name: str, lowered_network: Any) -> None:
    model = WeightOnly(bits=4).apply(lowered_network, ["conv1"], Context())
    assert "The weights of conv1 are stored as rounded float" in format_named(name).losses(model)


def test_few_bits_need_new_systems_of_apple(lowered_network: Any) -> None:
    model = WeightOnly(bits=4).apply(lowered_network, ["conv1"], Context())
    assert "iOS 18" in format_named("coreml").losses(model)


def test_ncnn_refuses_what_it_is_not_fed_here(lowered_network: Any) -> None:
    ncnn = format_named("ncnn")
    words = replace(lowered_network, inputs=(Port("ids", "int64", (None, 8)),))
    pair = replace(lowered_network, inputs=(Port("image", "float32", (2, 3, 12, 12)),))
    assert "takes ids as int64" in str(ncnn.can_write(words))
    assert "insists on 2" in str(ncnn.can_write(pair))


def test_fixed_inputs_have_the_batch_that_the_network_insists_on(lowered_network: Any) -> None:
    fixed = replace(lowered_network, inputs=(Port("image", "float32", (4, 3, 12, 12)),))
    assert batch_size(fixed) == 4
    assert batch_size(lowered_network) == 1
    assert [tuple(value.shape) for value in fixed_inputs(fixed)] == [(4, 3, 12, 12)]


def test_gguf_refuses_tensors_that_ggml_cannot_read(lowered_network: Any) -> None:
    import torch

    module = torch.nn.Module()
    module.register_parameter("volume", torch.nn.Parameter(torch.zeros(1, 1, 1, 1, 1)))
    assert "at most 4 axes, and volume has 5" in str(
        format_named("gguf").can_write(replace(lowered_network, module=module))
    )
    long = torch.nn.Module()
    long.register_parameter("w" * 64, torch.nn.Parameter(torch.zeros(1)))
    assert "at most 63 bytes" in str(format_named("gguf").can_write(replace(lowered_network, module=long)))
