"""The `sensitivity` command: what every option of every layer does to the answers, and what the layer then costs."""

from collections.abc import Sequence

from rich.table import Table

from secateur import figures
from secateur.cli.answers import expect, model_source
from secateur.cli.terminal import Terminal, output, print_json, wrong
from secateur.engine.events import ModelOpened, SensitivityScored
from secateur.engine.requests import DataSource, OpenModel, ScoreSensitivity
from secateur.engine.timing import OptionsTimed, TimeOptions
from secateur.errors import UserError
from secateur.model.description import ModelSource
from secateur.model.documents import SensitivityTable, WithinOptionCorrelation
from secateur.model.workload import Workload
from secateur.recipe.options import OPTIONS, option
from secateur.recipe.speed import judged
from secateur.targets import TARGETS, target_named
from secateur.targets.base import Target
from secateur.targets.timings import Timings

ALL = tuple(each.id for each in OPTIONS)


def sensitivity(
    model: str,
    weights: str,
    data: str,
    depth: str,
    options: str,
    samples: int,
    target: str = "",
    seconds: float = 60.0,
    *,
    as_json: bool,
    debug: bool,
    trust: bool = False,
) -> None:
    """`target` empty: the first one, whose milliseconds are measured only where damage is measured too."""
    terminal, source = Terminal(debug=debug, quiet=as_json), model_source(model, weights, trust)
    depth = depth or ("measure" if data else "free")
    try:
        ids = tuple(option(name.strip()).id for name in options.split(",")) if options else ALL
        runtime = target_named(target or TARGETS[0].id)
    except UserError as error:
        wrong(error)
    table = scored(terminal, source, data, depth, ids, samples, runtime.id, seconds).table
    if target or depth == "measure":
        table = _with_milliseconds(terminal, source, table, ids, runtime, is_asked=bool(target))
    if as_json:
        print_json(table)
        return
    _print(f"Damage, {table.unit} ({table.depth})", table, ids)
    if any(row.latency_ms is not None for row in table.rows):
        _print(f"Milliseconds of the layer in {runtime.title}", table, ids, of_time=True)
    for sentence in (*_correlation_words(table), *table.warnings):
        output.print(sentence, markup=False)


def _with_milliseconds(
    terminal: Terminal,
    source: ModelSource,
    table: SensitivityTable,
    ids: Sequence[str],
    runtime: Target,
    is_asked: bool,
) -> SensitivityTable:
    """The table with the target's milliseconds; with the reason as a warning where they were asked for in vain."""
    found = terminal.attempt(TimeOptions(source, runtime.id, tuple(ids)))
    timings, why_not = (found.timings, found.why_not) if isinstance(found, OptionsTimed) else (None, "")
    opened = expect(ModelOpened, terminal.do(OpenModel(source))).model
    warnings = (*table.warnings, *([why_not] if is_asked and why_not else []))
    return judged(table, opened, runtime, timings).model_copy(update={"warnings": warnings})


def _print(title: str, table: SensitivityTable, ids: Sequence[str], *, of_time: bool = False) -> None:
    printed = Table(title=title, title_justify="left")
    printed.add_column("layer", no_wrap=True)
    for name in ids:
        printed.add_column(name, justify="right")
    for layer in dict.fromkeys(row.layer for row in table.rows):
        cells = [table.row(layer, name) for name in ids]
        values = [(cell.latency_ms if of_time else cell.damage) if cell else None for cell in cells]
        printed.add_row(layer, *map(figures.number, values))
    output.print(printed)


def _correlation_words(table: SensitivityTable) -> list[str]:
    """What an estimate is worth on this model, the order of the layers first."""
    if table.depth == "estimate":
        return _estimate_words(table)
    within, words = table.within_option_correlation, []
    if within is not None:
        words.append(f"Within an option the data-free estimate orders the layers with {_written(within)}.")
        if not within.tells_layers:
            words.append("It knows the options, not the layers: decide by the measurement.")
    if table.rank_correlation is not None:
        words.append(f"Over all cells, options among each other included, ρ = {table.rank_correlation:.2f}.")
    return words


def _estimate_words(table: SensitivityTable) -> list[str]:
    counts = [row.samples for row in table.rows if row.samples]
    within = table.within_option_correlation
    if not counts:
        return []
    few, most = min(counts), max(counts)
    span = f"{few:,}" if few == most else f"{few:,} to {most:,}"
    waiting = f"; {table.pending:,} cells are not measured yet" if table.pending else ""
    words = [f"{len(counts):,} cells were measured on {span} samples each, in {table.seconds:.1f} s{waiting}."]
    if within is not None:
        words.append(
            f"Within an option they order the layers as endless samples would with {_written(within)}, "
            "told by splitting the samples."
        )
    return words


def _written(within: WithinOptionCorrelation) -> str:
    """The correlation over all options with its interval, then that of each option."""
    each = ", ".join(f"{name} {value:.2f}" for name, value in within.by_option.items())
    return f"ρ = {within.mean:.2f} ({within.low:.2f} to {within.high:.2f}; {each})"


def scored(
    terminal: Terminal,
    source: ModelSource,
    data: str,
    depth: str,
    options: tuple[str, ...],
    samples: int,
    target: str,
    seconds: float = 60.0,
) -> SensitivityScored:
    """The table of damages, with what `target` says is faster, and the plans of the model that were measured before."""
    request = ScoreSensitivity(source, DataSource(data) if data else None, depth, options, samples, target, seconds)
    return expect(SensitivityScored, terminal.do(request))


def timed(terminal: Terminal, model: ModelSource, target: str, further: tuple[Workload, ...] = ()) -> Timings | None:
    """The milliseconds of every option in a target, and of `further`; None where they cannot be measured."""
    found = terminal.attempt(TimeOptions(model, target, ALL, further))
    return found.timings if isinstance(found, OptionsTimed) else None
