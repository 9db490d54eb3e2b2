"""Which samples train, which calibrate, which choose, which judge: fixed by a seed, every class in proportion.

Splits are index arrays in a shuffled order, so that the first n samples of a split are a fair sample of it.
`train` is learned from. `calibration` is the same samples: ranges and scales are statistics of the inputs, and whoever
needs them says how many. `validation` is held out of both, for all that chooses: sensitivity, the curves of a training,
when it stops. `test`, which nothing else sees, judges the result and nothing more.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "calibration", "validation", "test"]
Indices = NDArray[np.intp]

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.2
VALIDATION_MOST = 2048
"""More samples than that do not choose better, and would be lacking in training."""


def make_splits(
    labels: NDArray[np.generic],
    seed: int,
    *,
    stratify: bool,
    train: Indices | None = None,
    test: Indices | None = None,
    validation: Indices | None = None,
) -> Mapping[Split, Indices]:
    """The four splits of samples with these labels.

    `train`, `test` and `validation` are the source's own division. Without a test part, a fifth of each class is kept
    for it; without a validation part, a fifth of what is left for training, at most `VALIDATION_MOST`. `stratify` is
    for class labels; other labels are drawn at random. Needs at least two samples; of very few there may be no
    validation. Where the test part is everything, nothing is there to train on, and calibration and validation are
    samples that judge as well.
    """
    generator = np.random.default_rng(seed)
    keys = labels if stratify else np.zeros(len(labels), dtype=np.int64)
    if train is None and validation is None and test is not None and len(test) == len(labels):
        chosen = draw(test, keys, min(VALIDATION_MOST, max(1, round(VALIDATION_SHARE * len(test)))), generator)
        judging = generator.permutation(test)
        return {"train": test[:0], "calibration": judging, "validation": chosen, "test": judging}
    everything = np.arange(len(labels), dtype=np.intp) if train is None else train
    if validation is not None:
        everything = np.setdiff1d(everything, validation, assume_unique=True)
    if test is None:
        count = min(len(everything) - 1, max(1, round(TEST_SHARE * len(everything))))
        test = draw(everything, keys, count, generator)
        everything = np.setdiff1d(everything, test, assume_unique=True)
    if validation is None:
        count = min(len(everything) - 1, VALIDATION_MOST, max(1, round(VALIDATION_SHARE * len(everything))))
        validation = draw(everything, keys, count, generator)
        everything = np.setdiff1d(everything, validation, assume_unique=True)
    else:
        validation = generator.permutation(validation)
    learned = draw(everything, keys, len(everything), generator)
    return {
        "train": learned,
        "calibration": learned,
        "validation": validation,
        "test": generator.permutation(test),
    }


def told_splits(sizes: Mapping[Split, int], *, has_test: bool, has_validation: bool) -> tuple[str, ...]:
    """Which parts were drawn because the source has none, as sentences."""
    if not sizes["train"]:
        told = f"Nothing to train on is here, and no step can train: all {sizes['test']:,} samples judge"
        return (f"{told}, and ranges are calibrated and options chosen on samples among them.",)
    drawn = []
    if not has_test:
        drawn.append(f"{sizes['test']:,} to test")
    if not has_validation and sizes["validation"]:
        drawn.append(f"{sizes['validation']:,} to choose by (validation)")
    if not drawn:
        return ()
    return (f"Drawn at random and held out of training, as the data has no such part: {' and '.join(drawn)}.",)


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
