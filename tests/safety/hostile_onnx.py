"""ONNX graphs that are cyclic, absurdly large, cut, or point out of their folder."""

from collections.abc import Callable
from typing import Any

import numpy as np
from corpus import Corpus


def conv_model() -> Any:
    """A small valid network."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    weights = {
        "conv.weight": random.normal(size=(4, 3, 3, 3)),
        "fc.weight": random.normal(size=(2, 4)),
        "fc.bias": random.normal(size=(2,)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "conv.weight"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "fc.weight", "fc.bias"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def changed(change: Callable[[Any], None]) -> bytes:
    model = conv_model()
    change(model)
    return bytes(model.SerializeToString())


def _external(model: Any, location: str, length: str = "432", offset: str = "0") -> None:
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = 1
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value


def _cyclic(model: Any) -> None:
    model.graph.node[0].input[0] = "r"


def _set(place: Callable[[Any], Any], value: Any) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        target = place(model)
        target[:] = value

    return change


def _huge_constant(model: Any) -> None:
    from onnx import helper, numpy_helper

    model.graph.initializer.append(numpy_helper.from_array(np.array([1 << 20, 1 << 20], np.int64), "size"))
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["size"], ["huge"]))
    model.graph.node[1].input[0] = "huge"


def _deep_subgraphs(model: Any) -> None:
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Identity", ["y"], ["z"])], "leaf", [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )  # fmt: skip
    for depth in range(40):
        node = helper.make_node("If", ["condition"], [f"z{depth}"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph(
            [node], f"level{depth}", [], [helper.make_tensor_value_info(f"z{depth}", TensorProto.FLOAT, None)]
        )
        if graph.ByteSize() > 1 << 22:
            break
    model.graph.node.append(graph.node[0])


def add_onnx(corpus: Corpus) -> None:
    good = conv_model().SerializeToString()
    cases: dict[str, tuple[bytes, str]] = {
        "negative_dims": (changed(_set(lambda m: m.graph.initializer[0].dims, [-4, 3, 3, 3])), "negative sizes"),
        "huge_dims": (changed(_set(lambda m: m.graph.initializer[0].dims, [1 << 40, 3, 3, 3])), "absurd sizes"),
        "short_data": (changed(_set(lambda m: m.graph.initializer[0].dims, [400, 3, 3, 3])), "too few bytes"),
        "cyclic": (changed(_cyclic), "a cyclic graph"),
        "self_loop": (changed(lambda m: m.graph.node[1].input.__setitem__(0, "r")), "a node that feeds itself"),
        "huge_constant": (changed(_huge_constant), "a constant of a terabyte"),
        "external_up": (changed(lambda m: _external(m, "../../../etc/passwd")), "external data above the folder"),
        "external_absolute": (changed(lambda m: _external(m, "/etc/passwd")), "external data at an absolute path"),
        "external_windows": (changed(lambda m: _external(m, "C:\\Windows\\win.ini")), "external data on a drive"),
        "external_backslash": (changed(lambda m: _external(m, "..\\..\\secret")), "external data above, Windows way"),
        "external_missing": (changed(lambda m: _external(m, "missing.bin")), "external data that is not there"),
        "external_link": (changed(lambda m: _external(m, "link.bin")), "external data behind a symbolic link"),
        "external_length": (changed(lambda m: _external(m, "small.bin", "99999999999")), "external data too long"),
        "external_offset": (changed(lambda m: _external(m, "small.bin", "432", "-8")), "a negative offset"),
        "external_words": (changed(lambda m: _external(m, "small.bin", "many")), "a length that is no number"),
        "no_nodes": (changed(lambda m: m.graph.ClearField("node")), "a graph without nodes"),
        "no_outputs": (changed(lambda m: m.graph.ClearField("output")), "a graph without outputs"),
        "unknown_opset": (changed(lambda m: setattr(m.opset_import[0], "version", 9999)), "opset 9999"),
        "unknown_tensor": (changed(lambda m: m.graph.node[0].input.__setitem__(1, "nowhere")), "a missing tensor"),
        "unknown_type": (changed(lambda m: setattr(m.graph.initializer[0], "data_type", 77)), "an unknown dtype"),
        "same_outputs": (changed(lambda m: m.graph.node[1].output.__setitem__(0, "c")), "two makers of one tensor"),
        "huge_kernel": (
            changed(lambda m: m.graph.node[0].attribute[0].ints.__setitem__(slice(None), [1 << 40] * 4)),
            "padding of a terabyte",
        ),
    }  # fmt: skip
    (corpus.folder / "small.bin").write_bytes(bytes(16))
    (corpus.folder / "link.bin").symlink_to("/etc/hosts")
    looked_at = {"huge_kernel", "huge_constant", "unknown_opset"}  # inspected, for nothing of them is run
    for name, (content, tries) in cases.items():
        corpus.add(f"onnx_{name}.onnx", content, f"ONNX: {tries}", "any" if name in looked_at else "refused")
    corpus.add("onnx_deep.onnx", changed(_deep_subgraphs), "ONNX: subgraphs in subgraphs")
    teleport = changed(lambda m: setattr(m.graph.node[1], "op_type", "Teleport"))
    corpus.add("onnx_unknown_op.onnx", teleport, "ONNX: an operator that nobody knows", "any")
    corpus.add("onnx_nan.onnx", changed(_nan), "ONNX: NaN weights", "any")
    for tenth in range(1, 10):
        corpus.add(f"onnx_cut_{tenth}0.onnx", good[: len(good) * tenth // 10], f"ONNX cut at {tenth}0 %")


def _nan(model: Any) -> None:
    weight = model.graph.initializer[0]
    weight.raw_data = np.full(108, np.nan, np.float32).tobytes()
