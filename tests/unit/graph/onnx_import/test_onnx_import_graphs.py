"""What operators do together: names, shape arithmetic, batches, several outputs, refusals."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from torch import nn

from secateur.graph.graph_module import is_imported, nodes_by_tensor, tensor_names, tensors_of_layers
from secateur.graph.onnx_files.reading import gather_weights
from secateur.graph.onnx_import.check import AGREED, batch_deviation, import_deviation, run_module
from secateur.graph.onnx_import.importer import ImportRefused, import_model

node = helper.make_node
Graph = Callable[..., onnx.ModelProto]
Random = Callable[..., np.ndarray]


def ints(*items: int) -> np.ndarray:
    return np.asarray(items, dtype=np.int64)


def test_layers_are_ordinary_torch_layers_under_the_names_of_the_file(network: onnx.ModelProto) -> None:
    module = import_model(network)
    kinds = {name: type(module.get_submodule(name)) for name in ("stem.conv", "stem.bn", "block.0.conv", "head")}
    assert kinds == {"stem.conv": nn.Conv2d, "stem.bn": nn.BatchNorm2d, "block.0.conv": nn.Conv2d, "head": nn.Linear}


def test_an_imported_network_agrees_with_onnx_runtime(network: onnx.ModelProto) -> None:
    module = import_model(network)
    assert import_deviation(network, module) <= AGREED
    assert batch_deviation(network, module) <= AGREED


def test_every_tensor_that_the_graph_computes_has_its_node(network: onnx.ModelProto) -> None:
    module = import_model(network)
    assert set("abcdefg") | {"x", "logits"} <= set(nodes_by_tensor(module))


def test_a_layer_is_known_by_the_tensor_that_it_makes(network: onnx.ModelProto) -> None:
    outputs = tensors_of_layers(import_model(network))
    assert outputs == {"stem.conv": "a", "stem.bn": "b", "block.0.conv": "d", "head": "logits"}


def test_a_deep_copy_keeps_tensor_names_and_results(network: onnx.ModelProto) -> None:
    module = import_model(network)
    copied = copy.deepcopy(module)
    assert is_imported(copied)
    assert sorted(tensor_names(copied).values()) == sorted(tensor_names(module).values())
    assert import_deviation(network, copied) <= AGREED


def test_batch_norm_learns_its_statistics_again_in_training(network: onnx.ModelProto) -> None:
    module = import_model(network).train()
    before = module.get_submodule("stem.bn").running_mean.clone()
    module(torch.randn(8, 3, 8, 8)).sum().backward()
    assert not torch.equal(before, module.get_submodule("stem.bn").running_mean)
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_an_expected_failure_prints_nothing(network: onnx.ModelProto, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError):
        import_model(network)(torch.randn(1, 4, 8, 8))
    assert capfd.readouterr().err == ""


def test_importing_does_not_load_torchs_compiler(network: onnx.ModelProto, tmp_path: Any) -> None:
    import subprocess
    import sys

    onnx.save(network, tmp_path / "n.onnx")
    script = (
        "import sys, onnx; from secateur.graph.onnx_import.importer import import_model; "
        "import_model(onnx.load(sys.argv[1])); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path / "n.onnx")], check=False).returncode == 0


def test_sizes_asked_for_at_run_time_follow_the_batch(graph: Graph) -> None:
    proto = graph(
        [
            node("Shape", ["x"], ["s"]),
            node("Gather", ["s", "zero"], ["n"]),
            node("Unsqueeze", ["n", "axis"], ["n1"]),
            node("Concat", ["n1", "rest"], ["target"], axis=0),
            node("Reshape", ["x", "target"], ["y"]),
        ],
        {"zero": np.int64(0), "axis": ints(0), "rest": ints(-1, 4)},
    )
    module = import_model(proto)
    assert import_deviation(proto, module, batch=3) <= AGREED


def test_sizes_are_computed_with(graph: Graph) -> None:
    proto = graph(
        [
            node("Shape", ["x"], ["s"]),
            node("Slice", ["s", "two", "four"], ["hw"]),
            node("Mul", ["hw", "two"], ["double"]),
            node("Slice", ["s", "zero", "two"], ["nc"]),
            node("Concat", ["nc", "double"], ["sizes"], axis=0),
            node("Resize", ["x", "", "", "sizes"], ["y"], mode="nearest"),
        ],
        {"two": ints(2), "four": ints(4), "zero": ints(0)},
    )
    assert import_deviation(proto, import_model(proto), batch=2) <= AGREED


def test_an_expanded_token_follows_the_batch(graph: Graph, random: Random) -> None:
    proto = graph(
        [
            node("Shape", ["x"], ["s"], start=0, end=1),
            node("Concat", ["s", "ones"], ["target"], axis=0),
            node("Equal", ["target", "minus"], ["asked"]),
            node("Where", ["asked", "all_ones", "target"], ["final"]),
            node("Expand", ["cls_token", "final"], ["token"]),
            node("Concat", ["token", "x"], ["y"], axis=1),
        ],
        {"ones": ints(-1, -1), "minus": ints(-1, -1, -1), "all_ones": ints(1, 1, 1), "cls_token": random(1, 1, 6)},
        {"x": ("N", 4, 6)},
    )
    module = import_model(proto)
    assert import_deviation(proto, module, batch=3) <= AGREED
    assert isinstance(module.cls_token, nn.Parameter)


def test_a_head_scale_taken_from_a_shape_is_a_number(graph: Graph) -> None:
    proto = graph(
        [
            node("Shape", ["x"], ["s"], start=-1),
            node("Cast", ["s"], ["f"], to=onnx.TensorProto.FLOAT),
            node("Sqrt", ["f"], ["root"]),
            node("Div", ["x", "root"], ["y"]),
        ]
    )
    assert import_deviation(proto, import_model(proto), batch=2) <= AGREED


def test_constants_of_the_shape_of_something_follow_it(graph: Graph) -> None:
    proto = graph(
        [node("Shape", ["x"], ["s"]), node("ConstantOfShape", ["s"], ["zeros"]), node("Add", ["x", "zeros"], ["y"])]
    )
    assert import_deviation(proto, import_model(proto), batch=2) <= AGREED


def test_a_flattening_to_the_batch_of_one_it_was_traced_with_still_follows_the_batch(
    graph: Graph, random: Random
) -> None:
    proto = graph(
        [
            node("GlobalAveragePool", ["x"], ["p"]),
            node("Reshape", ["p", "target"], ["f"]),
            node("MatMul", ["f", "head.weight"], ["y"]),
        ],
        {"target": ints(1, -1), "head.weight": random(3, 2)},
    )
    module = import_model(proto)
    assert import_deviation(proto, module) <= AGREED
    assert module(torch.randn(6, 3, 8, 8)).shape == (6, 2)


def test_a_reshape_in_front_of_the_head_survives_the_removal_of_channels(graph: Graph, random: Random) -> None:
    proto = graph(
        [
            node("Conv", ["x", "conv.weight"], ["c"]),
            node("GlobalAveragePool", ["c"], ["p"]),
            node("Reshape", ["p", "target"], ["f"]),
            node("Gemm", ["f", "head.weight"], ["y"], transB=1),
        ],
        {"target": ints(-1, 6), "conv.weight": random(6, 3, 3, 3), "head.weight": random(2, 6)},
    )
    module = import_model(proto)
    module.conv, module.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)
    assert module(torch.randn(2, 3, 8, 8)).shape == (2, 2)


def test_a_shared_weight_becomes_one_layer_called_twice(graph: Graph, random: Random) -> None:
    proto = graph(
        [
            node("Conv", ["x", "tower.weight"], ["a"], pads=[1, 1, 1, 1]),
            node("Conv", ["a", "tower.weight"], ["y"], pads=[1, 1, 1, 1]),
        ],
        {"tower.weight": random(3, 3, 3, 3)},
    )
    module = import_model(proto)
    assert [part.target for part in module.graph.nodes if part.op == "call_module"] == ["tower", "tower"]
    assert import_deviation(proto, module) <= AGREED


def test_a_bias_added_behind_a_product_becomes_the_layers_bias(graph: Graph, random: Random) -> None:
    proto = graph(
        [node("MatMul", ["x", "onnx::MatMul_7"], ["p"]), node("Add", ["fc.bias", "p"], ["y"])],
        {"onnx::MatMul_7": random(6, 4), "fc.bias": random(4)},
        {"x": ("N", 5, 6)},
    )
    module = import_model(proto)
    assert isinstance(module.fc, nn.Linear)
    assert module.fc.bias is not None
    assert nodes_by_tensor(module)["y"].meta["onnx_inner"] == "p"
    assert import_deviation(proto, module) <= AGREED


def test_weights_in_constant_nodes_are_layers_once_they_are_gathered(graph: Graph, random: Random) -> None:
    weight = onnx.numpy_helper.from_array(random(4, 3, 3, 3), "value")
    proto = graph([node("Constant", [], ["conv.weight"], value=weight), node("Conv", ["x", "conv.weight"], ["y"])])
    gather_weights(proto)
    module = import_model(proto)
    assert isinstance(module.conv, nn.Conv2d)
    assert import_deviation(proto, module) <= AGREED


def test_several_inputs_and_outputs_come_through(graph: Graph) -> None:
    proto = graph(
        [node("Add", ["x", "z"], ["sum"]), node("Relu", ["sum"], ["y"])],
        inputs={"x": ("N", 4), "z": ("N", 4)},
        outputs=("y", "sum"),
    )
    module = import_model(proto)
    arrays = [np.ones((2, 4), np.float32), -2 * np.ones((2, 4), np.float32)]
    relu, total = run_module(module, arrays)
    assert relu.max() == 0.0
    assert total.max() == -1.0
    assert import_deviation(proto, module) <= AGREED


def test_names_that_torch_uses_itself_are_changed(graph: Graph, random: Random) -> None:
    proto = graph(
        [node("Conv", ["x", "forward.train.weight"], ["a"]), node("Conv", ["a", "forward.weight"], ["y"])],
        {"forward.train.weight": random(3, 3, 1, 1), "forward.weight": random(3, 3, 1, 1)},
    )
    module = import_model(proto)
    layers = {name for name, part in module.named_modules() if isinstance(part, nn.Conv2d)}
    assert layers == {"forward_.train_", "forward_"}
    assert import_deviation(proto, module) <= AGREED


def test_a_missing_operator_is_named(graph: Graph) -> None:
    proto = graph([node("TfIdfVectorizer", ["x"], ["d"]), node("MaxRoiPool", ["d"], ["y"])])
    with pytest.raises(ImportRefused, match="MaxRoiPool, TfIdfVectorizer"):
        import_model(proto)


def test_an_operator_of_another_domain_is_named_with_it(graph: Graph) -> None:
    proto = graph([node("NhwcMaxPool", ["x"], ["y"], domain="com.microsoft")])
    with pytest.raises(ImportRefused, match=r"com\.microsoft\.NhwcMaxPool"):
        import_model(proto)


def test_an_unusual_use_of_an_operator_is_explained(graph: Graph) -> None:
    proto = graph(
        [node("GridSample", ["x", "grid"], ["y"], mode="cubic")],
        inputs={"x": ("N", 3, 4, 8, 8), "grid": ("N", 4, 8, 8, 3)},
    )
    with pytest.raises(ImportRefused, match="3 axes in the mode 'bicubic'"):
        import_model(proto)


def test_a_small_file_cannot_ask_for_a_huge_constant(graph: Graph) -> None:
    proto = graph(
        [node("ConstantOfShape", ["s"], ["huge"]), node("Add", ["x", "huge"], ["y"])], {"s": ints(1, 1 << 20, 1 << 20)}
    )
    with pytest.raises(ImportRefused, match="asks for a constant"):
        import_model(proto)


@pytest.mark.parametrize("kind", ["Range", "Tile", "OneHot", "HannWindow"])
def test_a_huge_constant_is_refused_whichever_operator_asks_for_it(graph: Graph, kind: str) -> None:
    inputs = {
        "Range": ["zero", "huge", "one"],
        "Tile": ["ones", "repeats"],
        "OneHot": ["ones", "huge", "pair"],
        "HannWindow": ["huge"],
    }[kind]
    stored = {"zero": np.int64(0), "one": np.int64(1), "huge": np.int64(1 << 40), "ones": ints(1, 1, 1)}
    stored |= {"repeats": ints(1 << 40), "pair": ints(0, 1)}
    proto = graph(
        [node(kind, inputs, ["large"]), node("Cast", ["large"], ["f"], to=1), node("Mul", ["x", "f"], ["y"])],
        {name: stored[name] for name in inputs},
    )
    with pytest.raises(ImportRefused, match="asks for a constant"):
        import_model(proto)


def test_a_convolution_whose_weight_is_computed_is_a_function(graph: Graph) -> None:
    proto = graph(
        [node("Relu", ["w"], ["kernel"]), node("Conv", ["x", "kernel"], ["y"], pads=[0, 1, 2, 1])],
        inputs={"x": ("N", 3, 8, 8), "w": (4, 3, 3, 3)},
    )
    module = import_model(proto)
    assert import_deviation(proto, module, batch=2) <= AGREED
    assert not list(module.parameters())


def test_the_rank_asked_for_in_the_graph_is_known_at_import(graph: Graph, random: Random) -> None:
    proto = graph(
        [
            node("Shape", ["x"], ["s"]),
            node("Size", ["s"], ["rank"]),
            node("Range", ["two", "rank", "one"], ["axes"]),
            node("ReduceMean", ["x", "axes"], ["y"]),
        ],
        {"one": np.int64(1), "two": np.int64(2)},
    )
    assert import_deviation(proto, import_model(proto), batch=3) <= AGREED


def test_the_dtype_of_stored_bfloat16_and_float8_survives(graph: Graph) -> None:
    import ml_dtypes

    for dtype, expected in ((ml_dtypes.bfloat16, torch.bfloat16), (ml_dtypes.float8_e4m3fn, torch.float8_e4m3fn)):
        values = np.asarray([0.5, -3.0, 1.25, 7.0], np.float32).astype(dtype)
        nodes = [node("Cast", ["w"], ["f"], to=1), node("Add", ["x", "f"], ["s"]), node("CastLike", ["s", "w"], ["y"])]
        proto = graph(nodes, {"w": values}, {"x": ("N", 4)}, opset=19)
        assert import_model(proto)(torch.zeros(1, 4)).dtype == expected


def test_recurrent_layers_whose_weights_are_put_together_in_the_graph_are_layers_of_their_own(
    graph: Graph, random: Random
) -> None:
    def level(number: int, source: str, width: int) -> tuple[list[onnx.NodeProto], dict[str, np.ndarray]]:
        names = [f"{part}{number}" for part in ("w", "wr", "r", "rr")]
        nodes = [
            node("Concat", names[:2], [f"W{number}"], axis=0),
            node("Concat", names[2:], [f"R{number}"], axis=0),
            node(
                "LSTM", [source, f"W{number}", f"R{number}"], [f"y{number}"], f"/lstm/LSTM_{number}",
                hidden_size=6, direction="bidirectional",
            ),
            node("Transpose", [f"y{number}"], [f"t{number}"], perm=[0, 2, 1, 3]),
            node("Reshape", [f"t{number}", "flat"], [f"z{number}"]),
        ]  # fmt: skip
        return nodes, dict(zip(names, [random(1, 24, size) for size in (width, width, 6, 6)], strict=True))

    first, stored = level(0, "x", 5)
    second, more = level(1, "z0", 12)
    proto = graph([*first, *second], {**stored, **more, "flat": ints(0, 0, -1)}, {"x": (7, "N", 5)}, outputs=("z1",))
    module = import_model(proto)
    assert [type(module.get_submodule(name)) for name in ("lstm", "lstm_1")] == [nn.LSTM, nn.LSTM]
    assert import_deviation(proto, module) <= AGREED
