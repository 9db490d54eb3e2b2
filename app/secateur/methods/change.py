"""What a method makes of one layer alone, in a network that stays as it is: the question of measured sensitivity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from secateur.graph.context import Context
from secateur.methods.facts import Facts
from secateur.model.encoding import ActivationEncoding, Encodings

if TYPE_CHECKING:
    from torch import nn

    from secateur.graph.coupling.channels import ChannelGraph
    from secateur.graph.homes import Home
    from secateur.graph.network import TorchModel
    from secateur.methods.base import Method
    from secateur.methods.quantize.recording import Recorded
    from secateur.methods.quantize.rounding.second_order import Rounder


@dataclass(frozen=True, eq=False)
class Change:
    """One layer's new weight and bias, float32 (None: as it was), and the tensors of the graph that are rounded."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32] | None = None
    rounded: Mapping[str, ActivationEncoding] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Memory that it takes to keep."""
        return self.weight.nbytes


@dataclass(frozen=True, eq=False)
class Narrowed:
    """A network of its own, whose layers lost channels together: it answers in place of the one that was asked about.

    It takes the same inputs. `rounded` as of `Change`: nothing is.
    """

    module: "nn.Module"
    rounded: Mapping[str, ActivationEncoding] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Memory that it takes to keep."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.module.parameters())


class Lowered:
    """A lowered network whose layers are asked about one at a time. What was recorded once serves all methods.

    `context` has the data that ranges and means are recorded on, for all of `layers` at once, and for all of `methods`
    that will ask. `facts` is what is known of the layers.
    """

    def __init__(
        self,
        model: "TorchModel",
        layers: Sequence[str],
        context: Context,
        facts: Mapping[str, Facts] | None = None,
        methods: "Sequence[Method]" = (),
    ) -> None:
        self.model, self.layers, self.context = model, tuple(layers), context
        self.weights, self.methods = model.weights(), tuple(methods)
        self.recorded: dict[int, Recorded] = {}
        """By number of samples: spectra of the graph's tensors around the layers, and the mean inputs of the layers."""
        self.grids: dict[tuple[str, str], Encodings] = {}
        """By layer and method, whatever its width: the encodings of a layer that computes in integers alone."""
        self._rounder: tuple[str, Rounder | None] | None = None
        self._facts = facts or {}
        self._said: set[str] = set()

    @cached_property
    def axes(self) -> Mapping[str, int]:
        """Layer name → axis of the output channels."""
        from secateur.graph.layers import channel_axes

        return channel_axes(self.model)

    @cached_property
    def sources(self) -> Mapping[str, tuple[str, ...]]:
        """Layer name → the tensors of the graph that it reads."""
        from secateur.graph.lowering import structure_of
        from secateur.graph.qdq.placing import layer_inputs

        return layer_inputs(structure_of(self.model))

    @cached_property
    def channels(self) -> "ChannelGraph":
        """Which channels leave together; those that were removed for a question are put back for the next."""
        from secateur.graph.coupling.channels import ChannelGraph, example_tensors

        return ChannelGraph(self.model.module, example_tensors(self.model))

    @cached_property
    def biases(self) -> "Mapping[str, Home]":
        """Layer name → where its bias lives, for those that have one in the graph that is shipped."""
        from secateur.graph.biases import shipped_biases

        return shipped_biases(self.model)

    def rounder(self, layer: str, recorded: "Recorded") -> "Rounder | None":
        """What rounds a layer by what it gives, for all the grids that it is asked about one after the other; None
        where the moments of its inputs are not told.
        """
        from secateur.methods.quantize.rounding.second_order import Rounder

        if self._rounder is None or self._rounder[0] != layer:
            sums = recorded.moments.get(layer)
            moments = None if sums is None else sums.moments(centred=layer in self.biases)
            rounder = None if moments is None else Rounder(self.weights[layer], self.axes[layer], moments)
            self._rounder = layer, rounder
        return self._rounder[1]

    def say(self, sentence: str) -> None:
        """Write a sentence to the log, unless it is there already."""
        if sentence not in self._said:
            self._said.add(sentence)
            self.context.log(sentence)

    def facts(self, layer: str) -> Facts:
        """What is known of a layer; at least where its output channels lie."""
        return self._facts.get(layer) or Facts(channel_axis=self.axes[layer])
