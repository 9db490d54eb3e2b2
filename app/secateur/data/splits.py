"""Which samples train, which calibrate, which test: fixed by a seed, every class in proportion.

Splits are index arrays in a shuffled order, so that the first n samples of a split are a fair sample of it.
The calibration samples are a subset of the training samples, not held out from them: ranges and scales are
statistics of the inputs, and only the test samples, which nothing else sees, judge the result.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "calibration", "test"]
Indices = NDArray[np.intp]

TEST_SHARE = 0.2
CALIBRATION_COUNT = 512


def make_splits(
    labels: NDArray[np.generic],
    seed: int,
    *,
    stratify: bool,
    train: Indices | None = None,
    test: Indices | None = None,
) -> Mapping[Split, Indices]:
    """The three splits of samples with these labels.

    `train` and `test` are the source's own division; without a test part, a fifth of each class is kept for
    it. `stratify` is for class labels; other labels are drawn at random. Needs at least two samples.
    """
    generator = np.random.default_rng(seed)
    keys = labels if stratify else np.zeros(len(labels), dtype=np.int64)
    everything = np.arange(len(labels), dtype=np.intp) if train is None else train
    if test is None:
        count = min(len(everything) - 1, max(1, round(TEST_SHARE * len(everything))))
        test = draw(everything, keys, count, generator)
        everything = np.setdiff1d(everything, test, assume_unique=True)
    calibration = draw(everything, keys, min(CALIBRATION_COUNT, len(everything)), generator)
    return {
        "train": generator.permutation(everything),
        "calibration": calibration,
        "test": generator.permutation(test),
    }


def draw(among: Indices, keys: NDArray[np.generic], count: int, generator: np.random.Generator) -> Indices:
    """`count` of `among` without repetition, each key in proportion (largest remainder), in random order."""
    values, inverse, sizes = np.unique(keys[among], return_inverse=True, return_counts=True)
    exact = sizes * (count / max(1, len(among)))
    quota = np.floor(exact).astype(np.intp)
    # ties between equal remainders fall at random, or the first classes would always get one more
    order = np.lexsort((generator.random(len(values)), quota - exact))
    quota[order[: count - int(quota.sum())]] += 1
    chosen = [
        generator.choice(among[inverse == key], size=quota[key], replace=False)
        for key in range(len(values))
        if quota[key]
    ]
    return generator.permutation(np.concatenate(chosen)) if chosen else among[:0]
