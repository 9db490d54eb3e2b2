"""What is known of a layer before anything is run on it: what every prediction is made from."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from secateur.model.description import Layer
from secateur.model.spectrum import Spectra, Spectrum
from secateur.targets import TARGETS
from secateur.targets.base import Target

Values = NDArray[np.float32]

_NOTHING: Final = Spectrum(np.empty(0, np.uint16), np.empty(0, np.int64), 0, 0.0, 0.0, 0.0, 0.0)
UNCOUNTED: Final = Spectra(_NOTHING, _NOTHING, np.empty((0, 4), np.float32), exact=False)
"""Spectra of a weight that nobody has counted."""


@dataclass(frozen=True, eq=False)
class Facts:
    """All that is known of one layer's weight, of what comes out of the layer, and of where it will run.

    `channel_axis` is where its output channels lie, `groups` those of a convolution. `activations` is the spectrum of
    the layer's output, None where it was not recorded. `find_singular_values` is what `singular_values` come from once
    something asks for them. `coupled` are the layers that lose output channels whenever this one does, None where
    nobody has found that out yet. `target` is the runtime that the plan is made for: it has the word on what is faster.
    """

    spectra: Spectra = UNCOUNTED
    channel_axis: int = 0
    groups: int = 1
    activations: Spectrum | None = None
    find_singular_values: Callable[[], Values | None] = lambda: None
    coupled: tuple[str, ...] | None = None
    target: Target = TARGETS[0]

    @cached_property
    def singular_values(self) -> Values | None:
        """Those of the weight as a matrix (output channels, numbers of one channel), float32 (rank,), descending.

        None where they are not known. They may be found only now, which takes moments, and longer for a large matrix.
        """
        return self.find_singular_values()


def facts_of(
    layers: Iterable[Layer],
    spectra: Mapping[str, Spectra],
    activations: Mapping[str, Spectrum] | None = None,
    singular_values: Mapping[str, Values] | None = None,
    target: Target = TARGETS[0],
) -> dict[str, Facts]:
    """Layer name → its facts, for the layers whose weights are counted.

    A mapping of singular values that finds them is asked for a layer's only when something asks its facts.
    """
    outputs, values = activations or {}, singular_values or {}
    return {
        layer.name: Facts(
            spectra[layer.name],
            layer.channel_axis,
            layer.groups,
            outputs.get(layer.name),
            partial(values.get, layer.name),
            layer.coupled if layer.channels_known else None,
            target,
        )
        for layer in layers
        if layer.name in spectra
    }
