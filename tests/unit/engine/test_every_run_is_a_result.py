"""A file that was run is a result, whatever its verdict; one that does not run leaves what the simulation measured."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from secateur.engine.events import Exported, Finished
from secateur.engine.jobs.measuring import IN_SIMULATION
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compare, Compress, Export
from secateur.engine.store import RunStore
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.formats.kinds.onnx_file import OnnxFormat
from secateur.model.description import ModelSource
from secateur.recipe.reading import parse_recipe

RECIPE = parse_recipe({"schema": 1, "steps": [{"method": "static_int8", "layers": ["*"]}]})


def break_weight(path: Path) -> None:
    """A writer's fault: the integers of one layer with the wrong sign."""
    proto = onnx.load(str(path))
    tensor = next(tensor for tensor in proto.graph.initializer if tensor.name.endswith(".weight"))
    tensor.CopyFrom(numpy_helper.from_array(np.negative(numpy_helper.to_array(tensor)), tensor.name))
    onnx.save(proto, str(path))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


@pytest.fixture
def run_with(monkeypatch: pytest.MonkeyPatch, model: Any, data: Any, tmp_path: Path) -> Any:
    """Runs the recipe with a writer that spoils what it has written, and gives a way to ask for more."""
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    shop, write = Workshop(1), OnnxFormat.write

    def do(request: Any) -> Any:
        done = run_job(request, Reporter(1, lambda event: None), shop)
        assert isinstance(done, Finished), done
        return done.result

    def run(spoil: Any) -> Any:
        def spoiled(self: OnnxFormat, *arguments: Any) -> tuple[Path, ...]:
            files = write(self, *arguments)
            spoil(files[0])
            return files

        monkeypatch.setattr(OnnxFormat, "write", spoiled)
        return do(Compress(model, data, RECIPE, "the-run", folder=tmp_path / "out")).record

    run.do = do  # type: ignore[attr-defined]
    return run


def test_a_file_that_differs_is_a_result_with_its_own_numbers(run_with: Any, tmp_path: Path) -> None:
    record = run_with(break_weight)
    document = record.document
    assert record.state == "finished"
    file = document.files[0]
    assert (file.verdict, Path(file.path).name) == ("differs", "model.onnx")
    assert file.first_deviating_layer
    assert document.result.metric is not None
    assert document.result.latency_ms is not None
    assert document.headline.startswith("The file does not compute what was planned, first in ")
    assert any("Differs from the simulation" in warning for warning in document.warnings)
    assert RunStore().find("the-run").document.files[0].verdict == "differs"
    assert (tmp_path / "out" / "result.json").is_file()


def test_a_file_that_differs_can_be_compared_and_exported_on_purpose(
    run_with: Any, model: Any, data: Any, tmp_path: Path
) -> None:
    run_with(break_weight)
    compared = run_with.do(Compare(model, ModelSource(str(tmp_path / "out" / "model.onnx")), data))
    assert compared.comparison.layers
    exported = run_with.do(Export(model, data, "onnx", tmp_path / "mine.onnx", "the-run"))
    assert isinstance(exported, Exported)
    assert exported.file.verdict == "differs"
    assert (tmp_path / "mine.onnx").read_bytes() == (tmp_path / "out" / "model.onnx").read_bytes()


def test_a_file_that_does_not_run_leaves_what_the_simulation_measured(run_with: Any) -> None:
    document = run_with(cut_off).document
    assert document.files[0].verdict == "broken"
    assert document.result.metric is not None
    assert document.result.metric.value >= 0.9 * document.original.metric.value
    assert document.result.latency_ms is None
    assert IN_SIMULATION in " ".join(document.warnings)


def test_a_right_file_is_proven_layer_by_layer(run_with: Any) -> None:
    document = run_with(lambda path: None).document
    assert (document.files[0].verdict, document.files[0].proof) == ("proven", "layers")
    assert not any("Differs" in warning for warning in document.warnings)
