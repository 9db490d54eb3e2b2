"""Weights of 3 and 2 bits: written, run, proven, read back; and what formats that have no such integers say."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from torch import nn

from secateur.formats import format_named
from secateur.formats.kinds.onnx_file import OnnxFormat, OnnxOptions
from secateur.formats.proving.arithmetic import local_proof
from secateur.formats.reading import open_model
from secateur.graph.context import Context
from secateur.graph.network import TorchModel
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource, Port
from secateur.model.encoding import packed_codes, unpacked_codes

CONV, LINEAR = "conv", "fc"
KINDS = {2: (TensorProto.INT2, TensorProto.UINT2), 3: (TensorProto.INT4, TensorProto.UINT4)}


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(2, 64, 3, padding=1), nn.Linear(64, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))


@pytest.fixture(scope="module")
def network() -> TorchModel:
    torch.manual_seed(0)
    ports = (Port("x", "float32", (None, 2, 6, 6)),), (Port("y", "float32", (None, 12)),)
    return TorchModel("net", Small().eval(), *ports)


def quantized(network: TorchModel, bits: int, scheme: str, size: Any, layers: tuple[str, ...]) -> TorchModel:
    made = WeightOnly(bits=bits, scheme=scheme, group_size=size).apply(network, layers, Context())
    assert isinstance(made, TorchModel)
    return made


@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
@pytest.mark.parametrize("bits", [3, 2])
@pytest.mark.parametrize(
    ("size", "layers", "form"),
    [("none", (CONV, LINEAR), "standard"), (32, (LINEAR,), "standard"), (32, (LINEAR,), "exact")],
    ids=["channels", "groups", "MatMulNBits"],
)
def test_a_file_of_few_bits_runs_is_proven_and_is_read_back(
    network: TorchModel, tmp_path: Path, bits: int, scheme: str, size: Any, layers: tuple[str, ...], form: str
) -> None:
    encoded = quantized(network, bits, scheme, size, layers)
    x = np.random.default_rng(1).standard_normal((3, 2, 6, 6)).astype(np.float32)
    path = tmp_path / "net.onnx"
    OnnxFormat().write(encoded, path, OnnxOptions(groups=form))
    proto = onnx.load(str(path))
    if form == "standard":
        kinds = {tensor.data_type for tensor in proto.graph.initializer}
        assert KINDS[bits][scheme == "affine"] in kinds
    proof = local_proof(path, encoded, (x,))
    assert proof is not None
    assert proof.is_right, proof.sentence
    expected, actual = encoded.run(x), OnnxFormat().run(path)(x)
    rounds_inputs = size != "none" and form == "standard"  # the runtime does, by itself
    assert np.abs(actual - expected).max() <= (2e-2 if rounds_inputs else 1e-5) * np.abs(expected).max()

    again = open_model(ModelSource(str(path)))
    assert isinstance(again, TorchModel) == (size != "none")  # with scales per channel it is run as the file it is
    if isinstance(again, TorchModel):
        assert np.allclose(again.run(x), expected, atol=1e-5 * np.abs(expected).max())
        assert len(np.unique(again.weights()[LINEAR][0, :32])) <= 1 << bits


@pytest.mark.parametrize("outputs", [9, 10, 11, 12])
def test_two_bits_in_groups_are_right_for_any_number_of_outputs(tmp_path: Path, outputs: int) -> None:
    torch.manual_seed(0)
    ports = (Port("x", "float32", (None, 96)),), (Port("y", "float32", (None, outputs)),)
    network = TorchModel("net", nn.Sequential(nn.Linear(96, outputs)).eval(), *ports)
    encoded = quantized(network, 2, "symmetric", 32, ("0",))
    x = np.random.default_rng(1).standard_normal((3, 96)).astype(np.float32)
    OnnxFormat().write(encoded, tmp_path / "net.onnx", OnnxOptions(groups="standard"))
    expected = encoded.run(x)
    assert np.abs(OnnxFormat().run(tmp_path / "net.onnx")(x) - expected).max() < 2e-2 * np.abs(expected).max()


def test_two_bits_take_half_the_room_of_four_and_three_take_as_much(network: TorchModel, tmp_path: Path) -> None:
    sizes = {}
    for bits in (4, 3, 2):
        path = tmp_path / f"{bits}.onnx"
        OnnxFormat().write(quantized(network, bits, "symmetric", "none", (CONV, LINEAR)), path, OnnxOptions())
        sizes[bits] = sum(
            len(tensor.raw_data) for tensor in onnx.load(str(path)).graph.initializer if tensor.data_type > 16
        )
    assert sizes[3] == sizes[4] == 2 * sizes[2]


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_codes_are_packed_and_found_again(bits: int, count: int) -> None:
    codes = np.random.default_rng(0).integers(0, 1 << bits, (3, count)).astype(np.uint8)
    packed = packed_codes(codes, bits)
    assert packed.shape == (3, -(-count * bits // 8))
    assert np.array_equal(unpacked_codes(packed, bits, count), codes)


@pytest.mark.parametrize("bits", [3, 2])
def test_gguf_stores_few_bits_in_blocks_of_four_and_says_so(network: TorchModel, tmp_path: Path, bits: int) -> None:
    pytest.importorskip("gguf")
    gguf = format_named("gguf")
    encoded = quantized(network, bits, "symmetric", 32, (LINEAR,))
    assert "blocks of 4" in gguf.losses(encoded)
    gguf.write(encoded, tmp_path / "net.gguf")
    expected = encoded.encodings.weights[LINEAR].round_trip(network.weights()[LINEAR])
    held = gguf.weights(tmp_path / "net.gguf")
    found = next(values for name, values in held.items() if name.startswith(LINEAR))
    assert np.array_equal(found, expected)
