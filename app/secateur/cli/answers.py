"""What each command does: request, result, table or JSON."""

import time
from pathlib import Path
from typing import TypeVar

from rich.table import Table

from secateur import figures
from secateur.cli.resuming import Asked, Wanted, new_run, resumed_run
from secateur.cli.terminal import FAILED, Terminal, errors, output, print_json, wrong
from secateur.engine.events import (
    Compared,
    DataOpened,
    Evaluated,
    Exported,
    PlanRehearsed,
    Result,
    RunFinished,
)
from secateur.engine.requests import (
    Compare,
    Compress,
    DataSource,
    Evaluate,
    Export,
    OpenData,
    RehearsePlan,
)
from secateur.engine.result_rows import rows_of
from secateur.errors import UserError
from secateur.model.description import ModelSource
from secateur.model.deviation import reasons_missing
from secateur.model.documents import (
    Evaluation,
    RunDocument,
)
from secateur.recipe.recipe import Recipe
from secateur.targets import TARGETS, target_named

R = TypeVar("R")


def model_source(model: str, weights: str, trust: bool = False) -> ModelSource:
    """A sample or a file as a path; anything else with a colon as a factory, with its weights."""
    name = model.rpartition(":")[2]
    is_factory = ":" in model and not model.startswith("sample:") and name.isidentifier() and not Path(model).exists()
    if is_factory:
        return ModelSource(weights, model, trust)
    if weights:
        wrong(UserError("--weights goes with a factory, not with a file.", "Give MODEL as file.py:factory."))
    return ModelSource(model, trusted=trust)


def evaluate(model: str, weights: str, data: str, *, as_json: bool, debug: bool, trust: bool = False) -> None:
    terminal, source = Terminal(debug=debug, quiet=as_json), model_source(model, weights, trust)
    opened = expect(DataOpened, terminal.do(OpenData(source, DataSource(data))))
    evaluation = expect(Evaluated, terminal.do(Evaluate(source, DataSource(data)))).evaluation
    warnings = tuple(dict.fromkeys(w for w in (opened.data.warning, *evaluation.warnings) if w))
    for warning in warnings:
        errors.print(warning, markup=False)
    evaluation = evaluation.model_copy(update={"warnings": warnings, "notes": opened.data.notes})
    if as_json:
        print_json(evaluation)
        return
    output.print(evaluation_table({"": evaluation}))
    for note in opened.data.notes:
        output.print(note, markup=False)


def compress(
    model: str,
    weights: str,
    data: str,
    recipe: Path | None,
    out: Path,
    exports: str,
    *,
    target: str = TARGETS[0].id,
    resume: bool,
    as_json: bool,
    debug: bool,
    force: bool = False,
    trust: bool = False,
) -> RunDocument:
    terminal = Terminal(debug=debug, quiet=as_json)
    try:
        target_named(target)
        source = model_source(model, weights, trust) if model else None
        asked = Asked(source, data, recipe, _writable(exports))
        wanted = resumed_run(asked, out) if resume else new_run(asked)
    except UserError as error:
        wrong(error)
    document = run_recipe(terminal, wanted, out, target=target, resume=resume, force=force, recipe_file=recipe)
    if as_json:
        print_json(document)
    else:
        print_run(document)
    return document


def _writable(text: str) -> tuple[str, ...]:
    from secateur.formats import FORMATS, format_named

    formats = [format_named(name.strip()) for name in text.split(",") if name.strip()]
    for entry in formats:
        if not entry.writes:
            writable = ", ".join(other.id for other in FORMATS if other.writes)
            raise UserError(f"{entry.title} is not written.", f"Written are: {writable}.")
        if missing := entry.missing():
            raise UserError(missing)
    return tuple(entry.id for entry in formats)


def run_recipe(
    terminal: Terminal,
    wanted: Wanted,
    out: Path,
    *,
    target: str = TARGETS[0].id,
    resume: bool = False,
    force: bool = False,
    recipe_file: Path | None = None,
) -> RunDocument:
    """Carry out a recipe in `out`. `force`: what is there may be written over."""
    if not resume:
        for warning in rehearsed(terminal, wanted.model, wanted.recipe, target).warnings:
            errors.print(warning, style="bold red", markup=False)
    run = wanted.run or time.strftime("%Y%m%d-%H%M%S") + f"-{time.time_ns() % 10**6:06d}"
    request = Compress(
        wanted.model,
        wanted.data,
        wanted.recipe,
        run,
        folder=out.absolute(),
        exports=wanted.exports,
        resume=resume,
        name=out.name,
        replace=force,
        recipe_file=str(recipe_file or ""),
        target=target,
    )
    finished = expect(RunFinished, terminal.do(request))
    assert finished.record.document is not None  # noqa: S101 - a finished run has its document
    return finished.record.document


def rehearsed(terminal: Terminal, model: ModelSource, recipe: Recipe, target: str) -> PlanRehearsed:
    """How fast a plan will be in a target, and what to know of that before it is run; nothing where trying it fails."""
    tried = terminal.attempt(RehearsePlan(model, recipe, target)) if recipe.steps else None
    return tried if isinstance(tried, PlanRehearsed) else PlanRehearsed()


def print_run(document: RunDocument) -> None:
    """The before/after table of a run, bad news first."""
    for warning in document.warnings:
        output.print(warning, style="" if warning in document.notes else "bold red", markup=False)
    table = Table("", title=document.name, title_justify="left")
    for head in ("original", "result", "change"):
        table.add_column(head, justify="right")
    for row in rows_of(document.original, document.result):
        table.add_row(*row)
    output.print(table)
    for file in document.files:
        word = {"proven": "Proven", "differs": "Differs", "broken": "Broken"}[file.verdict]
        output.print(f"{word} {file.path} ({figures.size(file.bytes)}): {file.sentence}", markup=False)
    if document.files and document.files[0].agreement is not None:
        output.print(f"File and simulation agree on {figures.share(document.files[0].agreement)} of the test samples.")


def compare(
    a: str, weights: str, b: str, weights_b: str, data: str, *, as_json: bool, debug: bool, trust: bool = False
) -> None:
    terminal = Terminal(debug=debug, quiet=as_json)
    request = Compare(model_source(a, weights, trust), model_source(b, weights_b, trust), DataSource(data))
    comparison = expect(Compared, terminal.do(request)).comparison
    if as_json:
        print_json(comparison)
        return
    output.print(evaluation_table({"A": comparison.a, "B": comparison.b}))
    if comparison.headline:
        output.print(comparison.headline, style="bold red", markup=False)
    if comparison.agreement is not None:
        output.print(f"Same answer on {figures.share(comparison.agreement)} of the samples.")
    for warning in comparison.warnings:
        output.print(warning, markup=False)
    table = Table("layer", title="Error of B against A, signal over error", title_justify="left")
    table.add_column("weights", justify="right")
    table.add_column("output", justify="right")
    for error in comparison.layers:
        table.add_row(error.layer, error.weight.words, error.output.words)
    output.print(table)
    both = [(error.layer, side) for error in comparison.layers for side in (error.weight, error.output)]
    for sentence in reasons_missing(list(dict.fromkeys(both))):
        output.print(sentence, markup=False)


def export(
    model: str,
    weights: str,
    data: str,
    to: str,
    out: Path,
    settings: list[str],
    *,
    as_json: bool,
    debug: bool,
    force: bool = False,
    accept: bool = False,
    trust: bool = False,
) -> None:
    from secateur.cli.settings import write_options
    from secateur.formats import format_named

    terminal, source = Terminal(debug=debug, quiet=as_json), model_source(model, weights, trust)
    try:
        options = write_options(to, settings)
        if refusal := format_named(to).wrong_name(out):
            raise UserError(refusal)
    except UserError as error:
        wrong(error)
    request = Export(source, DataSource(data) if data else None, to, out, options=options, replace=force, accept=accept)
    file = expect(Exported, terminal.do(request)).file
    if as_json:
        print_json(file)
    else:
        output.print(file.sentence, markup=False)
    if not file.verified and not (accept and file.verdict == "differs"):
        raise SystemExit(FAILED)


def evaluation_table(columns: dict[str, Evaluation]) -> Table:
    """What evaluations must state, one column each."""
    table = Table("")
    for head in columns:
        table.add_column(head, justify="right")
    described = [{row[0]: row[1] for row in rows_of(e, e)} for e in columns.values()]
    for name in dict.fromkeys(key for one in described for key in one):
        table.add_row(name, *(one.get(name, figures.UNKNOWN) for one in described))
    return table


def expect(kind: type[R], result: Result) -> R:
    if not isinstance(result, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(result).__name__}")
    return result
