"""The `autopilot` command: plans tried one after the other, and the best verified one."""

import time
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from secateur import figures
from secateur.cli.answers import expect, model_source
from secateur.cli.terminal import FAILED, Terminal, output, print_json, wrong
from secateur.data.metrics import kind_of
from secateur.engine.autopilot import Autopilot, AutopilotDocument, AutopilotEnded
from secateur.engine.requests import DataSource
from secateur.engine.result_rows import rows_of
from secateur.errors import UserError
from secateur.targets import target_named


@dataclass(frozen=True)
class Asked:
    """What may be lost and is wanted, as `Autopilot` has it."""

    drop: float
    size: float | None
    latency: float | None
    trials: int | None
    samples: int
    target: str
    seed: int


def autopilot(
    model: str,
    weights: str,
    data: str,
    out: Path,
    asked: Asked,
    *,
    resume: bool,
    as_json: bool,
    debug: bool,
    force: bool = False,
    trust: bool = False,
) -> None:
    """Exit status 1 where no plan kept the quality."""
    terminal = Terminal(debug=debug, quiet=as_json)
    try:
        target_named(asked.target)
    except UserError as error:
        wrong(error)
    request = Autopilot(
        model_source(model, weights, trust),
        DataSource(data),
        time.strftime("%Y%m%d-%H%M%S") + f"-{time.time_ns() % 10**6:06d}",
        asked.drop,
        asked.size,
        asked.latency,
        folder=out.absolute(),
        resume=resume,
        replace=force,
        trials=asked.trials,
        samples=asked.samples,
        target=asked.target,
        name=out.name,
        seed=asked.seed,
    )
    ended = expect(AutopilotEnded, terminal.do(request)).document
    if as_json:
        print_json(ended)
    else:
        _print(ended, out)
    if not ended.best:
        raise SystemExit(FAILED)


def _print(document: AutopilotDocument, out: Path) -> None:
    kind = kind_of(document.metric)
    table = Table(title="What was tried", title_justify="left")
    for head in ("", "plan", "size", "time", f"{kind.noun}, {document.splits.choose}", document.splits.judge, ""):
        table.add_column(head, justify="left" if head in ("", "plan") else "right")
    for trial in document.trials:
        table.add_row(
            str(trial.number),
            trial.title,
            f"{1 / trial.size:.1f}×" if trial.size else figures.UNKNOWN,
            f"{1 / trial.latency:.2f}×" if trial.latency else figures.UNKNOWN,
            document.change_words(trial.drop),
            document.change_words(trial.test_drop),
            trial.error or document.verdict_on(trial),
        )
    output.print(table)
    if document.result is not None:
        told = Table("", title=f"{out}: trial {document.best}", title_justify="left")
        for head in ("original", "result", "change"):
            told.add_column(head, justify="right")
        for row in rows_of(document.original, document.result):
            told.add_row(*row)
        output.print(told)
    output.print(document.sentence, markup=False)
