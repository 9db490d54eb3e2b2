"""The result of a run says what it was made of, what was made of each layer, and what was lost where."""

from pathlib import Path
from typing import Any

import pytest

from secateur import __version__
from secateur.engine.events import Finished
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compress, ScoreSensitivity
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.model.documents import RunDocument
from secateur.recipe.reading import parse_recipe

RECIPE = parse_recipe(
    {
        "schema": 1,
        "steps": [
            {"method": "fine_tuning", "epochs": 1},
            {"method": "weight_only", "layers": ["3"], "bits": 4},
            {"method": "static_int8", "layers": ["0"]},
        ],
    }
)


@pytest.fixture(scope="module")
def document(shared: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    model, data = shared
    folder = tmp_path_factory.mktemp("details")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECATEUR_HOME", str(folder / "home"))
        shop = Workshop(1)

        def do(request: Any) -> Any:
            done = run_job(request, Reporter(1, lambda event: None), shop)
            assert isinstance(done, Finished), done
            return done.result

        do(ScoreSensitivity(model, data, "measure", ("int8",), 64))
        do(Compress(model, data, RECIPE, "the-run", folder=folder / "out"))
    return RunDocument.model_validate_json((folder / "out" / "result.json").read_text())


def test_it_says_what_it_was_made_of(document: RunDocument, shared: Any) -> None:
    model, data = shared
    origin = document.origin
    assert origin is not None
    assert (origin.version, origin.task, origin.classes, origin.recipe_yaml) == (
        __version__, "classification", 3, RECIPE.to_yaml(),
    )  # fmt: skip
    assert origin.model_source is not None
    assert origin.model_source["factory"] == model.factory
    assert origin.data_source is not None
    assert Path(str(origin.data_source["path"])) == Path(data.path)
    assert sum(origin.splits.values()) >= 600
    assert origin.machine
    assert origin.target == "onnxruntime"


def test_it_says_what_was_made_of_each_layer(document: RunDocument) -> None:
    made = {layer.layer: layer for layer in document.made}
    assert [(name, layer.bits) for name, layer in made.items()] == [("0", 8), ("3", 4), ("7", 32)]
    assert (made["0"].done, made["3"].done, made["7"].done) == (("int8",), ("4-bit",), ())
    assert made["3"].stored.startswith("4-bit integers")
    assert made["0"].shape_after == made["0"].shape_before


def test_it_says_the_damage_that_was_measured_of_what_was_chosen(document: RunDocument) -> None:
    made = {layer.layer: layer for layer in document.made}
    assert made["0"].damage is not None
    assert (made["0"].damage_unit, made["0"].damage_samples) == ("nats", 64)
    assert made["3"].damage is None  # nobody measured that


def test_it_says_what_was_lost_on_which_class(document: RunDocument) -> None:
    assert {part.name for part in document.parts} == {"0", "1", "2"}
    assert sum(part.samples for part in document.parts) == document.result.samples
    gains = [part.gain for part in document.parts]
    assert gains == sorted(gains)


def test_it_keeps_how_its_training_went(document: RunDocument) -> None:
    (training,) = document.trainings
    assert len(training.curve) >= 2
    assert [row.epoch for row in training.curve] == sorted(row.epoch for row in training.curve)
    assert training.curve[-1].metric == training.metric
