"""OpenVINO IR: what is quantized stays integers, and the files run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secateur.errors import UserError
from secateur.formats.base import Format
from secateur.formats.proving.verify import export, size_of


@pytest.fixture
def openvino(installed: Callable[[str], Format]) -> Format:
    return installed("openvino")


def test_xml_and_bin_come_together_and_run(sample: Any, openvino: Format, sample_inputs: Any, tmp_path: Path) -> None:
    proof = export(sample, openvino, tmp_path / "net.xml", sample_inputs)
    assert proof.verified, proof.sentence
    assert {path.name for path in tmp_path.iterdir()} == {"net.xml", "net.bin"}
    assert proof.bytes == sum(map(size_of, tmp_path.iterdir()))
    assert proof.max_deviation is not None
    assert proof.max_deviation < 1e-4


def test_half_weights_halve_the_file_of_weights(sample: Any, openvino: Format, tmp_path: Path) -> None:
    whole = export(sample, openvino, tmp_path / "whole.xml")
    half = export(sample, openvino, tmp_path / "half.xml", options=openvino.options(compress_to_fp16=True))
    assert whole.verified
    assert half.verified
    ratio = size_of(tmp_path / "half.bin") / size_of(tmp_path / "whole.bin")
    assert ratio == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("form", "most"), [("int8", 0.3), ("int4", 0.2)])
def test_integers_stay_integers(
    form: str, most: float, sample: Any, openvino: Format, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    quantized = request.getfixturevalue(f"sample_{form}")
    inputs = request.getfixturevalue("sample_inputs")
    assert export(quantized, openvino, tmp_path / "small.xml", inputs).verified
    weights = sum(weight.nbytes for weight in sample.weights().values())
    assert size_of(tmp_path / "small.bin") < most * weights


def test_activations_of_16_bits_stay_float_and_the_file_agrees(
    sample: Any, openvino: Format, sample_inputs: Any, sample_data: Any, tmp_path: Path
) -> None:
    from secateur.graph.context import Context
    from secateur.methods.quantize.static_int8 import StaticInt8

    wide = StaticInt8(activation_bits=16).apply(sample, list(sample.weights()), Context(data=sample_data))
    assert "no activations of 16 bits" in openvino.losses(wide)
    proof = export(wide, openvino, tmp_path / "wide.xml", sample_inputs)
    assert proof.verified, proof.sentence


def test_another_suffix_is_a_sentence(sample: Any, openvino: Format, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no name for OpenVINO IR"):
        export(sample, openvino, tmp_path / "net.bin")


def test_an_onnx_file_that_stays_a_file_is_converted_too(sample_int8: Any, openvino: Format, tmp_path: Path) -> None:
    from secateur.formats import format_named
    from secateur.formats.reading import open_model
    from secateur.graph.network import OnnxModel
    from secateur.model.description import ModelSource

    export(sample_int8, format_named("onnx"), tmp_path / "quantized.onnx")
    model = open_model(ModelSource(str(tmp_path / "quantized.onnx")))
    assert isinstance(model, OnnxModel)
    assert export(model, openvino, tmp_path / "net.xml").verified


@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("group", ["none", 32])
@pytest.mark.parametrize(("kind", "inputs"), [("conv", 64), ("conv", 40), ("linear", 64), ("linear", 40)])
def test_what_it_says_it_holds_is_stored_and_comes_back_equal(
    kind: str, inputs: int, group: Any, bits: Any, scheme: Any, openvino: Format, tmp_path: Path
) -> None:
    import numpy as np
    import torch
    from torch import nn

    from secateur.graph.context import Context
    from secateur.graph.network import TorchModel
    from secateur.methods.quantize.weight_only import WeightOnly
    from secateur.model.description import Port

    torch.manual_seed(0)
    layer: nn.Module = nn.Conv2d(inputs, 8, 3) if kind == "conv" else nn.Linear(inputs, 8)
    extent = (6, 6) if kind == "conv" else ()
    ports = (Port("x", "float32", (None, inputs, *extent)),), (Port("y", "float32", (None, 8)),)
    model = TorchModel("net", nn.Sequential(layer, nn.Flatten()).eval(), *ports)
    encoded = WeightOnly(bits=bits, group_size=group, scheme=scheme).apply(model, ["0"], Context())
    assert isinstance(encoded, TorchModel)
    values = np.random.default_rng(0).standard_normal((2, inputs, *extent)).astype(np.float32)
    openvino.write(encoded, tmp_path / "net.xml")
    assert np.allclose(openvino.run(tmp_path / "net.xml")(values), encoded.run(values), atol=1e-5)
    shape = tuple(encoded.weights()["0"].shape)
    is_held = openvino.holds(encoded.encodings.weights["0"], shape) is None
    assert is_held == (openvino.losses(encoded) == "")
    kinds = {"u4", "i4"} if bits == 4 else {"u8", "i8"}
    text = (tmp_path / "net.xml").read_text()
    assert any(f'element_type="{kind}"' in text for kind in kinds) == is_held
