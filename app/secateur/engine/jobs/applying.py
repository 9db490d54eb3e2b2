"""Carrying out a plan step by step, with a word on every layer that a step leaves as it is."""

from pathlib import Path
from typing import Any

from secateur.engine.reporting import Reporter
from secateur.methods.base import LeftOut
from secateur.methods.left_out import sentences_about
from secateur.model.model import Model
from secateur.recipe.resolve import Plan


def apply_plan(
    model: Model, plan: Plan, reporter: Reporter, folder: Path, **context: Any
) -> tuple[Model, tuple[str, ...]]:
    """The model after all steps, and a sentence for each group of layers that were asked for and left out.

    The sentences go to the log, too. `context` is what each method may use besides progress and log; each step has
    a folder of its own in `folder`. `model` is not changed.
    """
    warnings: list[str] = []
    for number, step in enumerate(plan.steps, 1):
        reporter.log(f"Step {number} of {len(plan.steps)}: {step.method.title} on {len(step.layers)} layers")
        reporter.progress(0, 1, step.method.title)
        left_out: list[LeftOut] = [*step.left_out]
        own = reporter.context(folder=folder / f"step-{number}", leave_out=left_out.extend, **context)
        model = step.method.apply(model, step.layers, own)
        told = sentences_about(left_out, step.chosen, step.method.title)
        for sentence in told:
            reporter.log(sentence)
        warnings += told
    return model, tuple(dict.fromkeys(warnings))
