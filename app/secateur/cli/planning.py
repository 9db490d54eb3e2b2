"""The `plan` command: budget → sensitivity → recipe, and how fast it will be."""

import time
from pathlib import Path

from secateur import figures
from secateur.cli.answers import expect, model_source, rehearsed
from secateur.cli.budgets import parse_budgets, wants_latency
from secateur.cli.scoring import ALL, score, timed
from secateur.cli.terminal import FAILED, Terminal, errors, output, print_json, wrong
from secateur.data.metrics import kind_of
from secateur.engine.events import Evaluated, ModelOpened, PlanRehearsed
from secateur.engine.requests import DataSource, Evaluate, OpenModel
from secateur.errors import UserError
from secateur.files import Guard, write_text
from secateur.methods.left_out import sentences_about
from secateur.model.description import ModelDescription, ModelSource
from secateur.model.documents import Evaluation, PlanDocument, Predicted, SensitivityTable
from secateur.recipe.recipe import Recipe
from secateur.targets import target_named
from secateur.targets.timings import Timings


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
) -> PlanDocument:
    """The recipe within these budgets, written to `out` where one is given."""
    from secateur.engine.protection import kept_files
    from secateur.engine.store import RunStore

    terminal, source = Terminal(debug=debug, quiet=as_json), model_source(model, weights, trust)
    opened = expect(ModelOpened, terminal.do(OpenModel(source))).model
    guard = Guard(kept_files(source, opened.files, DataSource(data), runs=RunStore().runs()), force)
    try:
        parse_budgets(budgets, opened)  # before anything is measured
        runtime = target_named(target)
        if wants_latency(budgets) and (reason := runtime.why_not_timed()):
            raise UserError(f"The budget latency needs milliseconds. {reason}", "Leave it out, or name another target.")
        guard.check(*([out] if out else []))
        baseline = None
        if data:
            baseline = expect(Evaluated, terminal.do(Evaluate(source, DataSource(data)))).evaluation
            opened = expect(ModelOpened, terminal.do(OpenModel(source))).model  # the data may set its input's shape
        table = score(terminal, source, data, "measure" if data else "free", ALL, samples, target)
        timings = timed(terminal, source, target)
        if wants_latency(budgets) and (timings is None or timings.whole is None):
            raise UserError(f"{opened.name} could not be timed in {runtime.title}.", "Leave the budget latency out.")
        limits = parse_budgets(budgets, opened, timings.whole if timings else None)
        recipe, document, tried = _solved(terminal, source, opened, table, limits, baseline, timings, target)
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
    told = (document.predicted.metric_why_not,) if data and document.predicted.metric_why_not else ()
    for sentence in (*told, *document.warnings):
        output.print(sentence, markup=False)
    return document


def _solved(
    terminal: Terminal,
    source: ModelSource,
    model: ModelDescription,
    table: SensitivityTable,
    limits: dict[str, float],
    baseline: Evaluation | None,
    timings: Timings | None,
    target: str,
) -> tuple[Recipe, PlanDocument, PlanRehearsed]:
    """The recipe of least damage within `limits`, what it is expected to cost, and how fast it was when tried."""
    from secateur.recipe.budget import Budget, Wish
    from secateur.recipe.choices import without_options
    from secateur.recipe.chosen import recipe_of
    from secateur.recipe.prediction import predict_plan
    from secateur.recipe.speed_cost import speed_cost

    begun = time.perf_counter()
    budget = Budget(model, table, timings)
    chosen = budget.solve(Wish(limits))
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
        recipe=recipe.to_document(), predicted=predicted, limits=limits, seconds=seconds, warnings=warnings
    )
    return recipe, made, tried


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
