"""The bundled sample is what the documentation promises: small, accurate, clean and the same in both forms."""

from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pytest

from secateur.data.source import DataSource
from secateur.data.sources import open_data
from secateur.model.description import Port
from secateur.resources import resource


@pytest.fixture(scope="module")
def sample():
    """The sample data as the sample network takes them."""
    return open_data(DataSource("sample:mnist"), (Port("image", "float32", (None, 1, 28, 28)),))


@pytest.fixture(scope="module")
def proto():
    import onnx

    return onnx.load(resource("sample/model.onnx"))


@pytest.fixture(scope="module")
def session():
    import onnxruntime

    return onnxruntime.InferenceSession(resource("sample/model.onnx"), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def module():
    from safetensors.torch import load_file

    spec = spec_from_file_location("sample_network", resource("sample/network.py"))
    network = module_from_spec(spec)
    spec.loader.exec_module(network)
    made = network.sample_net()
    made.load_state_dict(load_file(resource("sample/model.safetensors")), strict=True)
    return made.eval()


def test_the_sample_is_right_in_98_percent_of_the_test_images(sample, session):
    right = [
        session.run(None, {"image": batch.first})[0].argmax(1) == batch.targets for batch in sample.batches("test", 250)
    ]
    assert np.concatenate(right).mean() >= 0.98


def test_both_forms_give_the_same_logits(sample, session, module):
    import torch

    inputs = sample.batch("test", range(64)).first
    with torch.inference_mode():
        expected = module(torch.from_numpy(inputs)).numpy()
    (logits,) = session.run(None, {"image": inputs})
    assert np.abs(logits - expected).max() <= 1e-4 * np.abs(expected).max()


def test_both_forms_hold_the_same_tensors_under_the_same_names(proto, module):
    from onnx import numpy_helper

    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    for name, values in module.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            np.testing.assert_array_equal(stored[name], values.numpy())


def test_the_onnx_file_keeps_its_batch_norms(proto, module):
    from torch import nn

    operators = Counter(node.op_type for node in proto.graph.node)
    assert operators["BatchNormalization"] == sum(isinstance(m, nn.BatchNorm2d) for m in module.modules())
    assert operators["Conv"] == sum(isinstance(m, nn.Conv2d) for m in module.modules())
    assert set(operators) <= {"Conv", "BatchNormalization", "Relu", "Add", "ReduceMean", "Gemm"}


def test_the_onnx_file_takes_any_batch_size(proto):
    batch = proto.graph.input[0].type.tensor_type.shape.dim[0]
    assert batch.dim_param


def test_the_onnx_file_carries_no_trace_of_where_it_was_made(proto):
    parts = (proto, proto.graph, *proto.graph.node, *proto.graph.initializer)
    assert not any(part.doc_string or part.metadata_props for part in parts)
    assert b".py" not in proto.SerializeToString()


def test_the_whole_sample_is_below_three_megabytes():
    files = ("mnist_5k.npz", "model.onnx", "model.safetensors", "network.py", "README.md")
    assert sum(resource(f"sample/{name}").stat().st_size for name in files) < 3_000_000
