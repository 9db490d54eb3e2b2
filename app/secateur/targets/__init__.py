"""Where a network will run. A target is a file here and its class in TARGETS; the first is the default."""

from secateur.errors import UserError
from secateur.targets.base import Target
from secateur.targets.elsewhere import CoreMl, LiteRt, Xnnpack
from secateur.targets.onnxruntime import OnnxRuntime
from secateur.targets.openvino import OpenVino

TARGETS: tuple[Target, ...] = (OnnxRuntime(), OpenVino(), Xnnpack(), LiteRt(), CoreMl())


def target_named(name: str) -> Target:
    """The target with this id; UserError lists those that there are."""
    for candidate in TARGETS:
        if candidate.id == name:
            return candidate
    raise UserError(f"There is no target {name!r}.", f"Known: {', '.join(known.id for known in TARGETS)}.")


def target_in(runtime: str) -> Target | None:
    """The target whose runtime something was measured in, by the name that measurements carry; None for an unknown."""
    return next((candidate for candidate in TARGETS if candidate.runtime == runtime), None)
