"""A plan tried for its speed before it is run: the network that it leads to, without its training and its ranges."""

from typing import TYPE_CHECKING, Final

from secateur.engine.couplings import description_for
from secateur.engine.events import PlanRehearsed
from secateur.engine.jobs.applying import layers_left
from secateur.engine.reporting import Reporter
from secateur.engine.requests import RehearsePlan
from secateur.engine.verdict import computed_in_float, precisions_of, told_by_target
from secateur.engine.workshop import Workshop
from secateur.errors import UserError
from secateur.figures import milliseconds_pair, signed_share
from secateur.graph.layers import example_inputs
from secateur.graph.network import Model, StoredModel, TorchModel
from secateur.recipe.resolve import Plan, require_plan
from secateur.targets import target_named
from secateur.targets.base import SLOWER_FROM
from secateur.targets.timing import measure_together

if TYPE_CHECKING:
    from pathlib import Path


SAYING: Final = "Trying how fast the plan will be"


def rehearse(request: RehearsePlan, reporter: Reporter, workshop: Workshop) -> PlanRehearsed:
    """Milliseconds before and after in the target, in turns, and what a person should know before the run.

    Of a target that cannot be measured here it is told what it will not compute in integers.
    A plan that cannot be rehearsed is told nothing about: the run itself says why it cannot be.
    """
    bench = workshop.bench(request.model, reporter)
    target = target_named(request.target)
    try:
        plan = require_plan(request.recipe, description_for(request.recipe, bench, reporter))
        if target.why_not_timed() is not None:
            return PlanRehearsed(warnings=told_by_target(target, plan, bench.description))
        if isinstance(bench.model, StoredModel) or not bench.description.runnable:
            return PlanRehearsed()
        model = _rehearsed(workshop.exportable(bench, reporter), plan, reporter)
        path = workshop.folder / "rehearsed.onnx"
        _write(model, path)
    except UserError:
        return PlanRehearsed()
    inputs = example_inputs(bench.description)
    before, after = (target.session(file, workshop.threads) for file in (workshop.file(bench), path))
    reporter.progress(0, 1, SAYING)
    first, second = measure_together(
        [lambda: before(*inputs), lambda: after(*inputs)],
        target.runtime,
        workshop.threads,
        check=lambda: reporter.progress(0, 1, SAYING),
    )
    told = list(computed_in_float(target, *_integer_layers(model, path)))
    if second.median > first.median * SLOWER_FROM:
        change = " → ".join(milliseconds_pair(first.median, second.median))
        change = f"{change}, {signed_share(first.median, second.median)}, tried in {target.title}"
        cause = target.cause_of_slowness(precisions_of(plan))
        told.insert(0, f"This plan will be slower here than the original: {change}. {cause}".strip())
    return PlanRehearsed(first, second, tuple(told))


def _rehearsed(model: Model, plan: Plan, reporter: Reporter) -> Model:
    original = model
    for step in plan.steps:
        reporter.progress(0, 1, f"Trying how fast the plan will be: {step.method.title}")
        model = step.method.rehearse(model, layers_left(model, step.layers), original)
    return model


def _write(model: Model, path: "Path") -> None:
    from secateur.formats import format_named

    format_named("onnx").write(model, path)


def _integer_layers(model: Model, path: "Path") -> tuple[tuple[str, ...], list[str]]:
    """(layers of the plan that the runtime computes in float, layers planned for integers)."""
    import onnx

    from secateur.graph.lowering import structure_of
    from secateur.graph.onnx_files.computed import float_layers
    from secateur.graph.qdq.placing import static_layers

    if not isinstance(model, TorchModel) or not model.encodings.activations:
        return (), []
    planned = static_layers(structure_of(model), model.encodings)
    return float_layers(onnx.load(str(path)), planned), planned
