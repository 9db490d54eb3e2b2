"""Second moments of what a layer is given, from batches as they come by."""

from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch  # noqa: TID253 - this file is about nothing else and is imported lazily
from torch import nn  # noqa: TID253
from torch.nn import functional  # noqa: TID253

from secateur.graph.products import MatrixProduct
from secateur.methods.quantize.recording import counted, is_convolution
from secateur.methods.quantize.rounding.second_order import Moments

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_PLACES: Final = 1 << 14
"""So many places of a layer's inputs are looked at, over all batches: each has what one output was made of."""
MOST_COLUMNS: Final = 8192
"""The moments of more inputs an output would take more than a quarter of a gigabyte."""


def why_untold(layer: Any) -> str | None:
    """None where moments of its inputs tell how far off what a layer gives is, else what it is in a few words."""
    if isinstance(layer, nn.modules.conv._ConvTransposeNd):
        return "transposed convolutions"
    if layer.weight.dim() > 2 and not is_convolution(layer):
        return "stacks of matrices"
    if _columns_of(layer) > MOST_COLUMNS:
        return f"layers with more than {MOST_COLUMNS:,} inputs an output"
    return None


def _columns_of(layer: Any) -> int:
    if is_convolution(layer):
        return prod(layer.weight.shape[1:])
    axis = layer.channel_axis if isinstance(layer, MatrixProduct) else 0
    return int(layer.weight.shape[1 - axis])


class MomentSums:
    """The sums over batches; `places` of each are looked at, the same in what a layer is given now and was before."""

    def __init__(self, layer: Any, batches: int) -> None:
        self.layer, self.places = layer, max(1, MOST_PLACES // max(batches, 1))
        self._count = 0
        self._given = self._wanted = self._mean_given = self._mean_wanted = torch.zeros(())

    def add(self, given: torch.Tensor, wanted: torch.Tensor | None = None, kept: torch.Tensor | None = None) -> None:
        """Take in a batch: what the layer is given by now, and what it was given, where that is something else; `kept`
        says which positions of a text count.
        """
        now = self._columns(given, kept)
        was = now if wanted is None else self._columns(wanted, kept)
        self._given, self._mean_given = self._given + now @ now.mT, self._mean_given + now.sum(2)
        if wanted is not None:
            self._wanted, self._mean_wanted = self._wanted + was @ now.mT, self._mean_wanted + was.sum(2)
        self._count += now.shape[2]

    def moments(self, *, centred: bool) -> Moments | None:
        """What was summed; `centred` where a bias will take back the mean. None where nothing came by, or no number."""
        if not self._count:
            return None
        given = self._mean(self._given, self._mean_given, self._mean_given, centred=centred)
        wanted = given
        if self._wanted.dim():
            wanted = self._mean(self._wanted, self._mean_wanted, self._mean_given, centred=centred)
        return Moments(given, wanted) if np.isfinite(given).all() and np.isfinite(wanted).all() else None

    def _mean(
        self, products: torch.Tensor, left: torch.Tensor, right: torch.Tensor, *, centred: bool
    ) -> "NDArray[np.float32]":
        mean = products / self._count
        if centred:
            mean = mean - (left / self._count)[:, :, None] * (right / self._count)[:, None, :]
        return np.asarray(mean.numpy())

    def _columns(self, values: torch.Tensor, kept: torch.Tensor | None) -> torch.Tensor:
        """(groups, columns, places): what outputs are made of, a column for each weight of an output channel."""
        if not is_convolution(self.layer):
            is_left = isinstance(self.layer, MatrixProduct) and self.layer.is_left
            rows = values.mT.reshape(-1, values.shape[-2]) if is_left else _flat(counted(values, kept))
            return rows[self._chosen(len(rows))].float().mT[None]
        windows = _windows(self.layer, values.float())
        spatial = windows.shape[: windows.dim() - 1 - len(self.layer.kernel_size)]
        place = torch.unravel_index(self._chosen(prod(spatial)), spatial)
        return windows[place].reshape(len(place[0]), self.layer.groups, -1).permute(1, 2, 0)

    def _chosen(self, count: int) -> torch.Tensor:
        if count <= self.places:
            return torch.arange(count)
        drawn = np.random.default_rng(count).choice(count, self.places, replace=False)
        return torch.from_numpy(np.sort(drawn))


def _flat(values: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, values.shape[-1])


def _windows(layer: Any, values: torch.Tensor) -> torch.Tensor:
    """A view (samples, *places, channels, *kernel) of what a convolution multiplies its weights with."""
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    padded = functional.pad(values, layer._reversed_padding_repeated_twice, mode=mode)
    for axis, (size, stride, apart) in enumerate(
        zip(layer.kernel_size, layer.stride, layer.dilation, strict=True), start=2
    ):
        padded = padded.unfold(axis, (size - 1) * apart + 1, stride)[..., ::apart]
    count = len(layer.kernel_size)
    places, kernel = range(2, 2 + count), range(2 + count, 2 + 2 * count)
    return padded.permute(0, *places, 1, *kernel)
