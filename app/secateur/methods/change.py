"""What a method makes of one layer alone, in a network that stays as it is: the question of measured sensitivity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from secateur.graph.context import Context
from secateur.methods.facts import Facts
from secateur.model.encoding import ActivationEncoding
from secateur.model.spectrum import Spectrum

if TYPE_CHECKING:
    from secateur.graph.network import TorchModel


@dataclass(frozen=True, eq=False)
class Change:
    """One layer's new weight and bias, float32 (None: as it was), and the tensors of the graph that are rounded."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32] | None = None
    rounded: Mapping[str, ActivationEncoding] = field(default_factory=dict)


class Lowered:
    """A lowered network whose layers are asked about one at a time. What was recorded once serves all methods.

    `context` has the data that ranges are recorded on, for all of `layers` at once. `facts` is what is known of them.
    """

    def __init__(
        self,
        model: "TorchModel",
        layers: Sequence[str],
        context: Context,
        facts: Mapping[str, Facts] | None = None,
    ) -> None:
        self.model, self.layers, self.context = model, tuple(layers), context
        self.weights = model.weights()
        self.recorded: dict[int, Mapping[str, Spectrum]] = {}
        """By number of samples: the spectra of the graph's tensors around the layers, in the order of the network."""
        self._facts = facts or {}

    @cached_property
    def axes(self) -> Mapping[str, int]:
        """Layer name → axis of the output channels."""
        from secateur.graph.layers import channel_axes

        return channel_axes(self.model)

    def facts(self, layer: str) -> Facts:
        """What is known of a layer; at least where its output channels lie."""
        return self._facts.get(layer) or Facts(channel_axis=self.axes[layer])
