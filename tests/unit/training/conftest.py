"""A toy task that trains in a second: which of three directions a small image is bright in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from secateur.data.batch import Batch
from secateur.data.task import Task
from secateur.data.tasks.classification import Classification
from secateur.model.description import Port


@dataclass
class ToyData:
    """The part of `secateur.data.dataset.Dataset` that training uses, in memory."""

    inputs: np.ndarray
    labels: np.ndarray
    splits: dict[str, np.ndarray]
    name: str = "toy"
    task: Task = Classification("top1")  # noqa: RUF009 - a frozen value
    preprocessing: None = None
    asked: list[int] = field(default_factory=list)

    def size(self, split: str) -> int:
        return len(self.splits[split])

    def batch(self, split: str, indices: Any) -> Batch:
        samples = self.splits[split][np.asarray(indices)]
        return Batch({"input": self.inputs[samples]}, self.labels[samples])

    def batches(self, split: str, batch_size: int, limit: int | None = None) -> Iterator[Any]:
        count = min(limit or self.size(split), self.size(split))
        for start in range(0, count, batch_size):
            yield self.batch(split, range(start, min(start + batch_size, count)))

    def training_batch(self, indices: Any, rng: np.random.Generator, augment: bool = True) -> Any:
        self.asked.extend(int(sample) for sample in self.splits["train"][np.asarray(indices)])
        batch = self.batch("train", indices)
        if not augment:
            return batch
        noise = rng.normal(0, 0.05, batch.first.shape).astype(np.float32)
        return Batch({"input": batch.first + noise}, batch.targets)

    def label(self, split: str, index: int) -> str:
        return str(self.labels[self.splits[split][index]])

    def prepare(self, split: str, progress: Callable[[int, int, str], None]) -> None:
        progress(1, 1, "Decoding")


def toy_data(samples: int = 200) -> ToyData:
    random = np.random.default_rng(7)
    labels = random.integers(0, 3, samples)
    inputs = random.normal(0, 0.3, (samples, 3, 8, 8)).astype(np.float32)
    inputs[np.arange(samples), labels] += 1.0
    order = random.permutation(samples)
    train, held_out, test = np.split(order, [samples * 4 // 5 - 32, samples * 4 // 5])
    splits = {"train": train, "calibration": train, "validation": held_out, "test": test}
    return ToyData(inputs, labels, splits)


def toy_network(seed: int = 0) -> Any:
    import torch
    from torch import nn

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.1),
            nn.Linear(24, 3),
        ).eval()


def toy_model(seed: int = 0) -> Any:
    from secateur.graph.network import TorchModel

    ports = (Port("input", "float32", (None, 3, 8, 8)),), (Port("scores", "float32", (None, 3)),)
    return TorchModel(f"toy{seed}", toy_network(seed), *ports)


@pytest.fixture
def data() -> ToyData:
    return toy_data()


@pytest.fixture(scope="module")
def toy() -> ToyData:
    """The same data for a whole file of tests, which do not change it."""
    return toy_data()


@pytest.fixture
def student() -> Any:
    return toy_model(seed=1)


@pytest.fixture(scope="session")
def teacher() -> Any:
    """A toy model that has learned the task from its labels."""
    from secateur.graph.context import Context
    from secateur.methods.distil.distillation import Distillation

    untrained = toy_model(seed=0)
    method = Distillation(alpha=1.0, epochs=4, batch_size=16, learning_rate=0.1)
    return method.apply(untrained, (), Context(data=toy_data(), original=untrained))
