"""What a model is, in plain values: everything the window and the command line say about a network.

Nothing here holds a tensor. A description crosses from the engine to the window, is compared, kept in the
undo history and printed as JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Final

from secateur.model.costs import Costs

WEIGHTED_KINDS: Final = ("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "Linear", "MatrixProduct")


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Name, dtype (numpy's name, or `bfloat16`) and shape of one stored tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size_bytes: int

    @property
    def count(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a model; `None` in the shape is a dynamic axis, axis 0 is the batch.

    `typical` has a length for every axis, found by trying, where the network does not take the usual ones.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    typical: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer that holds parameters, in network order.

    `name` is the name in the file (`layer2.1.conv1`); `kind` is the torch class name (`Conv2d`, `Linear`,
    `BatchNorm2d`, …) or the ONNX operator where no torch class fits. `weight` is the tensor that methods
    work on, output channels on `channel_axis`. `macs` are multiply-accumulates for one sample.
    `output_shape` is for one sample, without the batch axis.
    """

    name: str
    kind: str
    weight: TensorInfo | None
    bias: TensorInfo | None = None
    params: int = 0
    macs: int = 0
    size_bytes: int = 0
    output_shape: tuple[int, ...] = ()
    kernel: tuple[int, ...] = ()
    groups: int = 1
    channel_axis: int = 0
    latency_ms: float | None = None
    coupled: tuple[str, ...] = ()
    """Layers whose output channels must shrink together with this one's (residual additions)."""
    readers: tuple[str, ...] = ()
    """Layers that read this one's output channels, and so lose inputs when channels are removed here."""
    fixed_channels: str = ""
    """Why output channels cannot be removed here, as a sentence; empty where they can."""
    channel_block: int = 1
    """How many output channels leave at a time: a pixel shuffle by 2 binds four."""
    folded_into: str = ""
    """The layer that takes in this batch norm's numbers when the network is exported anew; empty where none does."""
    channels_known: bool = True
    """Whether it was found out which of its channels can leave, and with what: see `Couplings`, which say it."""

    @property
    def costs(self) -> Costs:
        """What the layer costs as it is."""
        return Costs(self.size_bytes, self.macs, self.latency_ms)

    @property
    def is_weighted(self) -> bool:
        """Whether this is a convolution or linear layer: what can be pruned and quantized."""
        return self.weight is not None and self.kind in WEIGHTED_KINDS

    @property
    def is_depthwise(self) -> bool:
        """Whether this is a convolution of each input channel by itself."""
        return self.groups > 1 and self.groups == self.in_channels

    @property
    def out_channels(self) -> int:
        if self.weight is None or not self.weight.shape:
            return 0
        # a transposed convolution stores the output channels of one group
        return self.weight.shape[self.channel_axis] * (self.groups if self.channel_axis == 1 else 1)

    @property
    def in_channels(self) -> int:
        """Inputs of a weighted layer: channels of a convolution, features of a linear layer."""
        if self.weight is None or len(self.weight.shape) < 2:
            return 0
        return self.weight.shape[1 - self.channel_axis] * (self.groups if self.channel_axis == 0 else 1)


@dataclass(frozen=True, slots=True)
class ChannelBundle:
    """Output channels that leave a network together: there are `count` such bundles, each as good as another.

    `outputs` says how many channels each layer loses with one of them, norms included; `inputs` how many inputs.
    """

    count: int
    outputs: tuple[tuple[str, int], ...]
    inputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Coupling:
    """What holds for one layer: who loses channels whenever it does, and why its own stay (empty: they may go).

    `block` is how many of its channels leave at a time.
    """

    together: tuple[str, ...]
    reason: str
    block: int = 1


@dataclass(frozen=True, slots=True)
class Couplings:
    """Which channels of a network leave together: by layer, and all that can leave. It takes runs of the network."""

    layers: Mapping[str, Coupling]
    bundles: tuple[ChannelBundle, ...] = ()


def absolute_path(path: str) -> str:
    """`path` from the root where something is there; any other name (`sample:model`, a module) as it is."""
    place = Path(path).expanduser()
    return str(place.absolute()) if path and place.exists() else path


@dataclass(frozen=True, slots=True)
class ModelSource:
    """How to open a model again: `sample:model`, a path, or a factory with a weights file.

    `factory` is `package.module:name` or `file.py:name`. `trusted` is a person's word that the code in a pickle may
    be run, in a confined process; without it such a file is refused.
    """

    path: str = ""
    factory: str = ""
    trusted: bool = False

    @property
    def label(self) -> str:
        return self.path or self.factory

    @property
    def words(self) -> list[str]:
        """As the command line is given it: MODEL, and the options that belong to it."""
        weights = ["--weights", self.path] if self.factory and self.path else []
        return [self.factory or self.path, *weights, *(["--trust"] if self.trusted else [])]

    def absolute(self) -> "ModelSource":
        """The same model from whatever folder it is asked for: what is written down to be opened another day."""
        place, colon, name = self.factory.rpartition(":")
        factory = f"{absolute_path(place)}:{name}" if colon else self.factory
        return replace(self, path=absolute_path(self.path), factory=factory)


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """All that can be said about an opened model without running it.

    `trainable` is true for a torch network; where it is false, `reason` names the operator or the lack that
    keeps the file an `OnnxModel`. `overhead_bytes` is the file's size less its tensors, `rewritten_bytes`
    what takes its place in the file that a plan leads to (comments are left out, batch norms folded): None if unknown.
    """

    name: str
    source: ModelSource
    format: str
    source_bytes: int
    layers: tuple[Layer, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    trainable: bool = True
    reason: str = ""
    runnable: bool = True
    """False for weights without a network, which nothing can run, and for a network that the runtime does not load."""
    blocked: str = ""
    """Why the runtime does not load a network, which can be inspected all the same; empty for every other model."""
    is_deferred: bool = False
    """True for a file so large that only its graph was read: the first job that needs the network loads it."""
    overhead_bytes: int = 0
    rewritten_bytes: int | None = None
    fingerprint: str = ""
    """Hash of the file's content: what runs and caches are filed under."""
    notes: tuple[str, ...] = field(default=())
    bundles: tuple[ChannelBundle, ...] = ()
    """What channel pruning can take out, and what goes with it."""
    files: tuple[str, ...] = ()
    """All files that were opened, the model first."""
    inputs_guessed: bool = False
    """Whether the shape of the input was found by trying: data that says another one goes before it."""
    has_graph: bool = False
    """Whether it was opened as a graph of operators, which stay as they are while values alone change."""

    @property
    def planned_overhead_bytes(self) -> int:
        """What the file of a plan has beside its layers: that of the opened file where it is not known."""
        return self.overhead_bytes if self.rewritten_bytes is None else self.rewritten_bytes

    @property
    def knows_couplings(self) -> bool:
        """Whether it was found out which channels can leave: before, what pruning some does cannot be told."""
        return all(layer.channels_known for layer in self.layers)

    def with_couplings(self, found: Couplings) -> "ModelDescription":
        """The same, with what must shrink together, and why some layers cannot shrink."""

        def coupled(layer: Layer) -> Layer:
            own = found.layers.get(layer.name)
            if own is None:
                return replace(layer, channels_known=True)
            return replace(
                layer, coupled=own.together, fixed_channels=own.reason, channel_block=own.block, channels_known=True
            )

        return replace(self, layers=tuple(map(coupled, self.layers)), bundles=found.bundles)

    @property
    def params(self) -> int:
        return sum(layer.params for layer in self.layers)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def size_bytes(self) -> int:
        return sum(layer.size_bytes for layer in self.layers)

    @property
    def weighted_layers(self) -> tuple[Layer, ...]:
        """Convolutions and linear layers."""
        return tuple(layer for layer in self.layers if layer.is_weighted)

    @property
    def inspected_layers(self) -> tuple[Layer, ...]:
        """The rows of the table, with spectra: the weighted layers; every tensor where there is no network."""
        return self.weighted_layers if self.runnable else tuple(layer for layer in self.layers if layer.weight)

    def layer(self, name: str) -> Layer:
        """The layer of this name; KeyError where there is none."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)
