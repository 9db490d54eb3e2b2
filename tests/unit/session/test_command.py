"""The command that does what the window would do: quoted for a shell, and understood by the command line."""

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from secateur.cli import answers
from secateur.cli.answers import model_source
from secateur.cli.commands import app
from secateur.data.description_file import read_wish
from secateur.engine.requests import DataSource
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.model.description import ModelSource
from secateur.recipe.reading import load_recipe
from secateur.recipe.recipe import Recipe, Step
from secateur.session.command import compress_command

RECIPE = Recipe((Step(MagnitudePruning(ratio=0.3), ("conv1",)),))


@pytest.fixture
def understood(monkeypatch):
    """Gives a command's text to the command line; what it was understood as."""

    def read(text: str):
        taken = {}

        def compress(model, weights, data, recipe, out, export, **more):
            taken.update(model=model, weights=weights, data=data, recipe=recipe, out=out, export=export, **more)

        monkeypatch.setattr(answers, "compress", compress)
        words = shlex.split(text)
        assert words[0] == "secateur"
        done = CliRunner().invoke(app, words[1:])
        assert done.exit_code == 0, done.output
        return taken

    return read


@pytest.mark.parametrize(
    "model",
    [
        ModelSource("sample:model"),
        ModelSource("my models/it's $HOME.onnx"),
        ModelSource("weights of it.safetensors", "my code.py:make"),
        ModelSource("old.pt", trusted=True),
    ],
)
def test_the_command_line_understands_the_very_same_request(model, understood, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my models").mkdir()
    for name in ("my models/it's $HOME.onnx", "weights of it.safetensors", "my code.py", "old.pt", "d ata.npz"):
        Path(name).touch()
    command = compress_command(model, DataSource("d ata.npz"), RECIPE, ("safetensors",), tmp_path / "kept here")
    taken = understood(command.text)
    assert model_source(taken["model"], taken["weights"], taken["trust"]) == model.absolute()
    assert taken["data"] == str(tmp_path / "d ata.npz")
    assert load_recipe(taken["recipe"]) == RECIPE
    assert taken["export"] == "safetensors"
    assert not taken["out"].exists()


def test_data_that_was_prepared_in_an_own_way_is_described_in_a_file(understood, tmp_path):
    (tmp_path / "d.npz").touch()
    data = DataSource(str(tmp_path / "d.npz"), {"mean": (0.5,), "std": (0.25,), "resize": 32})
    taken = understood(compress_command(ModelSource("a.onnx"), data, RECIPE, (), tmp_path).text)
    wish = read_wish(DataSource(taken["data"]))
    assert wish.path == str(tmp_path / "d.npz")
    assert wish.preprocessing == {"mean": [0.5], "std": [0.25], "resize": 32}


def test_a_description_that_was_changed_in_the_window_is_described_anew(understood, tmp_path):
    described = tmp_path / "data.yaml"
    described.write_text(
        "source: d.npz\ntask: classification\nclasses: [a, b]\npreprocessing: {mean: [0.1], crop: 8}\n"
    )
    data = DataSource(str(described), {"mean": [0.9]})
    taken = understood(compress_command(ModelSource("a.onnx"), data, RECIPE, (), tmp_path / "kept").text)
    wish = read_wish(DataSource(taken["data"]))
    assert wish.path == str(tmp_path / "d.npz")
    assert wish.classes == ("a", "b")
    assert wish.preprocessing == {"mean": [0.9], "crop": 8}


def test_weights_without_a_network_need_no_data(understood, tmp_path):
    taken = understood(compress_command(ModelSource("a.safetensors"), None, RECIPE, (), tmp_path).text)
    assert taken["data"] == ""


def test_the_same_plan_gives_the_same_command(tmp_path):
    first, again = (compress_command(ModelSource("a.onnx"), None, RECIPE, (), tmp_path) for _ in range(2))
    assert first == again
    assert len(list(tmp_path.iterdir())) == 1


def test_columns_and_a_tokenizer_that_were_said_in_the_window_are_described_too(understood, tmp_path):
    for name in ("pairs.csv", "tokenizer.json"):
        (tmp_path / name).touch()
    said = {"columns": {"text": (0, 1), "target": 2}, "tokenizer": str(tmp_path / "tokenizer.json"), "max_length": 32}
    data = DataSource(str(tmp_path / "pairs.csv"), said=said)
    taken = understood(compress_command(ModelSource("a.onnx"), data, RECIPE, (), tmp_path / "kept").text)
    wish = read_wish(DataSource(taken["data"]))
    assert wish.path == str(tmp_path / "pairs.csv")
    assert wish.columns == {"text": (0, 1), "target": (2,)}
    assert (wish.tokenizer, wish.max_length) == (str(tmp_path / "tokenizer.json"), 32)
