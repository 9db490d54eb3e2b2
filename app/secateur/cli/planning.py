"""The `plan` command: budget → sensitivity → recipe, and how fast it will be."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from secateur import figures
from secateur.cli.answers import expect, model_source, rehearsed
from secateur.cli.budgets import aim, parse_budgets, parse_pins, wants_drop, wants_timings
from secateur.cli.scoring import ALL, scored, timed
from secateur.cli.terminal import FAILED, Terminal, errors, output, print_json, wrong
from secateur.data.metrics import kind_of
from secateur.engine.checking import CheckPlan, PlanChecked
from secateur.engine.events import CouplingsFound, Evaluated, KnownPlan, ModelOpened, PlanRehearsed
from secateur.engine.requests import DataSource, Evaluate, FindCouplings, OpenModel
from secateur.errors import UserError
from secateur.files import Guard, write_text
from secateur.methods.facts import Facts
from secateur.methods.left_out import sentences_about
from secateur.model.description import ModelDescription, ModelSource
from secateur.model.documents import Evaluation, FrontPlan, PlanDocument, Predicted
from secateur.model.workload import Workload
from secateur.recipe.budget import Budget, Wish
from secateur.recipe.check_words import check_sentences
from secateur.recipe.choices import untimed
from secateur.recipe.interaction import Interaction
from secateur.recipe.options import option
from secateur.recipe.quality import damages_of, learned_from, metric_per_damage
from secateur.recipe.recipe import Recipe
from secateur.targets import target_named
from secateur.targets.timings import Timings


@dataclass(frozen=True)
class Asked:
    """What a plan is asked for. `budgets`, `pins` and `keep` as they are written; `samples` is of the validation part.

    `check`: whether the plan is measured as a whole and solved again. `front` tells the plans of all sizes beside it,
    `why` names layers whose choice is told why.
    """

    budgets: list[str]
    samples: int = 512
    target: str = "onnxruntime"
    pins: Sequence[str] = ()
    keep: Sequence[str] = ()
    front: bool = False
    why: Sequence[str] = ()
    check: bool = False


def plan(
    model: str,
    weights: str,
    data: str,
    asked: Asked,
    out: Path | None,
    *,
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
        pinned = _checked(opened, data, asked)  # before anything is measured
        guard.check(*([out] if out else []))
        ground = _measured(terminal, source, data, opened, asked)
        wish = Wish(_limits(asked.budgets, ground.budget), aim(asked.budgets), pinned)
        recipe, document, tried = _solved(terminal, ground, wish, asked)
        if asked.front:
            document = document.model_copy(update={"front": _front(ground.budget, wish, ground.baseline)})
    except UserError as error:
        wrong(error)
    if out is not None:
        _write(out, recipe.to_yaml(), guard)
    if as_json:
        print_json(document)
    else:
        _print(str(out or "The plan"), recipe, document, ground, tried)
    return document


@dataclass(frozen=True)
class _Ground:
    """What is known of a model when its plan is solved. `baseline`: None without data; `plans`: measured before."""

    source: ModelSource
    data: str
    budget: Budget
    baseline: Evaluation | None
    plans: tuple[KnownPlan, ...] = ()

    def learned(self, facts: Mapping[str, Facts], recipe: Recipe) -> Interaction | None:
        """What measured plans teach of this one; None where the damages are not those of answers."""
        if not self.data:
            return None
        plans = [(one.recipe, one.measured.damage) for one in self.plans]
        known = damages_of(self.budget.model.weighted_layers, self.budget.table, facts, plans)
        return learned_from(known, recipe)


def _measured(terminal: Terminal, source: ModelSource, data: str, opened: ModelDescription, asked: Asked) -> _Ground:
    """Everything that a plan is solved with; UserError where budgets need milliseconds that there are none of."""
    baseline = None
    if data:
        baseline = expect(Evaluated, terminal.do(Evaluate(source, DataSource(data)))).evaluation
        opened = expect(ModelOpened, terminal.do(OpenModel(source))).model  # the data may set its input's shape
    found = scored(terminal, source, data, "measure" if data else "free", ALL, asked.samples, asked.target)
    table = found.table
    if any(option(row.option).method.changes_widths and row.damage is not None for row in table.rows):
        opened = opened.with_couplings(expect(CouplingsFound, terminal.do(FindCouplings(source))).couplings)
    timings = timed(terminal, source, asked.target)
    if timings is not None and (together := untimed(opened, table, timings)):
        timings = timed(terminal, source, asked.target, together)
    if wants_timings(asked.budgets) and (timings is None or timings.whole is None):
        hint = "Leave the budgets of latency and memory out."
        raise UserError(f"{opened.name} could not be timed in {target_named(asked.target).title}.", hint)
    return _Ground(source, data, Budget(opened, table, timings), baseline, found.plans)


def _solved(
    terminal: Terminal, ground: _Ground, wish: Wish, asked: Asked
) -> tuple[Recipe, PlanDocument, PlanRehearsed]:
    """The recipe that is wished for, what it is expected to cost, and how fast it was when tried."""
    from secateur.recipe.choices import without_options
    from secateur.recipe.chosen import recipe_of
    from secateur.recipe.prediction import predict_plan
    from secateur.recipe.speed_cost import speed_cost
    from secateur.recipe.trying import solve_and_try
    from secateur.recipe.why import telling, why

    baseline, limits = ground.baseline, dict(wish.limits)
    bench = _Bench(terminal, ground.source, asked.target)
    begun = time.perf_counter()
    facts = terminal.facts(ground.source, ground.budget.model, asked.target)
    solved = solve_and_try(ground.budget, wish, facts, bench)
    seconds = time.perf_counter() - begun - bench.seconds
    ground, chosen = replace(ground, budget=solved.budget), dict(solved.chosen)
    budget = ground.budget
    model, table, timings = budget.model, budget.table, budget.timings
    recipe, found = recipe_of(chosen, channel_step=budget.channel_step), None
    if asked.check:
        checked = _check(terminal, ground, recipe, wish, asked)
        recipe, found, chosen = checked.recipe, checked.check, dict(checked.check.best_plan.chosen) or chosen
    cost = speed_cost(budget, chosen, limits)
    predicted = predict_plan(model, facts, recipe, table, baseline, timings, ground.learned(facts, recipe))
    tried = bench.tried(recipe)
    if predicted.latency_ms is None and tried.after is not None:
        predicted = predicted.model_copy(update={"latency_ms": tried.after.median})
    warnings = (
        *((cost.sentence,) if cost else ()),
        *((solved.warning,) if solved.warning else ()),
        *tried.warnings,
        *sentences_about(without_options(model, table), len(model.weighted_layers), "The plan"),
        *(baseline.warnings if baseline else ()),
        *table.warnings,
        *(found.notes if found else ()),
    )
    told = asked.why or telling(budget, chosen)
    made = PlanDocument(
        recipe=recipe.to_document(),
        predicted=predicted,
        limits=limits,
        seconds=seconds,
        warnings=tuple(dict.fromkeys(warnings)),
        why=tuple(why(budget, chosen, limits, name, name in wish.pins) for name in told),
        measured=found.best_plan.measured if found else None,
        check=found,
    )
    return recipe, made, tried


class _Bench:
    """Plans that are tried in the target, each once. `seconds` is what measuring took."""

    def __init__(self, terminal: Terminal, source: ModelSource, target: str) -> None:
        self._terminal, self._source, self._target = terminal, source, target
        self._known: list[tuple[Recipe, PlanRehearsed]] = []
        self.seconds = 0.0

    def share_of(self, recipe: Recipe) -> float | None:
        tried = self.tried(recipe)
        return tried.after.median / tried.before.median if tried.before and tried.after else None

    def tried(self, recipe: Recipe) -> PlanRehearsed:
        for known, tried in self._known:
            if known == recipe:
                return tried
        begun = time.perf_counter()
        tried = rehearsed(self._terminal, self._source, recipe, self._target)
        self.seconds += time.perf_counter() - begun
        self._known.append((recipe, tried))
        return tried

    def timed(self, works: tuple[Workload, ...]) -> Timings | None:
        begun = time.perf_counter()
        found = timed(self._terminal, self._source, self._target, works)
        self.seconds += time.perf_counter() - begun
        return found


def _check(terminal: Terminal, ground: _Ground, recipe: Recipe, wish: Wish, asked: Asked) -> PlanChecked:
    budget = ground.budget
    request = CheckPlan(
        ground.source,
        DataSource(ground.data),
        recipe,
        budget.table,
        wish.limits,
        wish.pins,
        wish.least,
        budget.timings,
        asked.samples,
        target=asked.target,
    )
    return expect(PlanChecked, terminal.do(request))


def _checked(model: ModelDescription, data: str, asked: Asked) -> dict[str, str]:
    """The pins; UserError for what is written wrong."""
    parse_budgets(asked.budgets, model)
    aim(asked.budgets)
    known = {layer.name for layer in model.weighted_layers}
    for name in asked.why:
        if name not in known:
            raise UserError(f"{model.name} has no layer {name!r}.", "List them with: secateur inspect.")
    if asked.check and not data:
        raise UserError("A plan is checked by measuring it, which needs data.", "Name it with --data.")
    runtime = target_named(asked.target)
    if wants_timings(asked.budgets) and (reason := runtime.why_not_timed()):
        hint = "Leave them out, or name another target."
        raise UserError(f"Budgets of latency and memory need the network to be timed. {reason}", hint)
    return parse_pins(asked.pins, asked.keep, model)


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
            recipe=recipe_of(point.chosen, channel_step=budget.channel_step).to_document(),
        )
        for point in front(budget, wish.pins)
    )


def _print(name: str, recipe: Recipe, document: PlanDocument, ground: _Ground, tried: PlanRehearsed) -> None:
    """In words: what the plan takes, as predicted, measured and tried, and what there is to know of it."""
    predicted, baseline, timings = document.predicted, ground.baseline, ground.budget.timings
    sizes = f"{figures.size(ground.budget.model.source_bytes)} → {figures.size(predicted.bytes)} predicted"
    words = [sizes, _metric_words(predicted, baseline)]
    if timings is not None and timings.whole and predicted.latency_ms is not None:
        before = baseline.latency_ms.median if baseline and baseline.latency_ms else timings.whole
        words.append(f"{' → '.join(figures.milliseconds_pair(before, predicted.latency_ms))} predicted")
    if tried.before and tried.after:
        speed = " → ".join(figures.milliseconds_pair(tried.before.median, tried.after.median))
        words.append(f"{speed} as tried in {tried.after.runtime}")
    output.print(f"{name}: {', '.join(words)}")
    if document.check is not None:
        for sentence in check_sentences(document.check):
            output.print(sentence, markup=False)
    output.print(recipe.to_yaml(), markup=False)
    if document.front:
        _print_front(document.front, baseline)
    told = (predicted.metric_why_not,) if ground.data and predicted.metric_why_not else ()
    for sentence in (*told, *document.why, *document.warnings):
        output.print(sentence, markup=False)


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
