"""Statistics of a pruned network, given back: what is left of each layer gets the mean and spread it had before.

Most of the damage of removed channels is that the sums behind them shift and shrink. Measuring batch norm's
statistics anew mends that, and where batch norm is folded into the convolutions, putting one in with the old
statistics as its target and folding it again does the same (after Jordan et al. 2022, arXiv:2211.08403).
"""

import copy
from collections.abc import Mapping
from math import ceil
from typing import Any, Final

import numpy as np
import torch  # noqa: TID253 - imported by channel removal alone
from numpy.typing import NDArray
from torch import nn  # noqa: TID253

from secateur.training.normalization import Fed, TemporaryNorms, bare_convolutions, output_statistics, settle

REPAIR_SAMPLES: Final = 512
REPAIR_BATCH: Final = 128
LEAST_SAMPLES: Final = 32


def calibration_batches(data: Any) -> list[Fed]:
    """Inputs of the calibration split, in batches as equal as can be.

    Batch norm takes the mean of its batches' statistics: a short last one would weigh as much as a whole one, and
    one of a single sample has no variance.
    """
    count = min(data.size("calibration"), REPAIR_SAMPLES)
    size = ceil(count / max(1, ceil(count / REPAIR_BATCH)))
    batches = data.batches("calibration", batch_size=size, limit=REPAIR_SAMPLES)
    return [tuple(torch.from_numpy(np.ascontiguousarray(values)) for values in batch.arrays) for batch in batches]


def can_repair(data: Any) -> bool:
    """Whether there are enough samples to take statistics from."""
    return data is not None and bool(data.size("calibration") >= LEAST_SAMPLES)


def repaired(
    pruned: nn.Module, original: nn.Module, kept: Mapping[str, NDArray[np.int64]], batches: list[Fed]
) -> nn.Module:
    """A copy of `pruned` whose layers have the output statistics of `original` on `batches`.

    `kept` gives for each layer the channels of `original` that are left. Neither network is changed.
    """
    reference, mended = copy.deepcopy(original), copy.deepcopy(pruned)
    layers = bare_convolutions(reference, batches[0])
    before = output_statistics(reference, layers, batches)
    wanted = {name: (mean[kept[name]], variance[kept[name]]) for name, (mean, variance) in before.items()}
    norms = TemporaryNorms(mended, batches, wanted)
    settle(mended, batches)
    result = copy.deepcopy(pruned)
    result.load_state_dict(norms.state_without(mended))
    return result.eval()
