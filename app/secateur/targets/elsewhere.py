"""Runtimes on other machines: what they compute in integers is known, how long they take cannot be measured here."""

from typing import ClassVar

from secateur.targets.base import Target


class Xnnpack(Target):
    """ExecuTorch's delegate for phones and small computers; its 4-bit linear layers compute with 8-bit activations."""

    id: ClassVar[str] = "xnnpack"
    title: ClassVar[str] = "XNNPACK"
    runtime: ClassVar[str] = "ExecuTorch"
    formats: ClassVar[tuple[str, ...]] = ("executorch",)
    machine: ClassVar[str] = "Arm processors"
    linear_bits: ClassVar[tuple[int, ...]] = (4, 8)


class LiteRt(Target):
    """The runtime of Android and of microcontrollers, once TensorFlow Lite."""

    id: ClassVar[str] = "litert"
    title: ClassVar[str] = "LiteRT"
    runtime: ClassVar[str] = "LiteRT"
    formats: ClassVar[tuple[str, ...]] = ("litert",)
    machine: ClassVar[str] = "Android devices"


class CoreMl(Target):
    """Apple's runtime; its neural engine computes in 8-bit integers where weights and activations are."""

    id: ClassVar[str] = "coreml"
    title: ClassVar[str] = "Core ML"
    runtime: ClassVar[str] = "Core ML"
    formats: ClassVar[tuple[str, ...]] = ("coreml",)
    machine: ClassVar[str] = "Apple's devices"
    channel_step: ClassVar[int] = 16
