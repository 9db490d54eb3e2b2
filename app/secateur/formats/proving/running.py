"""Running a file or a simulation on many samples, in the batches that it takes, and timing it for one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.formats.base import Progress, Runner, Samples
from secateur.model.description import Port
from secateur.model.documents import Latency

if TYPE_CHECKING:
    from secateur.graph.network import Model

BATCH: Final = 100
RANDOM_SAMPLES: Final = 64

Outputs = Sequence[NDArray[np.float32]]


@dataclass(frozen=True)
class Batching:
    """How samples lie in a network's inputs: `size` is the batch that it insists on (None: any), `axes` the axis of
    the samples in each input, −1 where an input is the same for all.
    """

    size: int | None
    axes: tuple[int, ...]

    @staticmethod
    def of(model: "Model") -> "Batching":
        """As the model's input ports say."""
        from secateur.graph.layers import batch_axis

        ports = model.inputs
        first = ports[0].shape[batch_axis(ports[0])] if ports and ports[0].shape else None
        return Batching(first, tuple(_axis(port, first) for port in ports))

    def count(self, inputs: Samples) -> int:
        """How many samples there are."""
        return next((values.shape[axis] for values, axis in zip(inputs, self.axes, strict=True) if axis >= 0), 1)

    def part(self, inputs: Samples, start: int, stop: int) -> list[NDArray[Any]]:
        """The inputs for the samples from `start` to before `stop`."""
        return [
            values if axis < 0 else np.ascontiguousarray(values[(slice(None),) * axis + (slice(start, stop),)])
            for values, axis in zip(inputs, self.axes, strict=True)
        ]

    def one(self, inputs: Samples) -> list[NDArray[Any]]:
        """One sample, or one batch of the size that the network insists on."""
        return self.part(inputs, 0, self.size or 1)


def _axis(port: Port, size: int | None) -> int:
    """Where the samples lie in one input; −1 where its length there is another one."""
    from secateur.graph.layers import batch_axis

    axis = batch_axis(port)
    return axis if axis < len(port.shape) and port.shape[axis] == size else -1


def samples_for(model: "Model", samples: Samples | None) -> Samples:
    """`samples`, or random ones where there are none."""
    from secateur.graph.layers import example_inputs

    if samples is not None and len(samples) == len(model.inputs) and len(samples[0]):
        return samples
    fixed = Batching.of(model).size or 1
    return example_inputs(model, batch=max(1, RANDOM_SAMPLES // fixed) * fixed)


def run_in_batches(
    run_all: Callable[..., Outputs], inputs: Samples, batching: Batching, progress: Progress, text: str
) -> list[NDArray[np.float32]]:
    """Every output for all samples, in batches of 100 or of the fixed size (a short rest is left out)."""
    size, count = batching.size or BATCH, batching.count(inputs)
    pieces: list[Outputs] = []
    for start in range(0, count, size):
        if batching.size and start + size > count:
            break
        progress(start, count, text)
        pieces.append(run_all(*batching.part(inputs, start, start + size)))
    progress(count, count, text)
    return [_joined(parts) for parts in zip(*pieces, strict=True)]


def _joined(parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The batches of one output as one array; flat where their shapes depend on what the samples hold."""
    arrays = [np.atleast_1d(part) for part in parts]
    same = len({array.shape[1:] for array in arrays}) == 1
    return np.concatenate(arrays if same else [array.reshape(-1) for array in arrays])


def latency_of(runner: Runner, inputs: Samples, batching: Batching, runtime: str) -> Latency:
    """Milliseconds for one sample (or one batch of the fixed size), one thread."""
    from secateur.targets.timing import measure

    one = batching.one(inputs)
    return measure(lambda: runner.run_all(*one), runtime)
