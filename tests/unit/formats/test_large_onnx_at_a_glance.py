"""A large ONNX file is looked at without its external data, and says the same as when it is loaded."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from secateur.engine.events import Evaluated, Finished
from secateur.engine.reporting import Reporter
from secateur.engine.requests import CountSpectra, Evaluate, OpenModel
from secateur.engine.requests import DataSource as Data
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.errors import UserError
from secateur.formats.describing import glance as glances
from secateur.formats.onnx_files import glance as onnx_glance
from secateur.formats.reading import describe, open_model
from secateur.graph.onnx_large import session_in_parts
from secateur.model.counting import spectra_of
from secateur.model.description import ModelSource
from secateur.model.stored import read_values

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch, tmp_path):
    monkeypatch.setattr(glances, "LARGE", 1000)
    monkeypatch.setattr(onnx_glance, "_SMALL", 64)
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))


@pytest.fixture
def proto():
    """Convolution, a linear layer by Gemm, one by MatMul, and one whose weight the graph transposes."""
    stored = {
        "conv.weight": RANDOM.standard_normal((8, 3, 3, 3)),
        "conv.bias": RANDOM.standard_normal(8),
        "first.weight": RANDOM.standard_normal((20, 8)),
        "second.weight": RANDOM.standard_normal((20, 30)),
        "third.weight": RANDOM.standard_normal((10, 30)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "conv.weight", "conv.bias"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["a"], ["b"]),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("Gemm", ["c", "first.weight"], ["d"], transB=1),
        helper.make_node("Relu", ["d"], ["e"]),
        helper.make_node("MatMul", ["e", "second.weight"], ["f"]),
        helper.make_node("Transpose", ["third.weight"], ["third.turned"], perm=[1, 0]),
        helper.make_node("MatMul", ["f", "third.turned"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3, 12, 12])],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in stored.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.fixture
def file(proto, tmp_path):
    path = tmp_path / "net.onnx"
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    onnx.save(copy, path, save_as_external_data=True, location="net.data", size_threshold=0)
    return path


def glanced(path):
    found = glances.glance(ModelSource(str(path)))
    assert found is not None
    return found


def test_layers_are_those_of_the_loaded_network(file):
    seen, loaded = glanced(file).description, describe(open_model(ModelSource(str(file))))
    assert seen.is_deferred
    assert not loaded.is_deferred
    for ours, theirs in zip(seen.layers, loaded.layers, strict=True):
        assert (ours.name, ours.kind, ours.params, ours.macs) == (theirs.name, theirs.kind, theirs.params, theirs.macs)
        assert ours.weight.shape == theirs.weight.shape
        assert ours.channel_axis == theirs.channel_axis
        assert ours.output_shape == theirs.output_shape
    for field in ("inputs", "outputs", "trainable", "reason", "fingerprint", "source_bytes", "macs", "params"):
        assert getattr(seen, field) == getattr(loaded, field), field


def test_weights_are_found_in_the_data_file(file):
    weights, seen = open_model(ModelSource(str(file))).weights(), glanced(file)
    assert set(seen.tensors) == set(weights)
    for name, (tensor, axis) in seen.tensors.items():
        ours = spectra_of(read_values(tensor), axis)
        theirs = spectra_of(weights[name], 0)
        assert np.array_equal(ours.values.counts, theirs.values.counts)
        np.testing.assert_array_equal(ours.channel_ranges[:, 0], theirs.channel_ranges[:, 0])
        assert ours.sqnr_db(8) == pytest.approx(theirs.sqnr_db(8))


def test_small_files_are_opened_as_a_whole(file, monkeypatch):
    monkeypatch.setattr(glances, "LARGE", 1 << 29)
    assert glances.glance(ModelSource(str(file))) is None


def test_one_file_with_all_its_weights_is_opened_as_a_whole(proto, tmp_path):
    (tmp_path / "beside.bin").write_bytes(bytes(5000))
    onnx.save(proto, tmp_path / "whole.onnx")
    assert glances.glance(ModelSource(str(tmp_path / "whole.onnx"))) is None


def test_an_operator_that_stays_in_the_way_is_named_at_once(proto, tmp_path):
    proto.graph.node[4].op_type = "Mystery"
    proto.graph.node[4].domain = "some.where"
    onnx.save(proto, tmp_path / "odd.onnx", save_as_external_data=True, location="odd.data", size_threshold=0)
    seen = glanced(tmp_path / "odd.onnx").description
    assert not seen.trainable
    assert "some.where.Mystery" in seen.reason


@pytest.mark.parametrize("location", ["../net.data", "/etc/passwd", "absent.data"])
def test_external_data_elsewhere_is_refused(file, location):
    proto = onnx.load(file, load_external_data=False)
    for tensor in proto.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    file.write_bytes(proto.SerializeToString())
    with pytest.raises(UserError, match=r"outside the model's folder|which is not beside it"):
        glances.glance(ModelSource(str(file)))


def test_a_data_file_that_is_cut_short_is_one_sentence(file):
    data = file.with_name("net.data")
    data.write_bytes(data.read_bytes()[:-8])
    with pytest.raises(UserError, match="cut short"):
        glances.glance(ModelSource(str(file)))


def test_spectra_and_evaluation_need_no_loaded_network(file, monkeypatch):
    workshop, source, sent = Workshop(1), ModelSource(str(file)), []
    assert isinstance(run_job(OpenModel(source), Reporter(1, sent.append), workshop), Finished)
    monkeypatch.setattr("secateur.formats.reading.open_model", None)
    counted = run_job(CountSpectra(source), Reporter(2, sent.append), workshop)
    assert isinstance(counted, Finished), counted
    assert {row.layer for row in counted.result.table.rows} == set(glanced(file).tensors)
    evaluated = run_job(Evaluate(source, Data("random")), Reporter(3, sent.append), workshop)
    assert isinstance(evaluated, Finished), evaluated
    assert isinstance(evaluated.result, Evaluated)


def test_the_network_is_loaded_by_what_needs_it(file):
    workshop = Workshop(1)
    bench = workshop.bench(ModelSource(str(file)), Reporter(1, lambda event: None))
    assert bench.description.is_deferred
    assert bench.model.run(np.zeros((2, 3, 12, 12), np.float32)).shape == (2, 10)


def test_a_session_in_parts_gives_the_same_answers(proto):
    import onnxruntime

    proto.graph.initializer.append(numpy_helper.from_array(np.ones((600, 600), np.float32), "large"))
    proto.graph.node.append(helper.make_node("ReduceSum", ["large"], ["sum"], keepdims=0))
    proto.graph.node.append(helper.make_node("Add", ["logits", "sum"], ["shifted"]))
    proto.graph.output[0].name = "shifted"
    given = {"x": RANDOM.standard_normal((2, 3, 12, 12)).astype(np.float32)}
    before = proto.SerializeToString()
    whole = onnxruntime.InferenceSession(before, providers=["CPUExecutionProvider"])
    parts = session_in_parts(proto, onnxruntime.SessionOptions())
    np.testing.assert_array_equal(parts.run(None, given)[0], whole.run(None, given)[0])
    assert proto.SerializeToString() == before
