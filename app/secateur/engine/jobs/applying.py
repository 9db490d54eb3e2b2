"""Carrying out a plan step by step, with a word on every layer that a step leaves as it is."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from secateur.engine.course import Stage
from secateur.engine.reporting import Reporter
from secateur.figures import counted
from secateur.graph.context import Context, LeftOut
from secateur.graph.factors import present
from secateur.graph.network import Model, TorchModel
from secateur.methods.left_out import sentences_about
from secateur.methods.refinement import Refinement
from secateur.model.description import ModelDescription
from secateur.model.documents import TrainedStep
from secateur.model.run_details import CurveRow
from secateur.recipe.resolve import Plan, PlannedStep
from secateur.training.curves import CurvePoint

CURVE_POINTS = 100
"""About as many points of a training's curve are kept with its run, besides those where the metric was looked at."""


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


def _of_step(emit: Callable[[Any], None], step: PlannedStep, points: list[CurvePoint]) -> Callable[[Any], None]:
    """The same, with the round and the training in every point of a curve; `points` takes them all."""
    place = step.place
    name = f"{step.method.id} {place.number}.{place.part}"

    def emit_of_step(value: Any) -> None:
        if isinstance(value, CurvePoint):
            value = replace(value, round=place.round, rounds=place.rounds, training=name)
            points.append(value)
        emit(value)

    return emit_of_step


def trained_step(step: PlannedStep, points: Sequence[CurvePoint]) -> TrainedStep | None:
    """How a training ended, from the points of its curve; None for a step that does not train."""
    if not points:
        return None
    judged = next((point for point in reversed(points) if point.metric is not None), None)
    return TrainedStep(
        method=step.method.id,
        round=step.place.round,
        rounds=step.place.rounds,
        epochs=points[-1].epochs,
        loss=points[-1].loss if isfinite(points[-1].loss) else None,
        metric=judged.metric if judged else None,
        agreement=judged.agreement if judged else None,
        curve=tuple(
            CurveRow(epoch=point.epoch, loss=point.loss if isfinite(point.loss) else None, metric=point.metric)
            for place, point in enumerate(points)
            if point.metric is not None or place % (1 + len(points) // CURVE_POINTS) == 0
        ),
    )


def layers_left(model: Model, layers: Sequence[str]) -> tuple[str, ...]:
    """What stands for these layers of the opened model by now: the factors of those that were split."""
    return present(layers, model.weights().keys()) if isinstance(model, TorchModel) else tuple(layers)


class _Together:
    """Carries out steps, those of one method that follow each other and refine what they encode together.

    Of one method, for another would record its ranges before what was done to the means is taken back.
    """

    def __init__(self, plan: Plan, model: Model) -> None:
        is_able = isinstance(model, TorchModel)
        self.steps = plan.steps
        self.refinements = [step.method.refinement if is_able else None for step in plan.steps]
        self.before: TorchModel | None = None
        self.parts: list[tuple[tuple[str, ...], Refinement]] = []

    def apply(self, number: int, model: Model, context: Context) -> Model:
        """The model after the step at this place."""
        step, refinement = self.steps[number], self.refinements[number]
        layers, follows = layers_left(model, step.layers), self._follows(number)
        if refinement is None or (self.before is None and not follows):
            return step.method.apply(model, layers, context)
        from secateur.graph.lowering import lower
        from secateur.methods.quantize.correction import refined_together

        if self.before is None:
            assert isinstance(model, TorchModel)  # noqa: S101 - no other is refined
            model = self.before = lower(model, context)
        self.parts.append((layers, refinement))
        encoded = step.method.unrefined().apply(model, layers, context)
        if follows:
            return encoded
        before, parts, self.before, self.parts = self.before, tuple(self.parts), None, []
        assert isinstance(encoded, TorchModel)  # noqa: S101 - encoding keeps the kind of a model
        return refined_together(before, encoded, parts, context)

    def _follows(self, number: int) -> bool:
        """Whether the next step is one of the same method that refines, too."""
        if number + 1 >= len(self.steps) or self.refinements[number + 1] is None:
            return False
        return type(self.steps[number].method) is type(self.steps[number + 1].method)


def _is_encoded(model: Model) -> bool:
    return isinstance(model, TorchModel) and bool(model.encodings.weights or model.encodings.activations)


def _named_after(steps: Sequence[PlannedStep]) -> str:
    """A name for what these steps make, the same wherever a plan begins with them."""
    said = [(step.method.id, step.method.model_dump(mode="json"), step.layers) for step in steps]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]


def apply_plan(
    model: Model,
    plan: Plan,
    reporter: Reporter,
    folder: Path,
    trained: Callable[[TrainedStep], None] = lambda step: None,
    trainings: Path | None = None,
    **context: Any,
) -> tuple[Model, tuple[str, ...]]:
    """The model after all steps, and a sentence for each group of layers that were asked for and left out.

    The sentences go to the log, too. `context` is what each method may use besides progress and log; each step has
    a folder of its own in `folder`. `trained` is told how each training ended. `model` is not changed. In `trainings`
    those of a network that is not encoded are kept for other plans that begin with the same steps.

    Layers that are encoded in several steps, one after the other, are refined once, after the last.
    """
    warnings: list[str] = []
    together = _Together(plan, model)
    for number, step in enumerate(plan.steps, 1):
        turn = f"Round {step.place.round} of {step.place.rounds}: " if step.place.round else ""
        layers = counted(len(step.layers), "layer")
        reporter.log(f"Step {number} of {len(plan.steps)}: {turn}{step.method.title} on {layers}")
        own_folder, resume = folder / f"step-{number}", bool(context.get("resume"))
        if trainings is not None and step.method.training_epochs and not _is_encoded(model):
            own_folder, resume = trainings / _named_after(plan.steps[:number]), True
        reporter.enter(kind_of_step(step), resumed=resume and own_folder.is_dir())
        reporter.progress(0, 1, f"{turn}{step.method.title}")
        left_out: list[LeftOut] = [*step.left_out]
        own = reporter.context(leave_out=left_out.extend, **{**context, "folder": own_folder, "resume": resume})
        points: list[CurvePoint] = []
        own = replace(own, progress=_in_round(own.progress, turn), emit=_of_step(own.emit, step, points))
        model = together.apply(number - 1, model, own)
        if (ended := trained_step(step, points)) is not None:
            trained(ended)
        told = sentences_about(left_out, step.chosen, step.method.title)
        for sentence in told:
            reporter.log(sentence)
        warnings += told
    return model, tuple(dict.fromkeys(warnings))
