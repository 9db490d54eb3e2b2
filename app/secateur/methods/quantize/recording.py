"""What is recorded of a network on calibration samples, all of it in one pass: spectra, mean inputs, mean outputs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.model.spectrum import Spectrum

if TYPE_CHECKING:
    import torch

    from secateur.data.batch import Batch
    from secateur.graph.network import TorchModel
    from secateur.methods.quantize.rounding.moments import MomentSums

BATCH: Final = 32
SAYING: Final = "Recording activation ranges"
SAYING_MEANS: Final = "Recording means"


@dataclass(eq=False)
class InputMean:
    """The mean of what a layer computes with, over samples and over its calls.

    A map, float64 with one sample on axis 0, where all are equally large: what a convolution makes of it is the mean of
    what it makes of each, padding included. For inputs of different sizes, and those of matrix products, the sum of
    each channel over all places (`by_channel`, axis `axis` of what comes in).
    """

    axis: int
    by_channel: bool
    total: "torch.Tensor | None" = None
    count: int = 0

    def add(self, values: "torch.Tensor", kept: "torch.Tensor | None" = None) -> None:
        """Take in what the layer is called with, (samples, …) floats; `kept` says which positions of a text count."""
        values = counted(values, kept) if self.by_channel else values
        seen = values.sum(0, keepdim=True, dtype=_exact())
        if not self.by_channel and self.total is not None and self.total.shape != seen.shape:
            self.total, self.count = self._in_channels(self.total), self.count * _places(self.total, self.axis)
            self.by_channel = True
        count = len(values)
        if self.by_channel:
            seen, count = self._in_channels(seen), count * _places(seen, self.axis)
        self.total = seen if self.total is None else self.total + seen
        self.count += count

    def _in_channels(self, values: "torch.Tensor") -> "torch.Tensor":
        return values.movedim(self.axis, 0).flatten(1).sum(1)

    @property
    def mean(self) -> "torch.Tensor | None":
        """float32; None where the layer was never called."""
        return None if self.total is None or not self.count else (self.total / self.count).float()


def _exact() -> "torch.dtype":
    import torch

    return torch.float64


def _places(values: "torch.Tensor", axis: int) -> int:
    """How many numbers of one sample each channel has."""
    return values[0].numel() // max(values.shape[axis], 1)


@dataclass(frozen=True, slots=True)
class OutputSum:
    """What one call of a layer gave for one batch: of each output channel the sum of its numbers and that of their
    squares, float64, and how many there are."""

    total: NDArray[np.float64]
    squares: NDArray[np.float64]
    count: int


@dataclass(eq=False)
class Recorded:
    """`spectra` by tensor; `inputs` by layer, over all its calls; `outputs`: for each batch by layer, of its last call;
    `moments` of inputs by layer, over all its calls.

    `peaks`: bytes that a run of each batch holds at the most. `has_ranges` is set where spectra were asked for, and
    `has_moments` where moments were.
    """

    spectra: dict[str, Spectrum] = field(default_factory=dict)
    has_ranges: bool = False
    has_moments: bool = False
    inputs: dict[str, InputMean] = field(default_factory=dict)
    outputs: list[dict[str, OutputSum]] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    moments: "dict[str, MomentSums]" = field(default_factory=dict)


def calibration_size(context: Context, samples: int) -> int:
    """How many calibration samples there are, at most `samples`; UserError where there are none."""
    total = min(samples, int(context.data.size("calibration")))
    if not total:
        raise UserError("The data has no calibration samples.", "Open data with a training or calibration part.")
    return total


def record(
    lowered: "TorchModel",
    context: Context,
    samples: int,
    *,
    tensors: Collection[str] = (),
    inputs: Collection[str] = (),
    outputs: Collection[str] = (),
    moments: Collection[str] = (),
) -> Recorded:
    """The spectra of `tensors`, the mean inputs of the layers `inputs`, the sums of what the layers `outputs` give, and
    the moments of the inputs of the layers `moments`.

    Over the first `samples` calibration samples, of the network as it computes by now: what is encoded is simulated.
    `context.progress` is called for every batch. UserError where there are no samples.
    """
    import torch

    from secateur.methods.quantize.recorder import Recorder

    total, done = calibration_size(context, samples), 0
    saying = SAYING if tensors else SAYING_MEANS
    recorder = Recorder.of(lowered, tensors=tensors, inputs=inputs, outputs=outputs)
    recorder.take_moments(moments, -(-total // BATCH))
    for batch in context.data.batches("calibration", min(BATCH, total), total):
        context.progress(done, total, saying)
        with torch.inference_mode():
            recorder.take(
                tuple(torch.from_numpy(np.ascontiguousarray(values)) for values in batch.arrays), kept_of(batch)
            )
        done += len(batch)
    context.progress(total, total, saying)
    return recorder.finished()


# ---------------------------------------------------------------------- layers


def output_axis(layer: Any) -> int:
    """The axis of the output channels in what a layer gives."""
    return 1 if is_convolution(layer) else -1


def is_convolution(layer: Any) -> bool:
    from torch import nn

    return isinstance(layer, nn.modules.conv._ConvNd)


def input_mean(layer: Any) -> InputMean:
    """An empty mean of the kind that this layer's output follows from."""
    if is_convolution(layer):
        return InputMean(1, by_channel=False)
    return InputMean(-1, by_channel=layer.weight.dim() == 2)  # stacks of matrices: each has inputs of its own


def kept_of(batch: "Batch") -> "torch.Tensor | None":
    """bool (rows, length): which positions of a batch of texts hold a token; None where no port tells.

    What stands in the others is read by nothing, and a third of a batch of short and long texts is that.
    """
    import torch

    from secateur.data.tasks.similarity import mask_of

    name = mask_of(batch.inputs)
    if name is None or batch.inputs[name].ndim != 2:
        return None
    return torch.from_numpy(np.ascontiguousarray(batch.inputs[name])).bool()


def counted(values: "torch.Tensor", kept: "torch.Tensor | None") -> "torch.Tensor":
    """(positions, channels): those of (rows, length, channels), or of its rows one after the other, that count.

    `values` themselves where they are not laid out by the positions of `kept`.
    """
    if kept is None or kept.shape[1] == 1:
        return values
    if values.dim() == 3 and values.shape[:2] == kept.shape:
        return values[kept]
    if values.dim() == 2 and len(values) == kept.numel():
        return values[kept.flatten()]
    return values


def output_sum(values: "torch.Tensor", axis: int, kept: "torch.Tensor | None" = None) -> OutputSum:
    """What comes of a layer, summed over all but its channels on `axis` (1, or −1: the last)."""
    if axis == -1:
        values = counted(values, kept)
    rows = values.movedim(axis, 0).flatten(1)
    squares = rows.square().sum(1, dtype=_exact())
    return OutputSum(np.asarray(rows.sum(1, dtype=_exact()).numpy()), np.asarray(squares.numpy()), int(rows.shape[1]))


def mean_of(sums: Sequence[OutputSum]) -> NDArray[np.float64]:
    """float64 (channels,) of all of them together."""
    return np.asarray(sum(one.total for one in sums) / max(sum(one.count for one in sums), 1))


def spread_of(sums: Sequence[OutputSum]) -> NDArray[np.float64]:
    """float64 (channels,): the standard deviation of all of them together, 0 where float32 cannot tell it from none."""
    count, mean = max(sum(one.count for one in sums), 1), mean_of(sums)
    squares = np.asarray(sum(one.squares for one in sums) / count)
    spread: NDArray[np.float64] = np.sqrt(np.maximum(squares - mean**2, 0.0))
    return np.where(spread > 1e-3 * np.sqrt(squares), spread, 0.0)


def mean_output(layer: Any, weight: NDArray[np.float32], inputs: InputMean) -> NDArray[np.float64] | None:
    """float64 (channels,): what the layer would give on average with this weight and no bias, by linearity exact.

    Of convolutions whose inputs differ in size without what padding takes away at the borders. None where the mean
    input does not tell: it was never called, or is transposed or a stack of matrices, and its inputs differ in size.
    """
    import torch
    from torch import nn
    from torch.func import functional_call

    mean = inputs.mean
    if mean is None:
        return None
    given = {"weight": torch.from_numpy(np.ascontiguousarray(weight, np.float32))}
    if isinstance(layer.bias, torch.Tensor):
        given["bias"] = torch.zeros_like(layer.bias)
    with torch.inference_mode():
        if not inputs.by_channel:
            made = functional_call(layer, given, (mean,))
        elif not is_convolution(layer):
            if layer.weight.dim() > 2:
                return None
            made = functional_call(layer, given, (mean[None],))
        elif isinstance(layer, nn.modules.conv._ConvTransposeNd):
            return None
        else:
            summed = given["weight"].flatten(2).sum(2)  # every weight meets the mean of its channel
            groups = mean.reshape(layer.groups, -1, 1)
            made = torch.bmm(summed.reshape(layer.groups, -1, summed.shape[1]), groups).reshape(1, -1)
        one = output_sum(made, output_axis(layer))
    return np.asarray(one.total / max(one.count, 1))
