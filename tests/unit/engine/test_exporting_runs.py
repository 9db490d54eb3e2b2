"""Exporting what a run made: copies of its proven files, any other format from the network that it kept."""

import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from secateur.engine.events import Exported, Failed, Finished, FormatsAnswered
from secateur.engine.reporting import Reporter
from secateur.engine.requests import AskFormats, Compress, DataSource, Export
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.formats import FORMATS
from secateur.model.description import ModelSource
from secateur.recipe.reading import parse_recipe

RECIPE = parse_recipe({"schema": 1, "steps": [{"method": "static_int8", "layers": ["*"]}]})


NETWORK = """
import torch
from torch import nn

input_shape = (1, 8, 8)

def make():
    torch.manual_seed(0)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 3))
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), *head)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A finished int8 run, and a function that does further requests in the same workshop."""
    folder, random = tmp_path_factory.mktemp("run"), np.random.default_rng(0)
    (folder / "network.py").write_text(NETWORK)
    np.savez(
        folder / "noise.npz",
        images=random.integers(0, 255, (300, 8, 8)).astype(np.uint8),
        labels=random.integers(0, 3, 300),
    )
    model, data = ModelSource(factory=f"{folder / 'network.py'}:make"), DataSource(str(folder / "noise.npz"))
    shop = Workshop(1)

    def do(request: Any) -> Any:
        return run_job(request, Reporter(1, lambda event: None), shop)

    done = do(Compress(model, data, RECIPE, "the-run", exports=("onnx", "package")))
    assert isinstance(done, Finished), done
    return SimpleNamespace(model=model, data=data, do=do, record=done.result.record)


def exported(run: SimpleNamespace, format_id: str, path: Path) -> Any:
    done = run.do(Export(run.model, run.data, format_id, path, "the-run"))
    assert isinstance(done, Finished), done
    assert isinstance(done.result, Exported)
    return done.result.file


def test_a_quantized_run_is_exported_in_a_format_that_it_was_not_written_in(run: Any, tmp_path: Path) -> None:
    file = exported(run, "torchscript", tmp_path / "small.ts")
    assert file.verified, file.sentence
    assert Path(file.path).is_file()


def test_a_file_that_the_run_proved_is_copied_byte_for_byte(run: Any, tmp_path: Path) -> None:
    file = exported(run, "onnx", tmp_path / "copy.onnx")
    shipped = next(entry for entry in run.record.document.files if entry.format == "onnx")
    assert Path(file.path).read_bytes() == Path(shipped.path).read_bytes()


def test_a_package_from_a_run_brings_recipe_report_and_result(run: Any, tmp_path: Path) -> None:
    done = run.do(Export(run.model, run.data, "package", tmp_path / "whole.zip", "the-run"))
    assert isinstance(done, Finished), done
    with zipfile.ZipFile(tmp_path / "whole.zip") as archive:
        assert {"recipe.yaml", "report.html", "result.json"} <= set(archive.namelist())


def test_every_format_answers_for_a_run_and_for_the_model(run: Any) -> None:
    for name in ("the-run", ""):
        done = run.do(AskFormats(run.model, name))
        assert isinstance(done.result, FormatsAnswered)
        answers = {answer.format: answer for answer in done.result.answers}
        assert set(answers) == {target.id for target in FORMATS if target.writes}
        assert answers["onnx"].refusal == ""
        assert bool(answers["safetensors"].refusal) == bool(name), "float networks alone are stored so"
        assert bool(answers["torchscript"].loss) == bool(name)


def test_a_run_that_is_not_there_is_a_sentence(run: Any, tmp_path: Path) -> None:
    failed = run.do(Export(run.model, None, "onnx", tmp_path / "net.onnx", "no-such-run"))
    assert isinstance(failed, Failed)
    assert failed.was_wrong
