"""Runtimes on other machines: what they compute in integers is known, how long they take cannot be measured here."""

from typing import ClassVar

from secateur.model.description import Layer
from secateur.model.workload import Precision
from secateur.targets.base import Target


class _Elsewhere(Target):
    id: ClassVar[str] = ""
    title: ClassVar[str] = ""
    runtime: ClassVar[str] = ""
    formats: ClassVar[tuple[str, ...]] = ()
    machine: ClassVar[str]
    weight_only_bits: ClassVar[tuple[int, ...]] = ()
    """Widths of weights alone that its kernels of linear layers multiply with 8-bit activations."""

    def computes(self, precision: Precision, layer: Layer) -> str | None:
        if precision.weight_bits == 8 and precision.activation_bits == 8 and not precision.group:
            return None
        if precision.is_float:
            return "It stays in float."
        if not precision.is_static:
            if precision.weight_bits in self.weight_only_bits and not layer.kernel:
                return None
            return f"{self.title} unpacks {precision.weight_bits}-bit weights of this layer to float."
        return f"{self.title} has no integer kernels for {precision.words}."

    def why_not_timed(self) -> str | None:
        return f"{self.title} runs on {self.machine}: milliseconds have to be measured there."


class Xnnpack(_Elsewhere):
    """ExecuTorch's delegate for phones and small computers; its 4-bit linear layers compute with 8-bit activations."""

    id: ClassVar[str] = "xnnpack"
    title: ClassVar[str] = "XNNPACK"
    runtime: ClassVar[str] = "ExecuTorch"
    formats: ClassVar[tuple[str, ...]] = ("executorch",)
    machine: ClassVar[str] = "Arm processors"
    weight_only_bits: ClassVar[tuple[int, ...]] = (4, 8)
    channel_step: ClassVar[int] = 8


class LiteRt(_Elsewhere):
    """The runtime of Android and of microcontrollers, once TensorFlow Lite."""

    id: ClassVar[str] = "litert"
    title: ClassVar[str] = "LiteRT"
    runtime: ClassVar[str] = "LiteRT"
    formats: ClassVar[tuple[str, ...]] = ("litert",)
    machine: ClassVar[str] = "Android devices"
    channel_step: ClassVar[int] = 8


class CoreMl(_Elsewhere):
    """Apple's runtime; its neural engine computes in 8-bit integers where weights and activations are."""

    id: ClassVar[str] = "coreml"
    title: ClassVar[str] = "Core ML"
    runtime: ClassVar[str] = "Core ML"
    formats: ClassVar[tuple[str, ...]] = ("coreml",)
    machine: ClassVar[str] = "Apple's devices"
    channel_step: ClassVar[int] = 16
