"""ONNX Runtime on this machine's CPU."""

from typing import ClassVar

from secateur.model.description import Layer
from secateur.model.workload import Precision
from secateur.targets.base import Target


class OnnxRuntime(Target):
    """Computes in 8-bit integers where weights and activations are; other weights are unpacked to float first."""

    id: ClassVar[str] = "onnxruntime"
    title: ClassVar[str] = "ONNX Runtime"
    runtime: ClassVar[str] = "ONNX Runtime"
    formats: ClassVar[tuple[str, ...]] = ("onnx",)
    module: ClassVar[str] = "onnxruntime"
    channel_step: ClassVar[int] = 8

    def computes(self, precision: Precision, layer: Layer) -> str | None:
        if precision.weight_bits == 8 and precision.activation_bits == 8 and not precision.group:
            return None
        if precision.is_float:
            return "It stays in float."
        if not precision.is_static:
            return f"{self.title} here unpacks {precision.weight_bits}-bit weights to float before it computes."
        return f"{self.title} has no integer kernels for {precision.words}."

    def why_not_timed(self) -> str | None:
        return None
