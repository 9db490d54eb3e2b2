"""OpenVINO on this machine's CPU."""

from typing import ClassVar

from secateur.model.description import Layer
from secateur.model.workload import Precision
from secateur.targets.base import Target


class OpenVino(Target):
    """Computes in 8-bit integers where weights and activations are; unpacks 4- and 8-bit weights as it multiplies."""

    id: ClassVar[str] = "openvino"
    title: ClassVar[str] = "OpenVINO"
    runtime: ClassVar[str] = "OpenVINO"
    formats: ClassVar[tuple[str, ...]] = ("openvino", "onnx")
    module: ClassVar[str] = "openvino"
    channel_step: ClassVar[int] = 16

    def computes(self, precision: Precision, layer: Layer) -> str | None:
        if precision.weight_bits == 8 and precision.activation_bits == 8 and not precision.group:
            return None
        if precision.is_float:
            return "It stays in float."
        if not precision.is_static:
            return f"{self.title} unpacks {precision.weight_bits}-bit weights to float before it computes on this CPU."
        return f"{self.title} has no integer kernels for {precision.words}."

    def why_not_timed(self) -> str | None:
        return "Layers are not timed in OpenVINO yet: choose --target onnxruntime for a limit on milliseconds."
