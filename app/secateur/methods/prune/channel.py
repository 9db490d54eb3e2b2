"""Channel pruning: whole output channels leave the network, with everything that is coupled to them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal

import numpy as np
from pydantic import Field

from secateur.graph.context import Context
from secateur.graph.network import torch_only
from secateur.methods.base import Effect, Family, Method, Need
from secateur.methods.facts import Facts
from secateur.methods.left_out import listed
from secateur.methods.offers import Option
from secateur.model.costs import Costs
from secateur.model.description import Layer

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.methods.change import Lowered, Narrowed


WAITING: Final = "Which channels leave together is still being found out: what this gains is told then."


class ChannelPruning(Method):
    """Removes whole output channels, and the inputs of the layers that read them.

    The network becomes really smaller and faster everywhere. Layers that meet in an addition are coupled:
    they lose the same channels together. Train afterwards (distillation) to win back the accuracy.
    """

    id: ClassVar[str] = "channel_pruning"
    title: ClassVar[str] = "Channel pruning"
    family: ClassVar[Family] = "channel_pruning"
    needs: ClassVar[frozenset[Need]] = frozenset({"torch"})
    scope: ClassVar[Literal["layer", "model"]] = "layer"
    order: ClassVar[int] = 10
    changes_widths: ClassVar[bool] = True
    grows: ClassVar[frozenset[str]] = frozenset({"ratio"})
    spelled_out: ClassVar[frozenset[str]] = frozenset({"round_to"})

    ratio: float = Field(
        0.25, ge=0.0, lt=1.0, title="Ratio", description="Share of the output channels to remove, 0 to 1."
    )
    criterion: Literal["l1", "l2", "taylor"] = Field(
        "l2",
        title="Criterion",
        description="How a channel's importance is scored: norm of its weights, or weight × gradient (needs data).",
    )
    round_to: int = Field(
        8,
        ge=1,
        le=64,
        title="Multiple of",
        description="Keep a number of channels that this divides: other widths can be slower than all channels were.",
    )

    ratio_of: Literal["present", "original"] = Field(
        "present",
        title="Ratio of",
        description="The width that the ratio counts from: what earlier steps left, or that of the model as it was "
        "opened. A ratio that grows in a repeat counts from the latter.",
        json_schema_extra={"form": False},
    )

    repair: bool = Field(
        True,
        title="Repair statistics",
        description="Give what is left the mean and spread it had before, on calibration samples (needs data).",
    )

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        return tuple(
            Option(f"channels{p}", "Channels", f"{p} %", cls(ratio=p / 100), f"{p} % fewer channels") for p in (25, 50)
        )

    def supports(self, layer: Layer) -> str | None:
        if not layer.is_weighted:
            return "Only convolutions and linear layers have channels to remove."
        return layer.fixed_channels or None

    def why_not(self, layer: Layer, facts: Facts) -> str | None:
        return self.supports(layer) or self.why_not_faster(layer, facts)

    def weight_error(self, layer: Layer, facts: Facts) -> float | None:
        """The share of the weight's power that leaves with its weakest channels, told from the channels' ranges."""
        low, high = facts.spectra.channel_ranges[:, 1:3].astype(np.float64).T
        powers = np.sort((high - low) ** 2)  # between the same quantiles: in proportion to the variance
        if len(powers) != layer.out_channels or not powers.sum():
            return None
        gone = round(layer.out_channels * (1.0 - self._kept(layer)))
        return float(powers[:gone].sum() / powers.sum())

    def change(self, layer: str, network: "Lowered") -> "Narrowed":
        """The network without the channels of a layer and of all that is coupled to it, before statistics are repaired:
        that takes passes over hundreds of samples for each cell."""
        from secateur.methods.prune.channel_removal import narrowed

        return narrowed(network, layer, self)

    def damage_from(self, known: Sequence[tuple[Method, float]], layer: Layer, facts: Facts) -> float | None:
        """Not told: cells are of a whole group of layers, and of what is not repaired."""
        return None

    @property
    def wants_data(self) -> bool:
        return self.criterion == "taylor"

    def without_data(self) -> Method | str:
        if self.wants_data:
            return "The Taylor criterion chooses channels on samples, when the plan is run."
        return self.model_copy(update={"repair": False})  # which needs data, and chooses nothing

    def width_after(self, width: int, opened: int) -> int:
        counted = opened if self.ratio_of == "original" else width
        return min(width, counted - removed_channels(counted, self.ratio, self.round_to))

    @property
    def multiple(self) -> int:
        return self.round_to

    def _kept(self, layer: Layer) -> float:
        """The share of the layer's output channels that stay, 0 to 1."""
        gone = removed_channels(layer.out_channels, self.ratio, self.round_to)
        return 1.0 - (gone - gone % layer.channel_block) / max(layer.out_channels, 1)

    def predict(self, layer: Layer, facts: Facts) -> Effect:
        costs, reason = Costs(layer.size_bytes, layer.macs), self.why_not_faster(layer, facts)
        if reason:
            return Effect(costs, None, smaller=False, faster=False, sentence=reason)
        along = f", and {listed(facts.coupled)} with it" if facts.coupled else ""
        return Effect(
            costs.scaled(self._kept(layer)),
            None,
            smaller=True,
            faster=True,
            sentence=f"Fewer channels are fewer multiplications in every runtime; the next layers shrink too{along}.",
        )

    def why_not_faster(self, layer: Layer, facts: Facts) -> str | None:
        if not layer.channels_known:
            return WAITING
        return self.why_whole(layer.out_channels, layer.channel_block) if self._kept(layer) == 1.0 else None

    def why_whole(self, width: int, block: int) -> str:
        """Why a layer of `width` channels, of which `block` leave at a time, does not lose any."""
        if int(width * self.ratio) == 0:
            return "The ratio takes less than one of its channels."
        if removed_channels(width, self.ratio, self.round_to) == 0:
            return f"Its width cannot fall by that ratio to a multiple of {self.round_to}."
        if removed_channels(width, self.ratio, self.round_to) < block:
            return f"Its channels go in blocks of {block}, and the ratio takes fewer."
        return "What could go is all that is left of a layer coupled with it."

    def badge(self) -> str:
        return f"ch −{self.ratio * 100:.3g} %"

    def apply(self, model: "Model", layers: Sequence[str], context: Context) -> "Model":
        from secateur.methods.prune.channel_removal import remove_channels

        return remove_channels(torch_only(model, self.title), layers, self, context)

    def rehearse(self, model: "Model", layers: Sequence[str], original: "Model | None" = None) -> "Model":
        without_data = self.model_copy(update={"repair": False, "criterion": "l1"})
        return without_data.apply(model, layers, Context(original=original))

    def suited(self, channel_step: int) -> Method:
        return self.model_copy(update={"round_to": channel_step})

    def in_rounds(self, fields: frozenset[str]) -> "Method":
        return self.model_copy(update={"ratio_of": "original"}) if "ratio" in fields else self


def removed_channels(channels: int, ratio: float, round_to: int = 1) -> int:
    """How many of `channels` go: at least one stays, and what stays is a multiple of `round_to` where it can be."""
    kept = channels - int(channels * ratio)
    kept = max(1, kept)
    if round_to > 1 and kept % round_to:
        kept = min(channels, (kept // round_to + 1) * round_to)
    return channels - kept
