"""The `plan` command: budget → sensitivity → recipe, and how fast it will be."""

import time
from collections.abc import Sequence
from pathlib import Path

from secateur import figures
from secateur.cli.answers import expect, model_source, rehearsed
from secateur.cli.budgets import aim, parse_budgets, parse_pins, wants_drop, wants_timings
from secateur.cli.scoring import ALL, score, timed
from secateur.cli.terminal import FAILED, Terminal, errors, output, print_json, wrong
from secateur.data.metrics import kind_of
from secateur.engine.events import Evaluated, ModelOpened, PlanRehearsed
from secateur.engine.requests import DataSource, Evaluate, OpenModel
from secateur.errors import UserError
from secateur.files import Guard, write_text
from secateur.methods.left_out import sentences_about
from secateur.model.description import ModelDescription, ModelSource
from secateur.model.documents import Evaluation, FrontPlan, PlanDocument, Predicted
from secateur.recipe.budget import Budget, Wish
from secateur.recipe.choices import untimed
from secateur.recipe.quality import metric_per_damage
from secateur.recipe.recipe import Recipe
from secateur.targets import target_named


def plan(
    model: str,
    weights: str,
    data: str,
    budgets: list[str],
    out: Path | None,
    samples: int,
    *,
    target: str = "onnxruntime",
    as_json: bool,
    debug: bool,
    force: bool = False,
    trust: bool = False,
    pins: Sequence[str] = (),
    keep: Sequence[str] = (),
    with_front: bool = False,
    asked_why: Sequence[str] = (),
) -> PlanDocument:
    """The recipe within these budgets, written to `out` where one is given; `pins` and `keep` as `parse_pins` has them.

    `with_front` tells the plans of all sizes beside it, `asked_why` names layers whose choice is told why.
    """
    from secateur.engine.protection import kept_files
    from secateur.engine.store import RunStore

    terminal, source = Terminal(debug=debug, quiet=as_json), model_source(model, weights, trust)
    opened = expect(ModelOpened, terminal.do(OpenModel(source))).model
    guard = Guard(kept_files(source, opened.files, DataSource(data), runs=RunStore().runs()), force)
    try:
        pinned = _checked(opened, budgets, pins, keep, asked_why)  # before anything is measured
        runtime = target_named(target)
        if wants_timings(budgets) and (reason := runtime.why_not_timed()):
            hint = "Leave them out, or name another target."
            raise UserError(f"Budgets of latency and memory need the network to be timed. {reason}", hint)
        guard.check(*([out] if out else []))
        baseline = None
        if data:
            baseline = expect(Evaluated, terminal.do(Evaluate(source, DataSource(data)))).evaluation
            opened = expect(ModelOpened, terminal.do(OpenModel(source))).model  # the data may set its input's shape
        table = score(terminal, source, data, "measure" if data else "free", ALL, samples, target)
        timings = timed(terminal, source, target)
        if timings is not None and (together := untimed(opened, table, timings)):
            timings = timed(terminal, source, target, together)
        if wants_timings(budgets) and (timings is None or timings.whole is None):
            hint = "Leave the budgets of latency and memory out."
            raise UserError(f"{opened.name} could not be timed in {runtime.title}.", hint)
        budget = Budget(opened, table, timings)
        wish = Wish(_limits(budgets, budget), aim(budgets), pinned)
        recipe, document, tried = _solved(terminal, source, budget, wish, baseline, target, asked_why)
        if with_front:
            document = document.model_copy(update={"front": _front(budget, wish, baseline)})
    except UserError as error:
        wrong(error)
    if out is not None:
        _write(out, recipe.to_yaml(), guard)
    if as_json:
        print_json(document)
        return document
    sizes = f"{figures.size(opened.source_bytes)} → {figures.size(document.predicted.bytes)} predicted"
    words = [sizes, _metric_words(document.predicted, baseline)]
    predicted_ms = document.predicted.latency_ms
    if timings is not None and timings.whole and predicted_ms is not None:
        before = baseline.latency_ms.median if baseline and baseline.latency_ms else timings.whole
        words.append(f"{' → '.join(figures.milliseconds_pair(before, predicted_ms))} predicted")
    if tried.before and tried.after:
        speed = " → ".join(figures.milliseconds_pair(tried.before.median, tried.after.median))
        words.append(f"{speed} as tried in {tried.after.runtime}")
    output.print(f"{out or 'The plan'}: {', '.join(words)}")
    output.print(recipe.to_yaml(), markup=False)
    if document.front:
        _print_front(document.front, baseline)
    told = (document.predicted.metric_why_not,) if data and document.predicted.metric_why_not else ()
    for sentence in (*told, *document.why, *document.warnings):
        output.print(sentence, markup=False)
    return document


def _solved(
    terminal: Terminal,
    source: ModelSource,
    budget: Budget,
    wish: Wish,
    baseline: Evaluation | None,
    target: str,
    asked_why: Sequence[str],
) -> tuple[Recipe, PlanDocument, PlanRehearsed]:
    """The recipe that is wished for, what it is expected to cost, and how fast it was when tried."""
    from secateur.recipe.choices import without_options
    from secateur.recipe.chosen import recipe_of
    from secateur.recipe.prediction import predict_plan
    from secateur.recipe.speed_cost import speed_cost
    from secateur.recipe.why import telling, why

    model, table, timings, limits = budget.model, budget.table, budget.timings, dict(wish.limits)
    begun = time.perf_counter()
    chosen = budget.solve(wish)
    seconds = time.perf_counter() - begun
    recipe, cost = recipe_of(chosen), speed_cost(budget, chosen, limits)
    predicted = predict_plan(model, terminal.facts(source, model, target), recipe, table, baseline, timings)
    tried = rehearsed(terminal, source, recipe, target)
    if predicted.latency_ms is None and tried.after is not None:
        predicted = predicted.model_copy(update={"latency_ms": tried.after.median})
    warnings = (
        *((cost.sentence,) if cost else ()),
        *tried.warnings,
        *sentences_about(without_options(model, table), len(model.weighted_layers), "The plan"),
        *(baseline.warnings if baseline else ()),
        *table.warnings,
    )
    made = PlanDocument(
        recipe=recipe.to_document(),
        predicted=predicted,
        limits=limits,
        seconds=seconds,
        warnings=warnings,
        why=tuple(
            why(budget, chosen, limits, name, name in wish.pins) for name in asked_why or telling(budget, chosen)
        ),
    )
    return recipe, made, tried


def _checked(
    model: ModelDescription, budgets: list[str], pins: Sequence[str], keep: Sequence[str], asked_why: Sequence[str]
) -> dict[str, str]:
    """The pins; UserError for what is written wrong."""
    parse_budgets(budgets, model)
    aim(budgets)
    known = {layer.name for layer in model.weighted_layers}
    for name in asked_why:
        if name not in known:
            raise UserError(f"{model.name} has no layer {name!r}.", "List them with: secateur inspect.")
    return parse_pins(pins, keep, model)


def _limits(budgets: list[str], budget: Budget) -> dict[str, float]:
    """The limits that are written, now that the network is measured; UserError where one cannot be told."""
    per_damage = metric_per_damage(budget.table)
    if wants_drop(budgets) and not per_damage:
        sentence = "What the options do to the metric is not known, so that its drop cannot be limited."
        raise UserError(sentence, "Give labelled data with --data, or limit the size.")
    timings, programme = budget.timings, budget.programme
    original = programme.items_of({})
    memory = programme.takes("memory_bytes", original) if programme.is_timed else None
    return parse_budgets(budgets, budget.model, timings.whole if timings else None, memory, per_damage)


def _front(budget: Budget, wish: Wish, baseline: Evaluation | None) -> tuple[FrontPlan, ...]:
    """The plans of all sizes, each with the metric that is predicted of it."""
    from secateur.recipe.chosen import recipe_of
    from secateur.recipe.front import front
    from secateur.recipe.quality import metric_after

    return tuple(
        FrontPlan(
            bytes=point.bytes,
            macs=point.macs,
            latency_ms=point.latency_ms,
            damage=point.damage,
            metric=metric_after(point.damage, budget.table, baseline).metric,
            recipe=recipe_of(point.chosen).to_document(),
        )
        for point in front(budget, wish.pins)
    )


def _print_front(points: Sequence[FrontPlan], baseline: Evaluation | None) -> None:
    for point in points:
        words = [f"{figures.size(point.bytes):>9}", f"damage {point.damage:.3g}"]
        if point.latency_ms is not None:
            words.append(figures.milliseconds(point.latency_ms))
        if point.metric is not None and baseline is not None and baseline.metric is not None:
            kind = kind_of(baseline.metric.name)
            words.append(f"{kind.noun} {kind.write_pair(baseline.metric.value, point.metric)[1]}")
        output.print("  ".join(words), markup=False)


def _metric_words(predicted: Predicted, baseline: Evaluation | None) -> str:
    if baseline is None:
        return "metric not predicted without data"
    if baseline.metric is None or predicted.metric is None:
        return "metric not predicted"
    kind = kind_of(baseline.metric.name)
    words = f"{kind.noun} {' → '.join(kind.write_pair(baseline.metric.value, predicted.metric))} predicted"
    return f"{words} ({kind.write_range(*predicted.metric_interval)})" if predicted.metric_interval else words


def _write(path: Path, text: str, guard: Guard) -> None:
    from secateur.files import os_error_sentence

    try:
        guard.check(path)
        write_text(path, text)
    except UserError as error:
        wrong(error)
    except OSError as error:
        errors.print(" ".join(os_error_sentence(error)), markup=False)
        raise SystemExit(FAILED) from None
