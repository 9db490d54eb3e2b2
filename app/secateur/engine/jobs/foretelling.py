"""What of a plan the formats that it is exported to cannot hold, told before it is run."""

from collections.abc import Iterable
from dataclasses import replace

from secateur.formats import format_named
from secateur.formats.holding import AnyEncoding, example, not_held
from secateur.model.encoding import ActivationEncoding
from secateur.recipe.resolve import Plan


def foretold(plan: Plan, formats: Iterable[str]) -> tuple[str, ...]:
    """A sentence for each format and each kind of encoding that the plan decides on and it has no form for."""
    kinds = [(step.method.stored_bits, step.method.computes_in) for step in plan.steps]
    encodings: list[AnyEncoding] = []
    for bits, kind in kinds:
        if bits is not None and kind is not None and not kind.is_float:
            whole = example(bits, kind.group or None, is_affine=kind.is_affine)
            encodings.append(replace(whole, in_integers=kind.is_static and bits < 8))
        if kind is not None and kind.is_static:
            encodings.append(ActivationEncoding(1.0, 0, kind.activation_bits))
    targets = map(format_named, dict.fromkeys(formats))
    return tuple(f"{target.title}: {sentence}" for target in targets for sentence in not_held(target, encodings))
