"""Weight-only quantization: weights stored in few bits per output channel, computed in float."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from secateur.graph.context import Context
from secateur.methods.base import Effect, Family, Method, Need
from secateur.methods.quantize.sizes import encoded_bytes
from secateur.model.costs import Costs
from secateur.model.description import Layer, ModelDescription
from secateur.model.spectrum import Spectra
from secateur.model.workload import Precision

if TYPE_CHECKING:
    from secateur.graph.network import Model


def is_integer(layer: Layer) -> bool:
    """Whether the file stores the layer's weight as integers."""
    return layer.weight is not None and layer.weight.dtype.lstrip("u").startswith("int")


class WeightOnly(Method):
    """Stores weights as 8- or 4-bit integers; the runtime turns them back to float before it computes.

    In matrix products ONNX Runtime goes further by itself: with its default options it rounds their inputs to 8 bits.
    Smaller, never faster in ONNX Runtime on a CPU. Needs no data.
    """

    id: ClassVar[str] = "weight_only"
    title: ClassVar[str] = "Weight quantization"
    family: ClassVar[Family] = "quantize"
    needs: ClassVar[frozenset[Need]] = frozenset()
    scope: ClassVar[Literal["layer", "model"]] = "layer"
    order: ClassVar[int] = 40
    works_on_weights_alone: ClassVar[bool] = True
    works_on_encoded: ClassVar[bool] = True

    bits: Literal[8, 4] = Field(4, title="Bits", description="Bits of one stored weight.")
    observer: Literal["minmax", "mse"] = Field(
        "mse",
        title="Observer",
        description="Scale from each channel's maximum, or the one with the least squared error.",
    )

    def why_not_for(self, model: ModelDescription) -> str:
        if model.runnable and not model.trainable and all(is_integer(layer) for layer in model.weighted_layers):
            return "Its weights are integers already."
        return super().why_not_for(model)

    def supports(self, layer: Layer) -> str | None:
        return None if layer.is_weighted else "Only convolutions and linear layers have weights to quantize."

    def predict(self, layer: Layer, spectra: Spectra) -> Effect:
        size = encoded_bytes(layer, self.bits, static=False)
        clip = spectra.best_clip(self.bits) if self.observer == "mse" else 1.0
        return Effect(
            Costs(size, layer.macs),
            spectra.sqnr_db(self.bits, clip),
            smaller=size < layer.size_bytes,
            faster=False,
            sentence=f"ONNX Runtime here unpacks {self.bits}-bit weights to float before it computes.",
        )

    @property
    def computes_in(self) -> Precision:
        return Precision(self.bits)

    def badge(self) -> str:
        return f"{self.bits}-bit"

    def on_weight(self, weight: NDArray[np.float32], channel_axis: int) -> NDArray[np.float32]:
        from secateur.methods.quantize.weights import encode_weight

        return encode_weight(weight, self.bits, channel_axis, self.observer).round_trip(weight)

    def apply(self, model: "Model", layers: Sequence[str], context: Context) -> "Model":
        from secateur.graph.network import TorchModel
        from secateur.methods.quantize.weights import quantize_stored, quantize_weights

        if not isinstance(model, TorchModel):
            return quantize_stored(model, layers, self, context)
        return quantize_weights(model, layers, self, context)

    def rehearse(self, model: "Model", layers: Sequence[str]) -> "Model":
        return self.model_copy(update={"observer": "minmax"}).apply(model, layers, Context())
