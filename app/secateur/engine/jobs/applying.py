"""Carrying out a plan step by step, with a word on every layer that a step leaves as it is."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from secateur.engine.course import Stage
from secateur.engine.reporting import Reporter
from secateur.figures import counted
from secateur.graph.context import LeftOut
from secateur.graph.factors import present
from secateur.graph.network import Model, TorchModel
from secateur.methods.left_out import sentences_about
from secateur.model.description import ModelDescription
from secateur.recipe.recipe import Place
from secateur.recipe.resolve import Plan, PlannedStep
from secateur.training.curves import CurvePoint


def stages_of(plan: Plan, model: ModelDescription, training_samples: int = 0) -> list[Stage]:
    """The stages of a plan's steps; a training grows with its epochs and samples, any other step with its weights."""
    params = {layer.name: layer.params for layer in model.layers}
    stages = []
    for step in plan.steps:
        epochs = step.method.training_epochs
        if epochs:
            work = float(epochs * training_samples * max(1, model.macs))
        else:
            work = float(sum(params.get(name, 0) for name in step.layers) or 1)
        stages.append(Stage(kind_of_step(step), work, is_one_phase=bool(epochs)))
    return stages


def kind_of_step(step: PlannedStep) -> str:
    """By which name the time of a step is remembered."""
    return f"step {step.method.id}"


def _in_round(progress: Callable[[int, int, str], None], turn: str) -> Callable[[int, int, str], None]:
    """The same, saying the round first."""
    return (lambda done, total, text: progress(done, total, f"{turn}{text}")) if turn else progress


def _of_round(emit: Callable[[Any], None], place: Place) -> Callable[[Any], None]:
    """The same, with the round in every point of a training's curve."""

    def emit_of_round(value: Any) -> None:
        is_point = isinstance(value, CurvePoint)
        emit(replace(value, round=place.round, rounds=place.rounds) if is_point else value)

    return emit_of_round if place.round else emit


def layers_left(model: Model, layers: Sequence[str]) -> tuple[str, ...]:
    """What stands for these layers of the opened model by now: the factors of those that were split."""
    return present(layers, model.weights().keys()) if isinstance(model, TorchModel) else tuple(layers)


def apply_plan(
    model: Model, plan: Plan, reporter: Reporter, folder: Path, **context: Any
) -> tuple[Model, tuple[str, ...]]:
    """The model after all steps, and a sentence for each group of layers that were asked for and left out.

    The sentences go to the log, too. `context` is what each method may use besides progress and log; each step has
    a folder of its own in `folder`. `model` is not changed.
    """
    warnings: list[str] = []
    for number, step in enumerate(plan.steps, 1):
        turn = f"Round {step.place.round} of {step.place.rounds}: " if step.place.round else ""
        layers = counted(len(step.layers), "layer")
        reporter.log(f"Step {number} of {len(plan.steps)}: {turn}{step.method.title} on {layers}")
        reporter.enter(kind_of_step(step), resumed=bool(context.get("resume")) and (folder / f"step-{number}").is_dir())
        reporter.progress(0, 1, f"{turn}{step.method.title}")
        left_out: list[LeftOut] = [*step.left_out]
        own = reporter.context(folder=folder / f"step-{number}", leave_out=left_out.extend, **context)
        own = replace(own, progress=_in_round(own.progress, turn), emit=_of_round(own.emit, step.place))
        model = step.method.apply(model, layers_left(model, step.layers), own)
        told = sentences_about(left_out, step.chosen, step.method.title)
        for sentence in told:
            reporter.log(sentence)
        warnings += told
    return model, tuple(dict.fromkeys(warnings))
