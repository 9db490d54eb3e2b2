"""A toy task that trains in a second: which of three directions a small image is bright in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from secateur.model.description import Port


@dataclass
class ToyData:
    """The part of `secateur.data.dataset.Dataset` that training uses, in memory."""

    inputs: np.ndarray
    labels: np.ndarray
    splits: dict[str, np.ndarray]
    name: str = "toy"
    task: str = "classification"
    metric: str = "top1"
    preprocessing: None = None
    asked: list[int] = field(default_factory=list)

    def size(self, split: str) -> int:
        return len(self.splits[split])

    def batch(self, split: str, indices: Any) -> tuple[np.ndarray, np.ndarray]:
        samples = self.splits[split][np.asarray(indices)]
        return self.inputs[samples], self.labels[samples]

    def batches(self, split: str, batch_size: int, limit: int | None = None) -> Iterator[Any]:
        count = min(limit or self.size(split), self.size(split))
        for start in range(0, count, batch_size):
            yield self.batch(split, range(start, min(start + batch_size, count)))

    def training_batch(self, indices: Any, rng: np.random.Generator, augment: bool = True) -> Any:
        self.asked.extend(int(sample) for sample in self.splits["train"][np.asarray(indices)])
        inputs, labels = self.batch("train", indices)
        if augment:
            inputs = inputs + rng.normal(0, 0.05, inputs.shape).astype(np.float32)
        return inputs, labels

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
    train = order[: samples * 4 // 5]
    return ToyData(inputs, labels, {"train": train, "calibration": train[:32], "test": order[samples * 4 // 5 :]})


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
