"""Static layers whose int8 kernels overflow on some processors: as uint8 around 128 their numbers are the same."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from secateur.data.batch import Batch
from secateur.formats.kinds.onnx_file import OnnxFormat, OnnxOptions
from secateur.formats.proving.arithmetic import local_proof
from secateur.graph.context import Context
from secateur.graph.network import TorchModel
from secateur.graph.onnx_layers import new_session
from secateur.graph.qdq import overflow, placing
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import Port

IMAGES = np.random.default_rng(5).uniform(0, 1, (64, 16, 6, 6)).astype(np.float32)


class Noise:
    """As much of a data set as calibration looks at."""

    def size(self, split):
        return len(IMAGES)

    def batches(self, split, count, total):
        for start in range(0, total, count):
            part = IMAGES[start : min(start + count, total)]
            yield Batch({"x": part}, np.zeros(len(part), np.int64))


class Heavy(nn.Module):
    """Weights of one sign, so that pairs of products are large."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(16, 32, 3), nn.Linear(32, 8)
        with torch.no_grad():
            for layer in (self.first, self.last):
                layer.weight.copy_(layer.weight.abs() + 0.05)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)).mean((2, 3)))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    ports = (Port("x", "float32", (None, 16, 6, 6)),), (Port("y", "float32", (None, 8)),)
    network = TorchModel("heavy", Heavy().eval(), *ports)
    return StaticInt8().apply(network, ("first", "last"), Context(data=Noise()))


def written(model, path, integers):
    OnnxFormat().write(model, path, OnnxOptions(integers=integers))
    return onnx.load(str(path))


def in_floats(proto):
    """What the operators of a file say, each by itself."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": IMAGES})[0]


def matrices(proto):
    kinds = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    return [tensor for tensor in proto.graph.initializer if len(tensor.dims) > 1 and tensor.data_type in kinds]


def test_weights_around_128_are_the_same_numbers(model, tmp_path):
    signed = written(model, tmp_path / "s.onnx", "int8")
    unsigned = written(model, tmp_path / "u.onnx", "uint8")
    assert {tensor.data_type for tensor in matrices(signed)} == {onnx.TensorProto.INT8}
    assert {tensor.data_type for tensor in matrices(unsigned)} == {onnx.TensorProto.UINT8}
    np.testing.assert_array_equal(in_floats(signed), in_floats(unsigned))


def test_a_file_around_128_is_what_was_planned_on_every_processor(model, tmp_path):
    path = tmp_path / "u.onnx"
    proto = written(model, path, "uint8")
    proof = local_proof(path, model, (IMAGES,))
    assert proof is not None
    assert not proof.layer
    exact, found = in_floats(proto), new_session(proto, 1).run(None, {"x": IMAGES})[0]
    assert np.abs(found - exact).max() < 0.02 * np.abs(exact).max()


@pytest.mark.parametrize("overflows", [False, True])
def test_which_of_them_a_file_has_follows_from_this_processor(model, tmp_path, monkeypatch, overflows):
    monkeypatch.setattr(placing, "overflows_here", lambda: overflows)
    kinds = {tensor.data_type for tensor in matrices(written(model, tmp_path / "auto.onnx", "auto"))}
    assert kinds == {onnx.TensorProto.UINT8 if overflows else onnx.TensorProto.INT8}


def test_what_is_tried_is_what_the_kernels_do():
    """A kernel that overflows shows on the network of large weights as well."""
    overflow.overflows_here.cache_clear()
    first = overflow.overflows_here()
    overflow.overflows_here.cache_clear()
    assert overflow.overflows_here() is first
