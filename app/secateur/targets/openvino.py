"""OpenVINO on this machine's CPU."""

from typing import ClassVar

from secateur.targets.base import Target


class OpenVino(Target):
    """Computes in 8-bit integers where weights and activations are; unpacks 4- and 8-bit weights as it multiplies."""

    id: ClassVar[str] = "openvino"
    title: ClassVar[str] = "OpenVINO"
    runtime: ClassVar[str] = "OpenVINO"
    formats: ClassVar[tuple[str, ...]] = ("openvino", "onnx")
    module: ClassVar[str] = "openvino"
    channel_step: ClassVar[int] = 16

    def why_not_timed(self) -> str | None:
        return "Layers are not timed in OpenVINO yet: milliseconds are known in ONNX Runtime."
