"""Weights of few bits that a layer computes with in integers: their room in the file, int8 kernels in the runtime."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from secateur.data.batch import Batch
from secateur.formats.kinds.onnx_file import OnnxFormat, OnnxOptions
from secateur.formats.proving.arithmetic import local_proof
from secateur.formats.reading import open_model
from secateur.graph.context import Context
from secateur.graph.network import TorchModel
from secateur.graph.onnx_files.computed import float_layers
from secateur.graph.qdq.planes import without_planes
from secateur.graph.trainable import trainable_simulation, trained_model
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource, Port
from secateur.model.encoding import planes_bytes

LAYERS = ("first", "second", "flat")


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 40, 3, padding=1), nn.Conv2d(40, 41, 3)
        self.flat = nn.Linear(41, 37)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.flat(torch.relu(self.second(torch.relu(self.first(x)))).mean((2, 3)))


class Noise:
    """As much of a data set as calibration looks at."""

    def __init__(self) -> None:
        self.inputs = np.random.default_rng(2).standard_normal((64, 3, 6, 6)).astype(np.float32)

    def size(self, split: str) -> int:
        return len(self.inputs)

    def batches(self, split: str, count: int, total: int):
        for start in range(0, total, count):
            part = self.inputs[start : min(start + count, total)]
            yield Batch({"x": part}, np.zeros(len(part), np.int64))


@pytest.fixture(scope="module")
def network() -> TorchModel:
    torch.manual_seed(0)
    ports = (Port("x", "float32", (None, 3, 6, 6)),), (Port("y", "float32", (None, 37)),)
    return TorchModel("net", Small().eval(), *ports)


def quantized(network: TorchModel, bits: int) -> TorchModel:
    made = StaticInt8.model_validate({"weight_bits": bits}).apply(network, LAYERS, Context(data=Noise()))
    assert isinstance(made, TorchModel)
    return made


def written(model: TorchModel, path: Path, **options: str) -> onnx.ModelProto:
    OnnxFormat().write(model, path, OnnxOptions(**options))
    return onnx.load(str(path))


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7])
def test_a_layer_of_few_bits_computes_in_int8_and_takes_its_own_room(
    network: TorchModel, tmp_path: Path, bits: int
) -> None:
    encoded, path, x = quantized(network, bits), tmp_path / "net.onnx", Noise().inputs[:4]
    proto = written(encoded, path)
    onnx.checker.check_model(proto, full_check=True)
    assert float_layers(proto, LAYERS) == ()
    stored = {tensor.name: len(tensor.raw_data) for tensor in proto.graph.initializer}
    assert stored["second.weight"] == planes_bytes(41 * 40 * 9, bits)
    proof = local_proof(path, encoded, (x,))
    assert proof is not None
    assert proof.is_right, proof.sentence
    expected, actual = encoded.run(x), OnnxFormat().run(path)(x)
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()
    whole = encoded.encodings.weights["second"].quantize(encoded.weights()["second"])
    assert np.abs(whole).max() == 2 ** (bits - 1) - 1


def test_it_is_as_the_file_of_eight_bits_with_the_same_integers(network: TorchModel, tmp_path: Path) -> None:
    """Stored in int8 because somebody wants no functions in the file: the very same answers."""
    encoded, x = quantized(network, 4), Noise().inputs[:4]
    packed, plain = written(encoded, tmp_path / "a.onnx"), written(encoded, tmp_path / "b.onnx", few_bits="standard")
    assert len(packed.functions) == 2
    assert not plain.functions
    run = OnnxFormat().run
    assert np.array_equal(run(tmp_path / "a.onnx")(x), run(tmp_path / "b.onnx")(x))
    assert (tmp_path / "a.onnx").stat().st_size < 0.75 * (tmp_path / "b.onnx").stat().st_size


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_a_file_is_opened_and_written_again(network: TorchModel, tmp_path: Path, bits: int) -> None:
    encoded, path, x = quantized(network, bits), tmp_path / "net.onnx", Noise().inputs[:4]
    proto = written(encoded, path)
    assert set(without_planes(proto).bits.values()) == {bits}
    again = open_model(ModelSource(str(path)))
    assert np.abs(again.run(x) - encoded.run(x)).max() <= 0.02 * np.abs(encoded.run(x)).max()
    second = written(again, tmp_path / "again.onnx")
    assert float_layers(second, LAYERS) == ()
    assert np.array_equal(OnnxFormat().run(path)(x), OnnxFormat().run(tmp_path / "again.onnx")(x))
    assert (tmp_path / "again.onnx").stat().st_size == pytest.approx(path.stat().st_size, rel=0.05)


def test_layers_of_different_widths_and_float_ones_stand_side_by_side(network: TorchModel, tmp_path: Path) -> None:
    context, x = Context(data=Noise()), Noise().inputs[:4]
    some = StaticInt8.model_validate({"weight_bits": 4}).apply(network, ["first"], context)
    encoded = StaticInt8().apply(some, ["second"], context)
    proto = written(encoded, tmp_path / "net.onnx")
    assert float_layers(proto, ["first", "second"]) == ()
    expected, actual = encoded.run(x), OnnxFormat().run(tmp_path / "net.onnx")(x)
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()


class Between(nn.Module):
    """A layer that reads what one rounds and whose own results another one rounds."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.last = nn.Conv2d(3, 40, 3), nn.Conv2d(40, 40, 3), nn.Conv2d(40, 41, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.middle(torch.relu(self.first(x))))).mean((2, 3))


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_a_layer_whose_weights_alone_are_stored_in_few_bits_computes_in_integers_between_others(
    tmp_path: Path, bits: int
) -> None:
    torch.manual_seed(0)
    ports = (Port("x", "float32", (None, 3, 6, 6)),), (Port("y", "float32", (None, 41)),)
    network, context = TorchModel("net", Between().eval(), *ports), Context(data=Noise())
    stored = WeightOnly.model_validate({"bits": bits}).apply(network, ["middle"], context)
    encoded = StaticInt8().apply(stored, ["first", "last"], context)
    path, x = tmp_path / "net.onnx", Noise().inputs[:4]
    proto = written(encoded, path)
    assert float_layers(proto, ["first", "middle", "last"]) == ()
    proof = local_proof(path, encoded, (x,))
    assert proof is not None
    assert proof.is_right, proof.sentence
    expected, actual = encoded.run(x), OnnxFormat().run(path)(x)
    assert np.abs(actual - expected).max() <= 0.005 * np.abs(expected).max(), "a value on a border falls either way"


def test_its_training_rounds_as_its_file_does(network: TorchModel) -> None:
    encoded, x = quantized(network, 3), Noise().inputs[:8]
    simulated = trainable_simulation(encoded)
    out = simulated(torch.from_numpy(x))
    assert np.abs(out.detach().numpy() - encoded.run(x)).max() <= 0.02 * np.abs(encoded.run(x)).max()
    out.square().sum().backward()
    gradients = [p.grad for name, p in simulated.network.named_parameters() if name == "second.weight"]
    assert gradients[0] is not None
    assert gradients[0].abs().max() > 0
    kept = trained_model(encoded, simulated).encodings.weights["second"]
    assert (kept.bits, kept.in_integers) == (3, True)
