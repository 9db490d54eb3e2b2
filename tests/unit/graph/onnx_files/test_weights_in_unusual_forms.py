"""Weights that a file casts, turns, scales, cuts or ties are layers all the same, and nothing stored is lost."""

from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from secateur.analysis.cost import file_parameters
from secateur.formats.describing import glance as glances
from secateur.formats.onnx_files import glance as onnx_glance
from secateur.formats.onnx_files.writing import write_onnx
from secateur.formats.reading import describe, open_model
from secateur.graph.network import TorchModel
from secateur.graph.onnx_files.reading import read_onnx
from secateur.graph.onnx_layers import onnx_layers
from secateur.model.description import ModelSource

TYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float64": np.float64}


class Sketch:
    """A small network in the making: `now` is the tensor at its end, of shape (N, `width`)."""

    def __init__(self, width=12, seed=0):
        self.nodes, self.stored = [], {}
        self.inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", width])]
        self.now, self.width, self.count = "x", width, 0
        self.random = np.random.default_rng(seed)

    def store(self, values, name=None):
        name = name or f"stored{len(self.stored)}"
        self.stored[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def matrix(self, *shape):
        return (self.random.standard_normal(shape) * 0.4).astype(np.float32)

    def node(self, kind, inputs, **attributes):
        self.count += 1
        self.nodes.append(helper.make_node(kind, inputs, [f"t{self.count}"], f"n{self.count}", **attributes))
        return f"t{self.count}"

    def output(self):
        return helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", None])

    def save(self, path, opset=20, **options):
        self.nodes.append(helper.make_node("Identity", [self.now], ["y"]))
        graph = helper.make_graph(self.nodes, "net", self.inputs, [self.output()], list(self.stored.values()))
        onnx.save(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10), path, **options
        )
        return path


# ---------------------------------------------------------------------- forms of a stored matrix


def plain(net, values):
    return net.store(values)


def cast(dtype):
    def make(net, values):
        return net.node("Cast", [net.store(values.astype(TYPES[dtype]))], to=onnx.TensorProto.FLOAT)

    return make


def turned(net, values):
    return net.node("Transpose", [net.node("Identity", [net.store(values.T)])], perm=[1, 0])


def reshaped(net, values):
    return net.node("Reshape", [net.store(values.reshape(-1)), net.store(np.array(values.shape))])


def squeezed(net, values):
    axes = net.store(np.array([0]))
    return net.node("Squeeze", [net.node("Unsqueeze", [net.store(values), axes]), axes])


def scaled(net, values):
    return net.node("Mul", [net.store(values), net.store(np.array(0.5, np.float32))])


def joined(net, values):
    parts = [net.store(part) for part in np.split(values, [1], axis=0)]
    return net.node("Concat", parts, axis=0)


def cut(net, values):
    both = net.store(np.concatenate([values, values * 2]))
    rows = len(values)
    bounds = [net.store(np.array([bound])) for bound in (0, rows, 2 * rows)]
    first = net.node("Slice", [both, bounds[0], bounds[1]])
    second = net.node("Slice", [both, bounds[1], bounds[2]])
    return net.node("Sub", [second, first])


def half_turned(net, values):
    return net.node("Transpose", [cast("float16")(net, values.T)], perm=[1, 0])


FORMS = [plain, cast("float16"), cast("bfloat16"), cast("float64"), turned, reshaped, squeezed, scaled, joined, cut,
         half_turned]  # fmt: skip

# ---------------------------------------------------------------------- what computes with one


def gemm(net, form, width, *, alpha=1.0, beta=1.0, turned_weight=False, bias="row"):
    weight = form(net, net.matrix(*((width, net.width) if turned_weight else (net.width, width))))
    shapes = {"row": (width,), "matrix": (1, width), "number": (1,), "none": None}
    given = [net.now, weight]
    if shapes[bias] is not None:
        given.append(net.store(net.matrix(*shapes[bias])))
    net.now = net.node("Gemm", given, alpha=alpha, beta=beta, transB=int(turned_weight))
    net.width = width


def gemm_of_turned_input(net, form, width):
    before = net.node("Transpose", [net.now], perm=[1, 0])
    net.now = net.node("Gemm", [before, form(net, net.matrix(net.width, width))], transA=1)
    net.width = width


def product(net, form, width):
    net.now = net.node("MatMul", [net.now, form(net, net.matrix(net.width, width))])
    net.width = width


def product_on_the_left(net, form, width):
    column = net.node("Unsqueeze", [net.now, net.store(np.array([2]))])
    made = net.node("MatMul", [form(net, net.matrix(width, net.width)), column])
    net.now = net.node("Squeeze", [made, net.store(np.array([2]))])
    net.width = width


def stack(net, form, width):
    row = net.node("Unsqueeze", [net.now, net.store(np.array([1, 2]))])
    made = net.node("MatMul", [row, net.store(net.matrix(3, net.width, width))])
    net.now = net.node("Flatten", [made])
    net.width = 3 * width


def convolution(net, form, width):
    planes = net.node("Unsqueeze", [net.now, net.store(np.array([2]))])
    kernel = net.node("Unsqueeze", [form(net, net.matrix(width, net.width)), net.store(np.array([2]))])
    net.now = net.node("Flatten", [net.node("Conv", [planes, kernel])])
    net.width = width


def loose(net, form, width):
    net.now = net.node("Add", [net.now, net.node("ReduceSum", [form(net, net.matrix(width, 6))], keepdims=0)])


def normalized(net, form, width):
    rows = net.node("Unsqueeze", [net.now, net.store(np.array([2]))])
    kinds = [np.ones(net.width, np.float32) * factor for factor in (2, 0.5, 0.1, 1)]
    made = net.node("BatchNormalization", [rows, *(net.store(values) for values in kinds)])
    net.now = net.node("Flatten", [made])


def tied(net, form, width):
    """One matrix, there and back."""
    weight = form(net, net.matrix(net.width, width))
    inside = net.node("Relu", [net.node("MatMul", [net.now, weight])])
    net.now = net.node("MatMul", [inside, net.node("Transpose", [weight], perm=[1, 0])])


USES = [gemm, gemm_of_turned_input, product, product_on_the_left, stack, convolution, loose, normalized, tied]


def answers(path, x):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def assert_nothing_is_lost(path: Path, width: int) -> None:
    """The promises of reading, for one file."""
    model = open_model(ModelSource(str(path)))
    seen, proto = describe(model), read_onnx(path).proto
    x = np.random.default_rng(1).standard_normal((5, width)).astype(np.float32)
    want = answers(path, x)
    tolerance = {"rtol": 1e-3, "atol": 1e-3 * max(1.0, float(np.abs(want).max()))}
    assert isinstance(model, TorchModel), model.reason
    np.testing.assert_allclose(model.run(x), want, **tolerance)

    layers = {name for layer in onnx_layers(proto) for name in layer.tensors}
    said = " ".join(seen.notes)
    for tensor in proto.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) > 1 and np.prod(tensor.dims) > 16:
            assert tensor.name in layers or f"{tensor.name} (" in said, tensor.name

    plain_file = path.with_name("plain.onnx")
    write_onnx(model, plain_file)
    np.testing.assert_allclose(answers(plain_file, x), want, **tolerance)
    assert plain_file.stat().st_size <= 1.1 * path.stat().st_size + 800 or "takes" in said
    assert seen.params == file_parameters(path)[0] == file_parameters(plain_file)[0]
    assert seen.params == sum(value.numel() for value in model.module.parameters())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("use", [product, convolution])
def test_a_weight_is_a_layer_in_every_form(tmp_path, form, use):
    net = Sketch(16)
    use(net, form, 20)
    path = net.save(tmp_path / "net.onnx")
    assert_nothing_is_lost(path, 16)
    seen = describe(open_model(ModelSource(str(path))))
    assert [layer.weight.shape[:2] for layer in seen.weighted_layers] == [(20, 16)]


@pytest.mark.parametrize("alpha", [1.0, 0.25])
@pytest.mark.parametrize("beta", [1.0, 3.0])
@pytest.mark.parametrize("bias", ["row", "matrix", "number", "none"])
def test_every_gemm_is_a_linear_layer_with_its_bias(tmp_path, alpha, beta, bias):
    net = Sketch(16)
    gemm(net, plain, 20, alpha=alpha, beta=beta, bias=bias, turned_weight=True)
    path = net.save(tmp_path / "net.onnx")
    assert_nothing_is_lost(path, 16)
    (layer,) = describe(open_model(ModelSource(str(path)))).layers
    assert (layer.kind, layer.weight.shape, layer.macs) == ("Linear", (20, 16), 320)
    assert layer.params == 320 + (0 if bias == "none" else 20)


def test_the_weight_of_a_layer_keeps_its_name(tmp_path):
    net = Sketch(16)
    half = net.store(net.matrix(20, 16).astype(np.float16), "block.fc.weight")
    wide = net.node("Cast", [half], to=onnx.TensorProto.FLOAT)
    net.now = net.node("MatMul", [net.now, net.node("Transpose", [wide], perm=[1, 0])])
    path = net.save(tmp_path / "net.onnx")
    (layer,) = describe(open_model(ModelSource(str(path)))).layers
    assert layer.name == "block.fc"
    assert layer.size_bytes == 2 * 320


def test_stacks_and_products_on_the_left_count_their_multiplications(tmp_path):
    net = Sketch(16)
    stack(net, plain, 4)
    product_on_the_left(net, plain, 10)
    seen = describe(open_model(ModelSource(str(net.save(tmp_path / "net.onnx")))))
    assert [(layer.kind, layer.macs) for layer in seen.layers] == [
        ("MatrixProduct", 3 * 16 * 4),
        ("MatrixProduct", 120),
    ]
    assert not seen.notes


def test_what_would_grow_stays_computed(tmp_path):
    net = Sketch(16)
    spread = net.node("Expand", [net.store(np.ones(1, np.float32)), net.store(np.array([2000, 16]))])
    net.now = net.node("Add", [net.now, net.node("ReduceMean", [spread], keepdims=0)])
    file = read_onnx(net.save(tmp_path / "net.onnx"))
    assert "Expand" in [node.op_type for node in file.proto.graph.node]
    assert sum(tensor.ByteSize() for tensor in file.proto.graph.initializer) < 2000


def test_growth_that_cannot_be_undone_is_said(tmp_path):
    net = Sketch(64)
    small = net.node("Cast", [net.store(net.matrix(64, 64).astype(np.float16))], to=onnx.TensorProto.FLOAT)
    net.now = net.node("MatMul", [net.now, net.node("Mul", [small, net.store(np.array(0.3, np.float32))])])
    model = open_model(ModelSource(str(net.save(tmp_path / "net.onnx"))))
    assert any("takes 8.19" in note for note in model.notes), model.notes


def test_quantized_weights_stay_integers(tmp_path):
    net = Sketch(16)
    packed = net.store(np.ones((16, 20), np.int8))
    unpacked = net.node("DequantizeLinear", [packed, net.store(np.array(0.1, np.float32))])
    net.now = net.node("MatMul", [net.now, unpacked])
    file = read_onnx(net.save(tmp_path / "net.onnx"))
    assert "DequantizeLinear" in [node.op_type for node in file.proto.graph.node]


def test_a_tied_matrix_is_one_parameter_and_one_initializer(tmp_path):
    net = Sketch(1, seed=3)
    net.inputs[0] = helper.make_tensor_value_info("x", onnx.TensorProto.INT64, ["N", 6])
    table = net.store(net.matrix(100, 24), "embedding.weight")
    word = net.node("ReduceMean", [net.node("Gather", [table, "x"]), net.store(np.array([1]))], keepdims=0)
    net.now = net.node("MatMul", [word, net.node("Transpose", [table], perm=[1, 0])])
    path = net.save(tmp_path / "net.onnx")
    model = open_model(ModelSource(str(path)))
    seen = describe(model)
    assert seen.params == 2400
    assert [layer.params for layer in seen.layers] == [0, 2400]
    assert "share a weight" in " ".join(seen.notes)
    assert sum(value.numel() for value in model.module.parameters()) == 2400

    halved = model.with_weights({seen.layers[1].name: np.zeros((100, 24), np.float32)})
    assert not halved.module.get_submodule(seen.layers[0].name).weight.any()
    for written in (model, halved):
        write_onnx(written, tmp_path / "out.onnx")
        assert (tmp_path / "out.onnx").stat().st_size < 1.05 * path.stat().st_size
        assert file_parameters(tmp_path / "out.onnx")[0] == 2400
    assert not answers(tmp_path / "out.onnx", np.ones((2, 6), np.int64)).any()


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(USES), st.sampled_from(FORMS), st.integers(3, 20)), min_size=1, max_size=5
    ),
    seed=st.integers(0, 99),
)
def test_nothing_stored_is_lost_whatever_the_graph(tmp_path_factory, steps, seed):
    net = Sketch(12, seed)
    for use, form, width in steps:
        use(net, form, width)
        if use is not normalized:
            net.now = net.node("Tanh", [net.now])
    assert_nothing_is_lost(net.save(tmp_path_factory.mktemp("net") / "net.onnx"), 12)


@pytest.mark.parametrize("form", FORMS)
def test_a_glance_names_the_same_layers(tmp_path, monkeypatch, form):
    monkeypatch.setattr(glances, "LARGE", 1000)
    monkeypatch.setattr(onnx_glance, "_SMALL", 600)
    net = Sketch(16)
    product(net, form, 20)
    gemm(net, form, 18, alpha=0.5)
    path = net.save(tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    seen = glances.glance(ModelSource(str(path)))
    assert seen is not None
    model = open_model(ModelSource(str(path)))
    loaded = describe(model)
    for ours, theirs in zip(seen.description.layers, loaded.layers, strict=True):
        assert (ours.name, ours.kind, ours.params, ours.macs) == (theirs.name, theirs.kind, theirs.params, theirs.macs)
        assert (ours.weight.shape, ours.size_bytes) == (theirs.weight.shape, theirs.size_bytes)
    for name, (tensor, axis) in seen.tensors.items():
        from secateur.model.stored import read_values

        values = np.moveaxis(read_values(tensor), axis, 0)
        np.testing.assert_array_equal(values.reshape(len(values), -1), model.weights()[name])
