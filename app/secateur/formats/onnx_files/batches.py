"""Whether a network that was stored for one sample at a time takes batches all the same."""

from dataclasses import replace
from typing import TYPE_CHECKING

from secateur.model.description import Port

if TYPE_CHECKING:
    from torch import nn


def takes_batches(module: "nn.Module", inputs: tuple[Port, ...]) -> bool:
    """Whether a network from a file with a fixed batch of one gives, for two samples, each one's own answer."""
    import numpy as np

    from secateur.graph.layers import example_input
    from secateur.graph.onnx_import.check import run_module

    if any(not port.shape or port.shape[0] != 1 for port in inputs):
        return False
    arrays = [
        np.concatenate([example_input(port, 1, seed) for seed in (2 * place, 2 * place + 1)])
        for place, port in enumerate(inputs)
    ]
    try:
        both = run_module(module, arrays)
        single = run_module(module, [array[1:] for array in arrays])
    except (RuntimeError, ValueError, IndexError, TypeError):
        return False
    return all(
        pair.shape[:1] == (2,) and np.allclose(pair[1:], one, rtol=1e-3, atol=1e-4 * float(np.abs(one).max(initial=0)))
        for pair, one in zip(both, single, strict=True)
    )


def free_batch(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    """The ports with a free batch axis."""
    return tuple(replace(port, shape=(None, *port.shape[1:])) for port in ports)


def with_fixed_lengths(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    """The ports with every axis but the batch as long as in an example."""
    from secateur.graph.layers import batch_axis, example_shape

    return tuple(
        replace(
            port,
            shape=tuple(
                None if size is None and axis == batch_axis(port) else length
                for axis, (size, length) in enumerate(zip(port.shape, example_shape(port), strict=True))
            ),
        )
        for port in ports
    )
