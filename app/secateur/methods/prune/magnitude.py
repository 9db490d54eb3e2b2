"""Magnitude weight pruning: the smallest weights of a layer become zero."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from secateur.methods.base import Effect, Family, Method, Need
from secateur.methods.facts import Facts
from secateur.methods.offers import Handle, Option
from secateur.model.costs import Costs
from secateur.model.description import Layer


class MagnitudePruning(Method):
    """Sets the smallest weights of each layer to zero.

    The file stays as large (zeros are stored like other numbers) but packs better in a zip; it gets neither
    smaller nor faster by itself in ONNX Runtime, which has no sparse kernels.
    """

    id: ClassVar[str] = "magnitude_pruning"
    title: ClassVar[str] = "Weight pruning"
    family: ClassVar[Family] = "weight_pruning"
    needs: ClassVar[frozenset[Need]] = frozenset()
    scope: ClassVar[Literal["layer", "model"]] = "layer"
    order: ClassVar[int] = 20
    works_on_weights_alone: ClassVar[bool] = True
    keeps_graph: ClassVar[bool] = True
    works_on_encoded: ClassVar[bool] = True
    handles: ClassVar[tuple[Handle, ...]] = (Handle("ratio", "weight_histogram", "threshold", empty=0.0),)
    grows: ClassVar[frozenset[str]] = frozenset({"ratio"})

    ratio: float = Field(
        0.5, ge=0.0, le=1.0, title="Ratio", description="Share of the weights that become zero, 0 to 1."
    )

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        return tuple(
            Option(f"prune{p}", "Zeros", f"{p} %", cls(ratio=p / 100), f"{p} % zero weights") for p in (50, 75, 90)
        )

    def supports(self, layer: Layer) -> str | None:
        return None if layer.is_weighted else "Only convolutions and linear layers have weights to prune."

    def predict(self, layer: Layer, facts: Facts) -> Effect:
        return Effect(
            Costs(layer.size_bytes, layer.macs),
            facts.spectra.pruned_sqnr_db(self.ratio),
            smaller=False,
            faster=(reason := self.why_not_faster(layer, facts)) is None,
            sentence=reason or f"{facts.target.title} does not multiply with the zeros.",
        )

    def why_not_faster(self, layer: Layer, facts: Facts) -> str | None:
        return facts.target.skips_zeros(layer)

    def badge(self) -> str:
        return f"prune {self.ratio * 100:.3g} %"

    def strength(self, layer: Layer, facts: Facts) -> float:
        return self.ratio

    def perturb(self, weight: NDArray[np.float32], facts: Facts) -> NDArray[np.float32]:
        """Zero the round(ratio × n) weights of least magnitude (ties broken by position)."""
        count = round(self.ratio * weight.size)
        pruned = np.array(
            weight, dtype=np.float32, order="C"
        )  # a view of channels-last weights would be copied by reshape
        if count:
            smallest = np.argpartition(np.abs(pruned), min(count, pruned.size) - 1, axis=None)[:count]
            pruned.reshape(-1)[smallest] = 0.0
        return pruned
