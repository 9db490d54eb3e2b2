"""What the author wrote stays in every file that is made of a model; what the author's machine left does not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from secateur.formats import format_named
from secateur.formats.exporting.staging import stage_model, staged_model
from secateur.formats.kinds.onnx_file import OnnxOptions
from secateur.formats.onnx_files.writing import write_onnx
from secateur.formats.reading import open_model
from secateur.graph.context import Context
from secateur.graph.lowering import lower
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource

WORDS = {"labels": "cat,dog", "stride": "32", "made from": "/home/ada/runs/7/best.pt"}
TRACE = 'File "/home/ada/net.py", line 12, in forward\n    x = self.conv(x)'


@pytest.fixture
def signed_file(residual_graph: Any, tmp_path: Path) -> Path:
    """A network whose author wrote words beside it, and whose exporter noted where it ran."""
    proto = onnx.ModelProto()
    proto.CopyFrom(residual_graph)
    helper.set_model_props(proto, WORDS)
    proto.metadata_props.add(key="pkg.torch.export.graph_signature", value="user inputs")
    proto.doc_string, proto.graph.doc_string = "Tells cats from dogs.", "Trained on the house's own."
    proto.domain, proto.model_version, proto.graph.name = "org.example", 7, "pets"
    proto.graph.input[0].doc_string, proto.graph.output[0].doc_string = "RGB, 0 to 1", "one score a pet"
    for node in proto.graph.node:
        node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value=TRACE)
        node.metadata_props.add(key="pkg.torch.onnx.class_hierarchy", value="['Net', 'Conv2d']")
    proto.graph.node[0].doc_string = "/home/ada/net.py(12): forward"
    proto.graph.node[1].doc_string = "the author's own remark"
    proto.graph.input[0].metadata_props.add(key="pkg.torch.onnx.original_node_name", value="x")
    path = tmp_path / "signed.onnx"
    onnx.save(proto, path)
    return path


def require_words(path: Path) -> None:
    proto = onnx.load(str(path))
    onnx.checker.check_model(str(path))
    assert {entry.key: entry.value for entry in proto.metadata_props} == WORDS
    assert (proto.doc_string, proto.graph.doc_string) == ("Tells cats from dogs.", "Trained on the house's own.")
    assert (proto.domain, proto.model_version, proto.graph.name) == ("org.example", 7, "pets")
    assert [(port.name, port.doc_string) for port in (*proto.graph.input, *proto.graph.output)] == [
        ("image", "RGB, 0 to 1"),
        ("logits", "one score a pet"),
    ]
    del proto.metadata_props[:]
    for name in (b"pkg.torch", b"/home/ada", b".py"):
        assert name not in proto.SerializeToString()


def opened(path: Path) -> Any:
    return open_model(ModelSource(str(path)))


def unchanged(model: Any, data: Any) -> Any:
    return model


def rewritten(model: Any, data: Any) -> Any:
    return MagnitudePruning(ratio=0.5).apply(model, ["conv2"], Context())


def smaller(model: Any, data: Any) -> Any:
    pruned = ChannelPruning(round_to=1, ratio=0.5, criterion="l1").apply(model, ["conv1"], Context(data=data))
    assert pruned.weights()["conv1"].shape[0] == 8
    return pruned


def in_eight_bits(model: Any, data: Any) -> Any:
    return StaticInt8().apply(lower(model), ["conv1", "conv2", "fc"], Context(data=data))


def in_four_bits(model: Any, data: Any) -> Any:
    return WeightOnly(bits=4).apply(lower(model), ["conv2"], Context())


CHANGES = [unchanged, rewritten, smaller, in_eight_bits, in_four_bits]


@pytest.mark.parametrize("change", CHANGES)
def test_the_authors_words_are_in_every_file_and_the_machines_are_not(
    change: Callable[..., Any], signed_file: Path, noise_data: Any, tmp_path: Path
) -> None:
    write_onnx(change(opened(signed_file), noise_data), tmp_path / "out.onnx")
    require_words(tmp_path / "out.onnx")


@pytest.mark.parametrize("change", [in_eight_bits, in_four_bits])
def test_a_network_that_a_run_kept_still_has_its_authors_words(
    change: Callable[..., Any], signed_file: Path, noise_data: Any, tmp_path: Path
) -> None:
    (tmp_path / "kept").mkdir()
    stage_model(tmp_path / "kept", change(opened(signed_file), noise_data))
    write_onnx(staged_model(tmp_path / "kept"), tmp_path / "out.onnx")
    require_words(tmp_path / "out.onnx")


@pytest.mark.parametrize("options", [{"opset": "17"}, {"opset": "21"}, {"dtype": "float16"}, {"external_data": True}])
def test_no_way_of_writing_loses_them(options: dict[str, Any], signed_file: Path, tmp_path: Path) -> None:
    write_onnx(opened(signed_file), tmp_path / "out.onnx", OnnxOptions(**options))
    require_words(tmp_path / "out.onnx")


@pytest.mark.parametrize("external", [False, True])
def test_a_file_that_stays_a_file_keeps_its_remarks_and_is_not_changed(
    external: bool, signed_file: Path, tmp_path: Path
) -> None:
    from secateur.graph.network import OnnxModel
    from secateur.graph.onnx_files.reading import read_onnx

    file = read_onnx(signed_file)
    model = OnnxModel("signed", file.proto, (), ())
    before = file.proto.SerializeToString()
    write_onnx(model, tmp_path / "out.onnx", OnnxOptions(external_data=external))
    require_words(tmp_path / "out.onnx")
    remarks = [node.doc_string for node in onnx.load(str(tmp_path / "out.onnx")).graph.node if node.doc_string]
    assert remarks == ["the author's own remark"]
    assert model.proto.SerializeToString() == before


def test_a_network_from_torch_says_nothing_of_the_machine(factory_file: Path, tmp_path: Path) -> None:
    write_onnx(open_model(ModelSource("", f"{factory_file}:make")), tmp_path / "out.onnx")
    proto = onnx.load(str(tmp_path / "out.onnx"))
    assert proto.producer_name == "secateur"
    assert not proto.metadata_props
    for name in (b"pkg.torch", str(factory_file.parent).encode(), b".py"):
        assert name not in proto.SerializeToString()


def test_words_in_a_safetensors_header_are_written_again(tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.numpy import save_file

    from secateur.formats.proving.verify import export

    save_file(
        {"a.weight": np.ones((4, 5), np.float32)}, tmp_path / "in.safetensors", {"format": "pt", "trained": "on 7"}
    )
    model = WeightOnly(bits=8).apply(opened(tmp_path / "in.safetensors"), ["a"], Context())
    assert export(model, format_named("safetensors"), tmp_path / "out.safetensors").verified
    with safe_open(tmp_path / "out.safetensors", "np") as file:
        written = file.metadata()
    assert (written["format"], written["trained"]) == ("pt", "on 7")
    assert "secateur.encodings" in written
