"""Writing, proving and publishing files."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
import pytest

from secateur.errors import Cancelled, UserError
from secateur.files import Guard
from secateur.formats import FORMATS, format_named
from secateur.formats.base import Format, Runner, staged, writing_failed
from secateur.formats.proving.verify import agreement, export, verify
from secateur.graph.context import Context
from secateur.graph.homes import shipped
from secateur.graph.lowering import graph_of
from secateur.graph.network import OnnxModel
from secateur.methods.quantize.static_int8 import StaticInt8

ONNX = format_named("onnx")


class WrongOnnx(type(ONNX)):  # type: ignore[misc]
    """Writes a network whose answers are the wrong way round."""

    id: ClassVar[str] = "wrong"
    title: ClassVar[str] = "Wrong"
    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)
    runtime: ClassVar[str] = "ONNX Runtime"

    def write(self, model: Any, path: Path, options: Any = None) -> tuple[Path, ...]:
        proto = onnx.ModelProto()
        proto.CopyFrom(graph_of(model))
        bias = next(tensor for tensor in proto.graph.initializer if tensor.name == "fc.weight")
        bias.CopyFrom(onnx.numpy_helper.from_array(-onnx.numpy_helper.to_array(bias), bias.name))
        onnx.save(proto, str(path))
        return (path,)


class BrokenOnnx(WrongOnnx):
    """Stops in the middle of the file."""

    id: ClassVar[str] = "broken"
    title: ClassVar[str] = "Broken"
    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)
    runtime: ClassVar[str] = "ONNX Runtime"

    def write(self, model: Any, path: Path, options: Any = None) -> tuple[Path, ...]:
        path.write_bytes(graph_of(model).SerializeToString()[:-200])
        return (path,)


def quantized(model: Any, data: Any) -> Any:
    return StaticInt8().apply(model, ["conv1", "conv2", "fc"], Context(data=data))


@pytest.mark.parametrize("target", FORMATS, ids=lambda target: target.id)
def test_every_format_says_what_it_is(target: Format) -> None:
    assert target.id == target.id.lower()
    assert target.title
    assert all(suffix.startswith(".") for suffix in target.suffixes)


def test_a_format_that_forgets_its_name_fails_at_import() -> None:
    with pytest.raises(TypeError, match="title"):

        class Nameless(Format):
            id: ClassVar[str] = "nameless"
            suffixes: ClassVar[tuple[str, ...]] = ()
            runtime: ClassVar[str] = ""


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="cassette") as caught:
        format_named("cassette")
    assert all(known.id in caught.value.hint for known in FORMATS)


@pytest.mark.parametrize(
    "target", [target for target in FORMATS if target.id in {"onnx", "safetensors"}], ids=lambda target: target.id
)
def test_a_written_network_runs_like_the_one_in_memory(target: Format, lowered_network: Any, tmp_path: Path) -> None:
    path = tmp_path / f"net{target.suffixes[0]}"
    proof = export(lowered_network, target, path)
    assert proof.verified
    assert proof.path == str(path)
    assert proof.bytes == sum(file.stat().st_size for file in tmp_path.iterdir())
    assert proof.agreement == 1.0
    assert proof.max_deviation is not None
    assert proof.max_deviation < 1e-4
    assert proof.latency_ms is not None
    assert proof.latency_ms.median > 0
    assert path.read_bytes()[:16]
    assert target.recognises(path, path.read_bytes()[:16])


def test_a_quantized_file_is_proven_against_its_simulation(
    lowered_network: Any, noise_data: Any, tmp_path: Path
) -> None:
    model = quantized(lowered_network, noise_data)
    proof = export(model, ONNX, tmp_path / "net.onnx", [noise_data.inputs])
    assert proof.verified
    assert "48 samples" in proof.sentence
    assert proof.bytes < len(graph_of(lowered_network).SerializeToString()) / 2


def test_a_file_that_disagrees_never_gets_its_name(lowered_network: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"what was there")
    proof = export(lowered_network, WrongOnnx(), path, guard=Guard(replace=True))
    assert not proof.verified
    assert proof.verdict == "differs"
    assert proof.sentence.startswith("Differs from the simulation")
    assert proof.path == str(tmp_path / "net.onnx.unverified")
    assert path.read_bytes() == b"what was there"


def test_a_file_that_was_kept_aside_earlier_stays(lowered_network: Any, tmp_path: Path) -> None:
    (tmp_path / "net.onnx.unverified").write_bytes(b"of an earlier time")
    proof = export(lowered_network, WrongOnnx(), tmp_path / "net.onnx")
    assert proof.path == str(tmp_path / "net.onnx.unverified-2")
    assert (tmp_path / "net.onnx.unverified").read_bytes() == b"of an earlier time"


def test_a_file_that_disagrees_gets_its_name_where_a_person_says_so(lowered_network: Any, tmp_path: Path) -> None:
    proof = export(lowered_network, WrongOnnx(), tmp_path / "net.onnx", accept=True)
    assert (proof.verdict, proof.path) == ("differs", str(tmp_path / "net.onnx"))


def test_a_truncated_file_is_found_out(lowered_network: Any, tmp_path: Path) -> None:
    proof = export(lowered_network, BrokenOnnx(), tmp_path / "net.onnx")
    assert not proof.verified
    assert proof.verdict == "broken"
    assert "cannot run the file" in proof.sentence
    assert not (tmp_path / "net.onnx").exists()


def test_verify_alone_judges_a_file_that_exists(lowered_network: Any, tmp_path: Path) -> None:
    (path,) = ONNX.write(lowered_network, tmp_path / "net.onnx")
    assert verify(path, lowered_network, ONNX).verified


def test_a_cancel_leaves_nothing_behind(lowered_network: Any, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        export(lowered_network, ONNX, tmp_path / "net.onnx", context=Context(progress=stop))
    assert list(tmp_path.iterdir()) == []


def test_missing_folders_are_made(lowered_network: Any, tmp_path: Path) -> None:
    assert export(lowered_network, ONNX, tmp_path / "a" / "b" / "net.onnx").verified


def test_a_folder_that_is_a_file_is_a_sentence(lowered_network: Any, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match="cannot be a file here"):
        export(lowered_network, ONNX, tmp_path / "taken" / "net.onnx")


def test_no_permission_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(UserError, match="no permission"), staged(tmp_path / "net.onnx"):
        pass


def test_a_full_disk_is_a_sentence_and_leaves_no_half_file(tmp_path: Path) -> None:
    def fill(path: Path) -> None:
        with staged(path) as draft:
            draft.write_bytes(b"half")
            raise OSError(28, os.strerror(28))

    with pytest.raises(UserError, match="disk is full"):
        fill(tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_any_other_refusal_of_the_system_is_told(tmp_path: Path) -> None:
    assert "File name too long" in writing_failed(tmp_path / "x", OSError(36, "File name too long")).sentence


def test_pickles_are_not_written(lowered_network: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="safetensors"):
        export(lowered_network, format_named("pytorch"), tmp_path / "net.pt")


def test_a_file_that_stays_a_file_is_written_as_it_is(
    residual_graph: Any, lowered_network: Any, tmp_path: Path
) -> None:
    model = OnnxModel("net", residual_graph, lowered_network.inputs, lowered_network.outputs, reason="it was asked.")
    assert export(model, ONNX, tmp_path / "net.onnx").verified
    assert format_named("safetensors").can_write(model)


def test_a_float_file_leaves_without_the_paths_of_whoever_made_it(lowered_network: Any, tmp_path: Path) -> None:
    marked = onnx.ModelProto()
    marked.CopyFrom(graph_of(lowered_network))
    marked.graph.node[0].metadata_props.add(key="stack_trace", value="/somewhere/train.py")
    export(replace(lowered_network, lowered=shipped(marked, lowered_network.module)), ONNX, tmp_path / "net.onnx")
    assert b"somewhere" not in (tmp_path / "net.onnx").read_bytes()
    assert marked.graph.node[0].metadata_props


def test_a_fixed_batch_size_is_kept_to(residual_graph: Any, lowered_network: Any, tmp_path: Path) -> None:
    fixed = onnx.ModelProto()
    fixed.CopyFrom(residual_graph)
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    fixed.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 3
    port = replace(lowered_network.inputs[0], shape=(3, 3, 12, 12))
    model = OnnxModel("net", fixed, (port,), lowered_network.outputs)
    assert export(model, ONNX, tmp_path / "net.onnx").verified


def test_agreement_counts_equal_decisions() -> None:
    ours = np.array([[0, 1], [1, 0], [0, 1], [2, 1]], np.float32)
    assert agreement(ours, ours) == 1.0
    assert agreement(ours, ours[:, ::-1]) == 0.0
    assert agreement(np.ones((4, 1), np.float32), np.ones((4, 1), np.float32)) is None


def test_a_runner_takes_one_array_for_each_input(lowered_network: Any, tmp_path: Path) -> None:
    (path,) = ONNX.write(lowered_network, tmp_path / "net.onnx")
    run: Runner = ONNX.run(path)
    assert run(np.zeros((5, 3, 12, 12), np.float32)).shape == (5, 10)
