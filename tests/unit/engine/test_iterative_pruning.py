"""Rounds of pruning and training: a run that is killed inside one goes on there, and ends with the same file."""

import hashlib
import itertools
import os
import queue
import signal

import numpy as np
import pytest
from forked_engines import fork_engines

from secateur.engine.client import EngineClient
from secateur.engine.events import CurvePoint, Failed, Finished, Log, Partial, Progress
from secateur.engine.requests import Compress, DataSource
from secateur.model.description import ModelSource
from secateur.recipe.reading import parse_recipe

NETWORK = """
import torch
from torch import nn

input_shape = (1, 8, 8)

def make():
    torch.manual_seed(0)
    body = (nn.Conv2d(1, 20, 3, padding=1), nn.ReLU(), nn.Conv2d(20, 8, 3, padding=1), nn.ReLU())
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
"""
RATIOS = [0.1, 0.2, 0.3, 0.35]
RECIPE = parse_recipe(
    {
        "schema": 1,
        "steps": [
            {
                "repeat": 4,
                "steps": [
                    {"method": "channel_pruning", "layers": ["0"], "ratio": RATIOS, "round_to": 1},
                    {"method": "distillation", "epochs": 2, "batch_size": 4},
                ],
            }
        ],
    }
)


class Runs:
    """Runs of the recipe in engine processes of their own."""

    def __init__(self, folder):
        (folder / "network.py").write_text(NETWORK)
        random = np.random.default_rng(0)
        labels = random.integers(0, 3, 300)
        images = random.integers(0, 90, (300, 8, 8)).astype(np.uint8)
        images[np.arange(300), labels * 2, :] += 120
        np.savez(folder / "stripes.npz", images=images, labels=labels)
        self.folder = folder
        self.model = ModelSource(factory=f"{folder / 'network.py'}:make")
        self.data = DataSource(str(folder / "stripes.npz"), {"mean": [0.2], "std": [0.3]})

    def start(self, name, *, resume=False):
        events = queue.Queue()
        client = EngineClient(events.put)
        out = self.folder / name
        job = client.submit(Compress(self.model, self.data, RECIPE, name, folder=out, resume=resume))
        return client, events, job

    def finish(self, name, *, resume=False):
        """(events, the run's record) of a whole run."""
        client, events, job = self.start(name, resume=resume)
        seen = []
        while not (seen and isinstance(seen[-1], Finished) and seen[-1].job == job):
            seen.append(events.get(timeout=240))
            assert not isinstance(seen[-1], Failed), seen[-1]
        client.close()
        return seen, seen[-1].result.record

    def hash_of(self, name):
        return hashlib.sha256((self.folder / name / "model.onnx").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        fork_engines(patch)
        patch.setenv("SECATEUR_HOME", str(folder / "home"))
        yield Runs(folder)


@pytest.fixture(scope="module")
def whole(runs):
    """(events, record) of the run that nothing disturbs."""
    return runs.finish("whole")


def test_a_run_killed_inside_round_three_goes_on_there_and_ends_with_the_same_file(runs, whole):
    seen, record = whole
    texts = [event.text for event in seen if isinstance(event, Progress)]
    assert all(any(text.startswith(f"Round {n} of 4: ") for text in texts) for n in (1, 2, 3, 4))
    points = [event.value for event in seen if isinstance(event, Partial) and isinstance(event.value, CurvePoint)]
    assert sorted({point.round for point in points}) == [1, 2, 3, 4]
    assert all(later.follows(point) for point, later in itertools.pairwise(points)), "one curve"
    assert points[-1].course == points[-1].course_end == 4 * 2
    assert record.document.files[0].verified
    assert record.document.recipe["steps"][0]["repeat"] == 4
    ended = record.document.trainings
    assert [(one.method, one.round, one.rounds, one.epochs) for one in ended] == [
        ("distillation", n, 4, 2) for n in (1, 2, 3, 4)
    ]
    last = {
        n: [point.metric for point in points if point.round == n and point.metric is not None] for n in (1, 2, 3, 4)
    }
    assert [one.metric for one in ended] == [metrics[-1] for metrics in last.values()]

    client, events, _ = runs.start("broken")
    is_third = False
    while True:
        event = events.get(timeout=240)
        assert not isinstance(event, Failed | Finished), event
        is_third = is_third or (isinstance(event, Progress) and event.text.startswith("Round 3 of 4: Distillation"))
        # in its second epoch a training has left a checkpoint
        if is_third and isinstance(event, Partial) and isinstance(event.value, CurvePoint) and event.value.epoch > 1.1:
            break
    os.kill(client.pid, signal.SIGKILL)
    client.close()

    seen, record = runs.finish("broken", resume=True)
    log = [event.text for event in seen if isinstance(event, Log)]
    assert len([line for line in log if "steps of this training were taken before" in line]) == 2
    assert len([line for line in log if line.startswith("Training goes on at step")]) == 1, (
        "the one that was broken off"
    )
    assert record.document.files[0].verified
    assert runs.hash_of("broken") == runs.hash_of("whole")


def test_the_last_round_leaves_the_width_that_its_ratio_says(runs, whole):
    import onnx

    assert any(isinstance(event, Partial) for event in whole[0])
    graph = onnx.load(runs.folder / "whole" / "model.onnx").graph
    first = next(weight for weight in graph.initializer if len(weight.dims) == 4)
    assert first.dims[0] == 20 - int(20 * RATIOS[-1])
