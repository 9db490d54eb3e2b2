"""Static quantization: weights of 8 to 2 bits per output channel, activations of 8 or 16 with calibrated ranges.

Its key is `static_int8` in every recipe: it began with 8 bits.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from secateur.graph.context import Context
from secateur.graph.network import torch_only
from secateur.methods.base import Effect, Family, Method, Need
from secateur.methods.facts import Facts
from secateur.methods.offers import Handle, Option, Variant
from secateur.methods.quantize.sizes import encoded_bytes
from secateur.methods.refinement import Refinement, Rounding
from secateur.model.costs import Costs
from secateur.model.description import Layer
from secateur.model.spectrum import Spectrum
from secateur.model.workload import Precision

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.methods.change import Change, Lowered
    from secateur.model.encoding import IntegerEncoding

Observer = Literal["minmax", "percentile", "mse", "entropy"]


class StaticInt8(Method):
    """Stores weights as integers and computes in 8-bit integers, with activation ranges fixed beforehand.

    About a quarter of the size, and faster on CPUs with 8-bit dot products. Weights of fewer bits make the file smaller
    still and compute exactly as fast: they become 8-bit integers when the file is loaded. Needs calibration samples, no
    labels.
    Activations of 16 bits are for processors with kernels for them: a CPU computes such layers in float.
    """

    id: ClassVar[str] = "static_int8"
    title: ClassVar[str] = "Static quantization"
    family: ClassVar[Family] = "quantize"
    needs: ClassVar[frozenset[Need]] = frozenset({"torch", "data"})
    scope: ClassVar[Literal["layer", "model"]] = "layer"
    order: ClassVar[int] = 50
    works_on_encoded: ClassVar[bool] = True
    computes_in_integers: ClassVar[bool] = True
    decisive: ClassVar[frozenset[str]] = frozenset({"weight_bits", "activation_bits", "rounding"})
    handles: ClassVar[tuple[Handle, ...]] = (
        Handle("percentile", "activation_histogram", "range", starts=False, also={"observer": "percentile"}),
    )

    weight_bits: Literal[8, 7, 6, 5, 4, 3, 2] = Field(
        8,
        title="Weights",
        description="Bits of one stored weight. Fewer make the file smaller, and nothing slower: kernels compute in 8. "
        "Processors without VNNI, whose kernels overflow at 8, have their fastest ones for 7 and fewer.",
    )
    activation_bits: Literal[8, 16] = Field(
        8,
        title="Activations",
        description="Bits of one activation: 16 keep nearly all of it, and no CPU is faster for them.",
    )
    observer: Observer = Field(
        "mse",
        title="Observer",
        description="How activation ranges are chosen: extremes, a percentile, least squared error, or (entropy) "
        "least divergence of what is rounded from what was seen.",
    )
    percentile: float = Field(
        99.99,
        gt=50.0,
        le=100.0,
        title="Percentile",
        description="Share of activations inside the range, for the percentile observer.",
    )
    samples: int = Field(256, ge=1, le=100_000, title="Samples", description="Calibration samples.")
    rounding: Rounding = Field(
        "gptq",
        title="Rounding",
        description="Of weights of fewer than 7 bits: to the nearest integers, or (gptq) to those with which a layer "
        "gives most nearly what it gave, found on calibration samples in the order of the network.",
    )
    bias_correction: bool = Field(
        True,
        title="Correct bias",
        description="Give each layer the bias, and its channels the scales, that bring mean and spread of its "
        "output on calibration samples back to what they were.",
    )

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        widths = (8, 7, 6, 5, 4, 3, 2)
        ids = {bits: f"w{bits}a8" if bits < 8 else "int8" for bits in widths}
        return tuple(Option(ids[b], "Static", str(b), cls.model_validate({"weight_bits": b})) for b in widths)

    @classmethod
    def variants(cls) -> tuple[Variant, ...]:
        return (Variant(cls.id, "Static", cls()),)

    @property
    def stored_bits(self) -> int:
        return self.weight_bits

    @property
    def cuts_ranges(self) -> bool:
        return self.weight_bits < 8

    def encoded(self, weight: NDArray[np.float32], channel_axis: int) -> "IntegerEncoding":
        """How a weight is stored: of 8 bits by the largest value of each channel, of fewer by least squared error."""
        from secateur.methods.quantize.scales import encode_weight

        observer = "mse" if self.cuts_ranges else "minmax"
        return replace(encode_weight(weight, self.weight_bits, channel_axis, observer), in_integers=True)

    def observed_range(self, values: Spectrum) -> tuple[float, float]:
        from secateur.methods.quantize.observers import observed_range

        return observed_range(values, self.observer, self.percentile, self.activation_bits)

    def supports(self, layer: Layer) -> str | None:
        return None if layer.is_weighted else "Only convolutions and linear layers are quantized by themselves."

    def predict(self, layer: Layer, facts: Facts) -> Effect:
        size = encoded_bytes(layer, self.weight_bits, static=True)
        clip = facts.spectra.best_clip(self.weight_bits) if self.cuts_ranges else 1.0
        return Effect(
            Costs(size, layer.macs),
            facts.spectra.sqnr_db(self.weight_bits, clip),
            smaller=size < layer.size_bytes,
            faster=self.why_not_faster(layer, facts) is None,
            sentence=facts.target.sentence(self.computes_in, layer),
        )

    @property
    def computes_in(self) -> Precision:
        # fewer than 8 bits are computed as int8, which cannot overflow there: on some processors that is faster than 8
        return Precision(8 if self.weight_bits == 8 else 7, self.activation_bits)

    def badge(self) -> str:
        weights = f"w{self.weight_bits}" if self.weight_bits < 8 else "int8"
        return weights if self.activation_bits == self.weight_bits == 8 else f"{weights} a{self.activation_bits}"

    @property
    def refinement(self) -> Refinement | None:
        return Refinement.of(self.weight_bits, self.samples, self.rounding, corrects_biases=self.bias_correction)

    def unrefined(self) -> "Method":
        return self.model_copy(update={"bias_correction": False, "rounding": "nearest"})

    def perturb(self, weight: NDArray[np.float32], facts: Facts) -> NDArray[np.float32]:
        return self.encoded(weight, facts.channel_axis).round_trip(weight)

    def change(self, layer: str, network: "Lowered") -> "Change":
        from secateur.methods.quantize.calibration import static_change

        return static_change(layer, self, network)

    def apply(self, model: "Model", layers: Sequence[str], context: Context) -> "Model":
        from secateur.methods.quantize.calibration import quantize_static

        return quantize_static(torch_only(model, self.title), layers, self, context)

    def rehearse(self, model: "Model", layers: Sequence[str], original: "Model | None" = None) -> "Model":
        from secateur.methods.quantize.calibration import rehearse_static

        return rehearse_static(torch_only(model, self.title), layers, self)
