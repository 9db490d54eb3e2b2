"""A file that ONNX Runtime does not load is looked at all the same, says why it is not run, and breaks nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from secateur.cli.commands import run
from secateur.engine.events import Failed, Finished
from secateur.engine.reporting import Reporter
from secateur.engine.requests import (
    AskFormats,
    Compress,
    CountSpectra,
    DataSource,
    Evaluate,
    Export,
    MeasureLatency,
    OpenData,
    OpenModel,
    ReadGraph,
    RecordActivations,
    WriteSkeleton,
)
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.errors import UserError
from secateur.formats.reading import open_model
from secateur.model.description import ModelSource
from secateur.recipe.reading import parse_recipe

KINDS = ["an operator of its own", "an operator that is none", "numbers it does not compute in", "a version to come"]


def network(kind: str) -> onnx.ModelProto:
    weight = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    number = TensorProto.BFLOAT16 if "numbers" in kind else TensorProto.FLOAT
    stored = helper.make_tensor("conv.weight", number, weight.shape, weight.flatten())
    last = {"an operator of its own": ("Mine", "my.operators"), "an operator that is none": ("NoSuch", "")}
    name, domain = last.get(kind, ("Relu", ""))
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "conv.weight"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node(name, ["c"], ["y"], domain=domain),
        ],
        "network",
        [helper.make_tensor_value_info("x", number, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("y", number, ["N", 4, 8, 8])],
        [stored],
    )
    versions = [helper.make_opsetid("", 20), helper.make_opsetid("my.operators", 1)]
    return helper.make_model(graph, opset_imports=versions, ir_version=99 if kind == "a version to come" else 10)


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> ModelSource:
    path = tmp_path / "net.onnx"
    path.write_bytes(network(request.param).SerializeToString())
    return ModelSource(str(path))


def test_it_is_inspected_with_a_note_on_why_it_is_not_run(
    source: ModelSource, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        run(["inspect", source.path, "--json"])
    assert not end.value.code
    document = json.loads(capsys.readouterr().out)
    (layer,) = document["layers"]
    assert (layer["name"], layer["params"], layer["macs"]) == ("conv", 108, 108 * 64)
    assert layer["sqnr_db"]["8"] > 40
    assert layer["latency_ms"] is None
    said = " ".join(document["notes"])
    assert "ONNX Runtime cannot load net.onnx: " in said
    assert "[ONNXRuntimeError]" not in said


def test_everything_else_is_done_or_refused_in_a_sentence(source: ModelSource, tmp_path: Path) -> None:
    shop = Workshop(1)

    def do(request: Any) -> Any:
        return run_job(request, Reporter(1, lambda event: None), shop)

    opened = do(OpenModel(source))
    assert isinstance(opened, Finished), opened
    assert not opened.result.model.runnable
    for possible in (CountSpectra(source), ReadGraph(source), WriteSkeleton(source)):
        assert isinstance(do(possible), Finished), possible
    noise = DataSource("random")
    recipe = parse_recipe({"schema": 1, "steps": [{"method": "magnitude_pruning", "layers": ["*"]}]})
    for impossible in (
        OpenData(source, noise),
        Evaluate(source, noise),
        RecordActivations(source, noise),
        MeasureLatency(source),
        Compress(source, noise, recipe, "r", folder=tmp_path / "out"),
        Export(source, None, "onnx", tmp_path / "new.onnx"),
    ):
        event = do(impossible)
        assert isinstance(event, Failed), impossible
        assert not event.details, "a bug, not a sentence"
        assert "ONNX Runtime" in f"{event.sentence} {event.hint}"
    assert not (tmp_path / "new.onnx").exists()
    answers = do(AskFormats(source)).result.answers
    assert all(
        "ONNX Runtime cannot load" in answer.refusal for answer in answers if "not installed" not in answer.refusal
    )


def test_a_file_without_any_layer_that_no_runtime_loads_is_refused(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("NoSuch", ["x"], ["y"])],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    onnx.save(helper.make_model(graph), tmp_path / "net.onnx")
    with pytest.raises(UserError, match=r"net\.onnx"):
        open_model(ModelSource(str(tmp_path / "net.onnx")))


def test_a_file_that_is_loaded_and_cannot_be_run_on_noise_is_inspected_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proto = network("")
    del proto.graph.initializer[:]
    proto.graph.initializer.append(numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "conv.weight"))
    proto.graph.node[0].attribute.append(helper.make_attribute("group", 2))
    proto.graph.ClearField("output")
    proto.graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, None))
    (tmp_path / "net.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(SystemExit) as end:
        run(["inspect", str(tmp_path / "net.onnx"), "--json"])
    assert not end.value.code
    captured = capsys.readouterr()
    assert json.loads(captured.out)["layers"][0]["latency_ms"] is None
    assert "could not run one sample" in captured.err
