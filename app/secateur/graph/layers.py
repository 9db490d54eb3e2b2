"""What every opened model can be asked, whichever kind it is: inputs to try it with, and its channel axes."""

from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from secateur.model.description import Port

if TYPE_CHECKING:
    from secateur.graph.network import Model

SPATIAL_SIZE: Final = 224
SEQUENCE_LENGTH: Final = 16
_IMAGE_CHANNELS: Final = 3


class HasInputs(Protocol):
    """A model, or its description."""

    @property
    def inputs(self) -> tuple[Port, ...]: ...


def example_inputs(model: HasInputs, batch: int = 1, seed: int = 0) -> tuple[NDArray[Any], ...]:
    """One array for each input: normal noise for floats, zeros and ones for the rest; the same for one seed.

    A fixed batch axis stays as the model fixes it.
    """
    return tuple(example_input(port, batch, seed + index) for index, port in enumerate(model.inputs))


def example_input(port: Port, batch: int = 1, seed: int = 0) -> NDArray[Any]:
    """An array that fits one input; see `example_inputs`."""
    random = np.random.default_rng(seed)
    shape = example_shape(port, batch)
    if port.dtype.startswith(("float", "bfloat")):
        dtype = np.float32 if port.dtype == "bfloat16" else np.dtype(port.dtype)
        return random.standard_normal(shape).astype(dtype)
    if port.dtype == "bool":
        return random.integers(0, 2, shape).astype(np.bool_)
    # zeros and ones are the only indices that every table, mask and type embedding has
    return random.integers(0, 2, shape).astype(port.dtype)


def example_shape(port: Port, batch: int = 1) -> tuple[int, ...]:
    """The port's shape with its dynamic axes filled in: batch, 3 channels and 224 × 224 images, else 16.

    What was found by trying (`port.typical`) goes before that.
    """
    rank = len(port.shape)

    def size(axis: int) -> int:
        if axis == batch_axis(port):
            return batch
        if port.typical:
            return port.typical[axis]
        if rank == 4:
            return _IMAGE_CHANNELS if axis == 1 else SPATIAL_SIZE
        return SEQUENCE_LENGTH

    return tuple(size(axis) if length is None else length for axis, length in enumerate(port.shape))


def batch_axis(port: Port) -> int:
    """The axis with the samples: the first, but behind the layers in the state (layers, batch, size) of an LSTM."""
    is_state = len(port.shape) == 3 and port.shape[0] is not None and port.shape[1] is None
    return 1 if is_state and port.shape[2] is not None and port.shape[0] != 1 else 0


def channel_axes(model: "Model") -> dict[str, int]:
    """Layer name → axis of the output channels in its weight, for every convolution and linear layer."""
    from secateur.graph.network import OnnxModel, StoredModel, weighted_modules

    if isinstance(model, OnnxModel):
        from secateur.graph.onnx_layers import onnx_layers

        return {layer.name: layer.channel_axis for layer in onnx_layers(model.proto)}
    if isinstance(model, StoredModel):
        return {layer.name: layer.channel_axis for layer in model.layers if layer.is_weighted}
    from torch import nn

    from secateur.graph.products import MatrixProduct

    transposes = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    return {
        name: module.channel_axis if isinstance(module, MatrixProduct) else int(isinstance(module, transposes))
        for name, module in weighted_modules(model.module)
    }
