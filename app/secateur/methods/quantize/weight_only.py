"""Weight-only quantization: weights stored in few bits per output channel, computed in float."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from secateur.graph.context import Context
from secateur.methods.base import Effect, Family, Method, Need
from secateur.methods.facts import Facts
from secateur.methods.offers import Option, Variant
from secateur.methods.quantize.sizes import encoded_bytes
from secateur.methods.refinement import Refinement, Rounding
from secateur.model.costs import Costs
from secateur.model.description import Layer, ModelDescription
from secateur.model.encoding import IntegerEncoding, container_bits, grouped_axis
from secateur.model.spectrum import Spectra
from secateur.model.workload import Precision

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.methods.change import Change, Lowered


def is_integer(layer: Layer) -> bool:
    """Whether the file stores the layer's weight as integers."""
    return layer.weight is not None and layer.weight.dtype.lstrip("u").startswith("int")


def _why_no_groups(layer: Layer, shape: Sequence[int], size: int) -> str | None:
    """Why a layer's inputs cannot share scales in groups of so many; the last group may be shorter."""
    if len(shape) < 2 or layer.channel_axis > 1:  # a product of many axes
        return "Its weight has no axis of inputs beside its outputs: store it with a scale per channel."
    count = shape[grouped_axis(layer.channel_axis)]
    if count < size:
        return f"Its {count} inputs do not fill a group of {size}: take smaller groups, or a scale per channel."
    return None


class WeightOnly(Method):
    """Stores weights as integers of 8 to 2 bits; the runtime turns them back to float before it computes.

    One scale for each output channel, or one for each group of neighbouring inputs, which costs a little room and
    follows the weights more closely; affine groups have a zero point beside it. In matrix products ONNX Runtime goes
    further by itself: with its default options it rounds the inputs of layers with scales per channel to 8 bits.
    Smaller, never faster in ONNX Runtime on a CPU. Needs no data; with some, integers are chosen by what each layer
    gives, and biases take back what is left on average, which from 4 bits down is worth many points.
    """

    id: ClassVar[str] = "weight_only"
    title: ClassVar[str] = "Weight quantization"
    family: ClassVar[Family] = "quantize"
    needs: ClassVar[frozenset[Need]] = frozenset()
    scope: ClassVar[Literal["layer", "model"]] = "layer"
    order: ClassVar[int] = 40
    works_on_weights_alone: ClassVar[bool] = True
    works_on_encoded: ClassVar[bool] = True
    decisive: ClassVar[frozenset[str]] = frozenset({"bits", "group_size", "scheme", "rounding", "bias_correction"})

    bits: Literal[8, 6, 5, 4, 3, 2] = Field(
        4,
        title="Bits",
        description="Bits of one stored weight. In ONNX files they take as many; 3 bits in groups take the room of 4, "
        "5 and 6 that of 8, as in most other formats.",
    )
    group_size: Literal["none", 32, 64, 128] = Field(
        "none",
        title="Group",
        description="How many neighbouring inputs of an output channel share a scale; none: all of them.",
    )
    scheme: Literal["symmetric", "affine"] = Field(
        "symmetric",
        title="Scheme",
        description="Symmetric grids are centred on zero; affine ones follow the range of the weights.",
    )
    observer: Literal["minmax", "mse"] = Field(
        "mse",
        title="Observer",
        description="Scale from the maximum of each channel or group, or the one with the least squared error.",
    )
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
        widths = (8, 6, 5, 4, 3, 2)
        ids = {bits: f"int{bits}" if bits < 8 else "w8" for bits in widths}
        return tuple(Option(ids[b], "Weights only", str(b), cls.model_validate({"bits": b})) for b in widths)

    @classmethod
    def variants(cls) -> tuple[Variant, ...]:
        return (Variant(cls.id, "Weights only", cls()),)

    @property
    def stored_bits(self) -> int:
        return self.bits

    @property
    def cuts_ranges(self) -> bool:
        return self.observer == "mse"

    def why_not_for(self, model: ModelDescription) -> str:
        if model.runnable and not model.trainable and all(is_integer(layer) for layer in model.weighted_layers):
            return "Its weights are integers already."
        return super().why_not_for(model)

    @property
    def group(self) -> int | None:
        """How many inputs share a scale; None where all of an output channel do."""
        return None if self.group_size == "none" else self.group_size

    def supports(self, layer: Layer) -> str | None:
        if not layer.is_weighted or layer.weight is None:
            return "Only convolutions and linear layers have weights to quantize."
        return None if self.group is None else _why_no_groups(layer, layer.weight.shape, self.group)

    def predict(self, layer: Layer, facts: Facts) -> Effect:
        is_affine = self.scheme == "affine"
        size = encoded_bytes(layer, self.bits, static=False, group_size=self.group, is_affine=is_affine)
        return Effect(
            Costs(size, layer.macs),
            self._sqnr_db(facts.spectra),
            smaller=size < layer.size_bytes,
            faster=self.why_not_faster(layer, facts) is None,
            sentence=" ".join((facts.target.sentence(self.computes_in, layer), *self._remarks)),
        )

    @property
    def _remarks(self) -> Iterator[str]:
        """What else is to know before the run."""
        if self.group is not None and self.bits != container_bits(self.bits):
            room = container_bits(self.bits)
            yield f"In groups {self.bits} bits take the room of {room} in a file, and less after zip."
        if self.group is not None or self.scheme == "affine":
            grid = "affine grids" if self.group is None else f"groups of {self.group}"
            yield f"The SQNR of {grid} is told after the run: spectra count symmetric grids per channel."

    @property
    def computes_in(self) -> Precision:
        return Precision(self.bits, group=self.group or 0, is_affine=self.scheme == "affine")

    def _sqnr_db(self, spectra: Spectra) -> float | None:
        """What the spectra tell: they were taken for symmetric grids per channel, and tell nothing of others."""
        if self.group is not None or self.scheme == "affine":
            return None
        return spectra.sqnr_db(self.bits, spectra.best_clip(self.bits) if self.observer == "mse" else 1.0)

    def badge(self) -> str:
        return f"{self.bits}-bit" + ("" if self.group is None else f" g{self.group}")

    def encoded(self, weight: NDArray[np.float32], channel_axis: int) -> IntegerEncoding:
        """How a weight is stored; see `encode_weight`."""
        from secateur.methods.quantize.scales import encode_weight

        is_affine = self.scheme == "affine"
        return encode_weight(weight, self.bits, channel_axis, self.observer, group_size=self.group, is_affine=is_affine)

    def perturb(self, weight: NDArray[np.float32], facts: Facts) -> NDArray[np.float32]:
        return self.encoded(weight, facts.channel_axis).round_trip(weight)

    def change(self, layer: str, network: "Lowered") -> "Change":
        from secateur.methods.quantize.weights import weights_change

        return weights_change(layer, self, network)

    def without_data(self) -> "Method | str":
        return self.unrefined()

    @property
    def refinement(self) -> Refinement | None:
        from secateur.methods.quantize.correction import SAMPLES

        return Refinement.of(self.bits, SAMPLES, self.rounding, corrects_biases=self.bias_correction)

    def unrefined(self) -> "Method":
        return self.model_copy(update={"bias_correction": False, "rounding": "nearest"})

    def apply(self, model: "Model", layers: Sequence[str], context: Context) -> "Model":
        from secateur.graph.network import TorchModel
        from secateur.methods.quantize.weights import quantize_stored, quantize_weights

        if not isinstance(model, TorchModel):
            return quantize_stored(model, layers, self, context)
        return quantize_weights(model, layers, self, context)

    def rehearse(self, model: "Model", layers: Sequence[str], original: "Model | None" = None) -> "Model":
        quick = self.unrefined().model_copy(update={"observer": "minmax"})
        return quick.apply(model, layers, Context())
