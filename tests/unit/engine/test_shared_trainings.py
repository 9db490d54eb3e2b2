"""Runs that begin with the same steps take each other's trainings over: the same file, without training again."""

from dataclasses import replace
from pathlib import Path

import pytest
from small_instances import make_wide

from secateur.engine.events import Finished, Log
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compress, DataSource
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.methods.distil.distillation import Distillation
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource
from secateur.recipe.recipe import Recipe, Step

BEGINNING = (Step(ChannelPruning(ratio=0.5, round_to=4), ("*",)), Step(Distillation(epochs=2, batch_size=16)))
ENDING = Step(Distillation(epochs=1, batch_size=16, learning_rate=0.001))


def recipe(bits: int) -> Recipe:
    return Recipe((*BEGINNING, Step(WeightOnly(bits=bits), ("*",)), ENDING))


@pytest.fixture
def wide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compress:
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    made = make_wide(tmp_path)
    source, data = ModelSource(str(made.network)), DataSource(str(made.data), {"mean": [0.0], "std": [1.0]})
    return Compress(source, data, recipe(8), "first", folder=tmp_path / "first", trainings=tmp_path / "trainings")


def carried_out(request: Compress, workshop: Workshop) -> tuple[Finished, list[str]]:
    said: list[str] = []

    def hear(event: object) -> None:
        if isinstance(event, Log):
            said.append(event.text)

    event = run_job(request, Reporter(1, hear), workshop)
    assert isinstance(event, Finished), event
    return event, said


def test_a_training_that_another_run_began_with_is_taken_over(wide: Compress, tmp_path: Path) -> None:
    workshop = Workshop(1)
    _, said = carried_out(wide, workshop)
    assert not [line for line in said if "taken before" in line]
    second = replace(wide, recipe=recipe(4), run="second", folder=tmp_path / "second")
    taken, said = carried_out(second, workshop)
    assert len([line for line in said if "taken before" in line]) == 1, "what follows the encodings is its own"

    alone = replace(second, run="alone", folder=tmp_path / "alone", trainings=None)
    anew, said = carried_out(alone, workshop)
    assert not [line for line in said if "taken before" in line]
    assert (tmp_path / "alone" / "model.onnx").read_bytes() == (tmp_path / "second" / "model.onnx").read_bytes()
    assert taken.result.record.document.trainings == anew.result.record.document.trainings
