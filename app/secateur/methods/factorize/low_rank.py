"""Low-rank factorization: one layer becomes two narrow ones, whose product is the nearest matrix of that rank."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from secateur.figures import share
from secateur.graph.context import Context
from secateur.graph.network import torch_only
from secateur.methods.base import Effect, Family, Method, Need
from secateur.methods.facts import Facts
from secateur.methods.offers import Handle, Option
from secateur.model.costs import Costs
from secateur.model.description import Layer
from secateur.model.singular_values import as_matrix, factors
from secateur.model.spectrum import decibels
from secateur.model.workload import Workload

if TYPE_CHECKING:
    from secateur.graph.network import Model

SECOND_LAYER_BYTES = 120
"""What one more layer adds to an ONNX file besides its numbers: a node, and the names of its tensors."""

OPEN = "Its singular values are not computed yet: what a share of the energy takes is open."

FASTER_BELOW = 0.5
"""The share of the multiplications from which two layers are taken to be quicker than one, until it is measured."""

_MEASURES = ("energy", "rank_ratio", "rank")


class LowRank(Method):
    """Replaces a layer by two narrow ones: the first computes a few numbers, the second all outputs from them.

    The two hold the weight's largest singular values (SVD). A linear layer becomes two; a convolution becomes one of
    the same kernel with few channels, and a 1×1 convolution. Smaller and fewer multiplications wherever the rank is
    below the one at which both hold as many numbers as the layer. Train afterwards (distillation) to win back accuracy;
    a step that quantizes comes last and stores both factors in few bits.
    """

    id: ClassVar[str] = "low_rank"
    title: ClassVar[str] = "Low rank"
    family: ClassVar[Family] = "low_rank"
    needs: ClassVar[frozenset[Need]] = frozenset({"torch"})
    scope: ClassVar[Literal["layer", "model"]] = "layer"
    order: ClassVar[int] = 15
    handles: ClassVar[tuple[Handle, ...]] = (Handle("rank", "singular_values", "cut", also={"by": "rank"}),)

    by: Literal["energy", "rank_ratio", "rank"] = Field(
        "energy", title="Keep", description="How the rank is said: by what is kept of the weights, by a share, as such."
    )
    energy: float = Field(
        0.9,
        gt=0.0,
        le=1.0,
        title="Energy",
        description="Share of the sum of the squared singular values that is kept, 0 to 1.",
    )
    rank_ratio: float = Field(
        0.25, gt=0.0, le=1.0, title="Rank ratio", description="Share of the full rank that is kept, 0 to 1."
    )
    rank: int = Field(16, ge=1, le=65536, title="Rank", description="Width of the narrow place between the two layers.")

    @model_validator(mode="before")
    @classmethod
    def _said_once(cls, values: Any) -> Any:
        """A recipe says one of the three, and need not say which."""
        if not isinstance(values, Mapping) or "by" in values:
            return values
        said = [name for name in _MEASURES if name in values]
        if len(said) > 1:
            raise ValueError(f"give one of {', '.join(said)}, or say which with by")
        return {**values, "by": said[0]} if said else values

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        return tuple(
            Option(f"rank{percent}", "Rank", f"{percent} %", cls(by="rank_ratio", rank_ratio=percent / 100))
            for percent in (25, 10)
        )

    def badge(self) -> str:
        if self.by == "rank":
            return f"rank {self.rank}"
        name, share = ("energy", self.energy) if self.by == "energy" else ("rank", self.rank_ratio)
        return f"{name} {share * 100:.3g} %"

    # ------------------------------------------------------------------ the rank

    def rank_of(self, rows: int, columns: int, singular_values: NDArray[np.float32] | None) -> int | None:
        """The rank that is kept of a matrix; None for a share of the energy where the singular values are not known."""
        full = min(rows, columns)
        if self.by == "rank":
            return min(self.rank, full)
        if self.by == "rank_ratio":
            return max(1, min(full, round(self.rank_ratio * full)))
        if singular_values is None or not len(singular_values):
            return None
        kept = np.cumsum(np.square(singular_values, dtype=np.float64))
        return min(full, 1 + int(np.searchsorted(kept, self.energy * kept[-1] * (1 - 1e-12))))

    def cut_at(self, layer: Layer, facts: Facts) -> int | None:
        rows, columns = sides(layer)
        return self.rank_of(rows, columns, facts.singular_values)

    def supports(self, layer: Layer) -> str | None:
        if layer.weight is None or layer.kind not in ("Linear", "Conv1d", "Conv2d", "Conv3d"):
            return "Only convolutions and linear layers are split into two."
        if layer.groups > 1:
            return "Its channels are in groups, each with few inputs: there is no low rank to find."
        rows, columns = sides(layer)
        if largest_rank(rows, columns) < 1:
            return "It is so small that two layers in its place would always hold more."
        return None if self.by == "energy" else self._why_larger(self.rank_of(rows, columns, None), rows, columns)

    def why_not(self, layer: Layer, facts: Facts) -> str | None:
        reason = self.supports(layer)
        if reason or self.by != "energy":
            return reason
        rows, columns = sides(layer)
        return self._why_larger(self.rank_of(rows, columns, facts.singular_values), rows, columns)

    def _why_larger(self, rank: int | None, rows: int, columns: int) -> str | None:
        most = largest_rank(rows, columns)
        if rank is None or rank <= most:
            return None
        return f"At rank {rank} the two layers would hold no less than this one: it gets smaller up to rank {most}."

    # ------------------------------------------------------------------ what it would do

    def predict(self, layer: Layer, facts: Facts) -> Effect:
        rows, columns = sides(layer)
        rank = self.rank_of(rows, columns, facts.singular_values)
        reason = self.why_not(layer, facts)
        if reason or rank is None or layer.weight is None:
            return Effect(Costs(layer.size_bytes, layer.macs), None, False, False, reason or OPEN)
        whole, left = rows * columns, rank * (rows + columns)
        size = layer.size_bytes - (whole - left) * layer.weight.size_bytes // whole + SECOND_LAYER_BYTES
        return Effect(
            Costs(size, layer.macs * left // whole),
            sqnr_at(facts.singular_values, rank),
            smaller=size < layer.size_bytes,
            faster=self.why_not_faster(layer, facts) is None,
            sentence=f"Rank {rank} of {min(rows, columns)}: {share(left / whole)} of the MACs, in two layers.",
            params=layer.params - whole + left,
        )

    def why_not_faster(self, layer: Layer, facts: Facts) -> str | None:
        rows, columns = sides(layer)
        rank = self.rank_of(rows, columns, facts.singular_values)
        if (reason := self.why_not(layer, facts)) or rank is None:
            return reason or OPEN
        left = rank * (rows + columns) / (rows * columns)
        return None if left <= FASTER_BELOW else f"Two layers with {share(left)} of the MACs take as long as one."

    def workloads(self, layer: Layer, before: tuple[Workload, ...], facts: Facts | None = None) -> tuple[Workload, ...]:
        rows, columns = sides(layer)
        rank = self.rank_of(rows, columns, None if facts is None else facts.singular_values)
        if rank is None or len(before) != 1:
            return before
        first = before[0].narrowed(before[0].inputs, rank)
        if first.operator == "linear":
            return first, before[0].narrowed(rank, before[0].outputs)
        axes, places = len(first.kernel), first.output_positions
        second = Workload(
            "conv", rank, before[0].outputs, places, (1,) * axes, (1,) * axes, (0,) * 2 * axes, (1,) * axes,
            activation=first.activation, precision=first.precision,
        )  # fmt: skip
        return first, second

    def perturb(self, weight: NDArray[np.float32], facts: Facts) -> NDArray[np.float32]:
        axis = facts.channel_axis
        matrix = as_matrix(weight, axis)
        values = facts.singular_values
        if values is None and self.by == "energy":
            from secateur.model.singular_values import singular_values

            values = singular_values(matrix)
        rows, columns = matrix.shape
        rank = self.rank_of(rows, columns, values)
        left, right = factors(matrix, rank or min(rows, columns))
        shape = (weight.shape[axis], *(size for place, size in enumerate(weight.shape) if place != axis))
        return np.ascontiguousarray(np.moveaxis((left @ right).reshape(shape), 0, axis))

    def strength(self, layer: Layer, facts: Facts) -> float | None:
        """The share of the energy that is lost; of the rank, where the singular values are not known."""
        rows, columns = sides(layer)
        rank = self.rank_of(rows, columns, facts.singular_values)
        if rank is None:
            return None
        lost = lost_at(facts.singular_values, rank)
        return 1.0 - rank / max(min(rows, columns), 1) if lost is None else lost

    # ------------------------------------------------------------------ doing it

    def apply(self, model: "Model", layers: Sequence[str], context: Context) -> "Model":
        from secateur.methods.factorize.splitting import split_layers

        return split_layers(torch_only(model, self.title), layers, self, context)

    def rehearse(self, model: "Model", layers: Sequence[str], original: "Model | None" = None) -> "Model":
        return self.apply(model, layers, Context())


def sides(layer: Layer) -> tuple[int, int]:
    """(output channels, numbers of one output channel) of a layer's weight."""
    if layer.weight is None or not layer.weight.shape:
        return 0, 0
    rows = layer.weight.shape[layer.channel_axis]
    return rows, prod(layer.weight.shape) // max(rows, 1)


def largest_rank(rows: int, columns: int) -> int:
    """The largest rank at which the two factors hold fewer numbers than the matrix."""
    return (rows * columns - 1) // max(rows + columns, 1)


def lost_at(singular_values: NDArray[np.float32] | None, rank: int) -> float | None:
    """The share of the energy that is lost at a rank, 0 to 1; None where it is not known."""
    if singular_values is None:
        return None
    squares = np.square(singular_values, dtype=np.float64)
    total = float(squares.sum())
    return float(squares[rank:].sum()) / total if total > 0.0 else None


def sqnr_at(singular_values: NDArray[np.float32] | None, rank: int) -> float | None:
    """Signal over what is lost at a rank, in decibels; None where it is not known."""
    lost = lost_at(singular_values, rank)
    return None if lost is None else decibels(1.0, lost)
