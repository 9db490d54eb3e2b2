"""`compress --resume` knows what the run in the folder was made of."""

import json
from pathlib import Path

import numpy as np
import pytest

from secateur.cli.commands import run
from secateur.cli.resuming import Asked, new_run, resumed_run
from secateur.engine.events import RunRecord
from secateur.engine.requests import DataSource
from secateur.engine.store import RunStore
from secateur.errors import UserError
from secateur.model.description import ModelSource

RECIPE = "schema: 1\nsteps:\n- {method: weight_only, layers: ['*'], bits: 8}\n"
NOTHING = Asked(None, "", None, ())


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def begun(folder, **changes):
    """A run that broke off in `folder`."""
    values = {
        "run": "r1", "name": "out", "model": "net.onnx", "fingerprint": "f", "data": "digits.npz",
        "recipe_yaml": RECIPE,
        "state": "running", "created": 1.0, "folder": str(folder), "model_source": ModelSource("/m/net.onnx"),
        "data_source": DataSource("/d/digits.npz", {"mean": [0.1]}), "exports": ("onnx", "safetensors"),
    }  # fmt: skip
    RunStore().begin(RunRecord(**{**values, **changes}))
    RunStore().end("r1", "stopped")


def test_nothing_has_to_be_said_of_a_run_that_knows_it(tmp_path):
    begun(tmp_path / "out")
    wanted = resumed_run(NOTHING, Path("out"))
    assert wanted.model == ModelSource("/m/net.onnx")
    assert wanted.data == DataSource("/d/digits.npz", {"mean": [0.1]})
    assert [step.method.id for step in wanted.recipe.steps] == ["weight_only"]
    assert (wanted.exports, wanted.run) == (("onnx", "safetensors"), "r1")


def test_what_is_said_goes_before_what_the_run_knows(tmp_path):
    begun(tmp_path / "out")
    (tmp_path / "r.yaml").write_text("schema: 1\nsteps: []\n")
    wanted = resumed_run(Asked(ModelSource("b.onnx"), "b.npz", Path("r.yaml"), ("gguf",)), Path("out"))
    assert (wanted.model, wanted.data, wanted.exports) == (ModelSource("b.onnx"), DataSource("b.npz"), ("gguf",))
    assert not wanted.recipe.steps


def test_a_run_of_an_earlier_version_says_what_it_does_not_know(tmp_path):
    begun(tmp_path / "out", model_source=None, data_source=None, exports=())
    with pytest.raises(UserError, match=r"how its model net\.onnx is opened"):
        resumed_run(NOTHING, Path("out"))
    assert resumed_run(Asked(ModelSource("net.onnx"), "", None, ()), Path("out")).data == DataSource("digits.npz")


@pytest.mark.parametrize(
    ("asked", "lacking"), [(NOTHING, "the model"), (Asked(ModelSource("m"), "", None, ()), "--rec")]
)
def test_a_new_run_says_what_it_lacks(asked, lacking):
    with pytest.raises(UserError, match=lacking):
        new_run(asked)


def test_a_broken_run_is_finished_by_its_folder_alone(capsys, tmp_path, monkeypatch):
    from secateur.resources import resource

    whole = np.load(resource("sample/mnist_5k.npz"))
    np.savez(tmp_path / "small.npz", images=whole["images"][::50], labels=whole["labels"][::50])
    (tmp_path / "r.yaml").write_text(RECIPE)
    first = ["compress", "sample:model", "--data", "small.npz", "--recipe", "r.yaml", "-o", "out", "--export"]
    with pytest.raises(SystemExit) as end:
        run([*first, "onnx,safetensors", "--json"])
    assert not end.value.code
    whole_run = json.loads(capsys.readouterr().out)
    RunStore().end(whole_run["run"], "stopped")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(SystemExit) as end:
        run(["compress", "--resume", "-o", str(tmp_path / "out"), "--json"])
    assert not end.value.code
    again = json.loads(capsys.readouterr().out)
    assert again["run"] == whole_run["run"]
    assert [file["format"] for file in again["files"]] == [file["format"] for file in whole_run["files"]]
    assert again["result"]["metric"] == whole_run["result"]["metric"]
