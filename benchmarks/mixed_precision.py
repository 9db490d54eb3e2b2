"""Mixed precision without training: the metric at the same bytes, of uniform widths, greedy, ours, and ours checked.

    python benchmarks/mixed_precision.py MODEL DATA [--shares 0.15,0.125,0.1,0.094] [--seeds 0,1,2] [--test 10000]

Weights alone are stored in few bits, activations stay in float, and nothing is trained. A share is that of the bytes
which the float32 weights of convolutions and linear layers take; what counts are the codes, bits × weights ÷ 8, so that
all methods are counted alike (a scale per output channel comes on top for each of them, and the biases). All plans
here are of the same encodings (8, 6, 5, 4, 3 and 2 bits per output channel), rounded and corrected alike, and
differ in who has how many bits:

- uniform: all layers in the most bits that fit;
- greedy by SQNR: from 8 bits down, always the layer that adds least relative error for a byte;
- solved: the budget on measured damages, as `secateur plan` does it;
- checked: the same, measured as a whole and solved again, as `secateur plan --check` does it.

`--peers PYTHON` adds other tools with encodings and corrections of their own, run by that interpreter on the same
samples: `mixed_precision_peers.py` says which they are, how they are set and how their environment is made.

The second table has what was predicted of the solved plans before and what was found: damage on the validation samples
that it was measured on, the metric's change on the test samples beside its predicted interval.
"""

import argparse
import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from _rounds import drawn_anew, machine, table

import secateur  # before any runtime: switches its telemetry off
from secateur.analysis.evaluation import BATCH, predict
from secateur.analysis.free import score_free
from secateur.data.metrics import kind_of
from secateur.data.splits import Split
from secateur.engine.checking import CheckPlan
from secateur.engine.jobs.applying import apply_plan
from secateur.engine.jobs.checking import check
from secateur.engine.jobs.scoring import score_sensitivity
from secateur.engine.reporting import Reporter
from secateur.engine.requests import DataSource, ScoreSensitivity
from secateur.engine.workshop import Workshop
from secateur.errors import UserError
from secateur.methods.quantize.correction import SAMPLES
from secateur.model.description import ModelSource
from secateur.model.documents import SensitivityTable
from secateur.model.plan_check import CheckedPlan
from secateur.recipe.budget import Budget, Wish
from secateur.recipe.chosen import recipe_of
from secateur.recipe.options import option
from secateur.recipe.recipe import Recipe
from secateur.recipe.resolve import require_plan

assert secateur

WIDTHS = {8: "w8", 6: "int6", 5: "int5", 4: "int4", 3: "int3", 2: "int2"}
QUIET = Reporter(1, lambda event: None)


@dataclass
class Contest:
    """One model on one data set, with calibration samples drawn anew for each seed."""

    model: ModelSource
    data: DataSource
    samples: int
    test: int
    seconds: float
    folder: Path
    workshop: Workshop = field(default_factory=lambda: Workshop(0))

    def __post_init__(self) -> None:
        self.bench = self.workshop.bench(self.model, QUIET)
        self.opened = self.workshop.data(self.bench, self.data, QUIET)
        self.lowered = self.workshop.lowered(self.bench, QUIET)
        self.layers = self.bench.description.weighted_layers
        self.counts = {layer.name: layer.weight.count for layer in self.layers if layer.weight is not None}
        self.float_bytes = 4 * sum(self.counts.values())
        self.before = predict(self.lowered.run_all_on_device, self.opened, QUIET.progress, text="", limit=self.test)

    def draw(self, seed: int) -> None:
        """Other calibration samples, as many, from the training part; seed 0 keeps those of the data."""
        splits = drawn_anew(self.opened.splits, seed)
        for key in self.bench.data:
            self.bench.data[key] = replace(self.opened, splits=splits)

    @property
    def drawn(self) -> Any:
        return self.workshop.data(self.bench, self.data, QUIET)

    def share(self, chosen: Mapping[str, str]) -> float:
        """Bytes of the codes of a choice per layer, of those that the float weights take."""
        bits = {name: width for width, name in WIDTHS.items()} | {"": 32}
        return sum(bits[choice] * self.counts[name] / 8 for name, choice in chosen.items()) / self.float_bytes

    def scored(self) -> SensitivityTable:
        """Measured damages, and for bytes those of the codes alone."""
        asked = ScoreSensitivity(self.model, self.data, "measure", tuple(WIDTHS.values()), self.samples)
        found = score_sensitivity(asked, QUIET, self.workshop).table
        rest = {layer.name: layer.size_bytes - 4 * self.counts[layer.name] for layer in self.layers}
        bits = {name: width for width, name in WIDTHS.items()}
        rows = tuple(
            row.model_copy(update={"bytes": rest[row.layer] + bits[row.option] * self.counts[row.layer] // 8})
            for row in found.rows
        )
        return found.model_copy(update={"rows": rows})

    def carried_out(self, recipe: Recipe) -> Any:
        plan = require_plan(recipe, self.bench.description)
        return apply_plan(self.lowered, plan, QUIET, self.folder, data=self.drawn)[0]

    def judged(self, recipe: Recipe) -> tuple[float | None, float]:
        """The metric on the test samples, and what it changes by."""
        model, task = self.carried_out(recipe), self.opened.task
        found = predict(model.run_all_on_device, self.opened, QUIET.progress, text="", limit=self.test)
        after = task.score(found.answers, found.targets)
        before = task.score(self.before.answers, self.before.targets)
        return after, float("nan") if after is None or before is None else after - before


def uniform(contest: Contest, share: float) -> dict[str, str] | None:
    """All layers in the most bits that fit; None where 2 bits do not."""
    fitting = [bits for bits in WIDTHS if bits / 32 <= share * (1 + 1e-9)]
    return dict.fromkeys(contest.counts, WIDTHS[max(fitting)]) if fitting else None


def greedy(contest: Contest, share: float) -> dict[str, str]:
    """From 8 bits down: the layer's next step that adds least relative error of its weights for a byte."""
    options = tuple(option(name) for name in WIDTHS.values())
    free = score_free(contest.layers, contest.workshop.facts(contest.bench, QUIET), options)
    widths, order = dict.fromkeys(contest.counts, 8), sorted(WIDTHS, reverse=True)

    def price(name: str) -> float:
        place = order.index(widths[name])
        if place + 1 == len(order):
            return float("inf")
        now, then = (free.row(name, WIDTHS[bits]) for bits in order[place : place + 2])
        more = (then.damage or 0.0) - (now.damage or 0.0) if now and then else float("inf")
        return more / ((order[place] - order[place + 1]) * contest.counts[name])

    while contest.share({name: WIDTHS[bits] for name, bits in widths.items()}) > share * (1 + 1e-9):
        name = min(widths, key=price)
        if price(name) == float("inf"):
            break
        widths[name] = order[order.index(widths[name]) + 1]
    return {name: WIDTHS[bits] for name, bits in widths.items()}


@dataclass
class Ours:
    """Our plans, of one table; `checks` are what was predicted and measured of the solved ones."""

    contest: Contest
    scores: SensitivityTable
    checks: dict[float, CheckedPlan] = field(default_factory=dict)

    def limits(self, share: float) -> dict[str, float]:
        """The file's bytes at this share: what is beside the layers is smaller once all of them are encoded."""
        programme = Budget(self.contest.bench.description, self.scores).programme
        in_eight = programme.takes("bytes", programme.items_of(dict.fromkeys(self.contest.counts, WIDTHS[8])))
        return {"bytes": in_eight - (8 / 32 - share) * self.contest.float_bytes}

    def solved(self, share: float) -> dict[str, str] | None:
        try:
            return Budget(self.contest.bench.description, self.scores).solve(Wish(self.limits(share)))
        except UserError:
            return None

    def checked(self, share: float) -> dict[str, str] | None:
        first = self.solved(share)
        if first is None:
            return None
        contest = self.contest
        request = CheckPlan(
            contest.model,
            contest.data,
            recipe_of(first),
            self.scores,
            self.limits(share),
            samples=contest.samples,
            seconds=contest.seconds,
        )
        found = check(request, QUIET, contest.workshop).check
        self.checks[share] = found.first_plan
        return found.best_plan.chosen


def run(
    contest: Contest, shares: Sequence[float], seed: int
) -> Iterator[tuple[str, float, float, float | None, float]]:
    """(method, asked share, share that it takes, metric on test, seconds), and rows of what was predicted."""
    contest.draw(seed)
    begun = time.perf_counter()
    ours = Ours(contest, contest.scored())
    scoring = time.perf_counter() - begun
    methods: dict[str, tuple[Callable[[float], dict[str, str] | None], float]] = {
        "uniform": (lambda share: uniform(contest, share), 0.0),
        "greedy by SQNR": (lambda share: greedy(contest, share), 0.0),
        "solved": (ours.solved, scoring),
        "checked": (ours.checked, scoring),
    }
    for share in shares:
        for name, (make, before) in methods.items():
            begun = time.perf_counter()
            chosen = make(share)
            if chosen is None:
                continue
            value, change = contest.judged(recipe_of(chosen))
            taken = before + time.perf_counter() - begun
            if name == "solved":
                CHANGES[seed, share] = change
            yield name, share, contest.share(chosen), value, taken
        if share in ours.checks:
            PREDICTIONS.append(told(ours, seed, share))


def peers(
    contest: Contest, python: str, shares: Sequence[float]
) -> Iterator[tuple[str, float, float, float | None, float]]:
    """The same of other tools, run by `python` on the samples as they are drawn; who is left out is printed.

    They get as many calibration samples as our corrections take, and the validation samples that damage is measured on.
    """
    samples = {}
    limits: dict[Split, int] = {"calibration": SAMPLES, "validation": contest.samples, "test": contest.test}
    for split, limit in limits.items():
        batches = list(contest.drawn.batches(split, BATCH, limit))
        samples[split] = np.concatenate([batch.first for batch in batches])
        samples[f"{split}_labels"] = np.concatenate([batch.targets for batch in batches]).astype(np.int64)
    np.savez(contest.folder / "peers.npz", **samples)
    command = [python, str(Path(__file__).with_name("mixed_precision_peers.py")), contest.model.path]
    command += [str(contest.folder / "peers.npz"), "--shares", ",".join(map(str, shares))]
    command += ["--threads", str(max(contest.workshop.threads, 1))]
    said = contest.folder / "peers.log"
    with said.open("w") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as run_:
        for line in run_.stdout or ():
            told = json.loads(line)
            if "left_out" in told:
                print(f"{told['peer']} is left out: {told['left_out']}", flush=True)
                continue
            name = f"{told['peer']} {told['version']}"
            yield name, told["asked"], told["share"], told["top1"], told["seconds"]
    if run_.returncode:
        raise SystemExit("\n".join(["The peers' script failed:", *said.read_text(errors="replace").splitlines()[-5:]]))


CHANGES: dict[tuple[int, float], float] = {}
PREDICTIONS: list[tuple[float, float, float, float, float, float]] = []
"""(share, predicted damage, measured damage, change of the metric on test, its predicted interval)."""


def told(ours: Ours, seed: int, share: float) -> tuple[float, float, float, float, float, float]:
    plan = ours.checks[share]
    low, high = plan.predicted_interval or (float("nan"), float("nan"))
    return share, plan.predicted or 0.0, plan.measured.damage, CHANGES[seed, share], low, high


def print_predictions(metric: str) -> None:
    kind = kind_of(metric)
    rows, near, inside = [], 0, 0
    for share, predicted, measured, change, low, high in PREDICTIONS:
        is_near, is_inside = 0.5 <= measured / max(predicted, 1e-12) <= 2.0, low <= change <= high
        near, inside = near + is_near, inside + is_inside
        words = [kind.write_change(0.0, number) for number in (change, low, high)]
        rows.append((f"{share:.1%}", f"{predicted:.3g}", f"{measured:.3g}", f"{measured / predicted:.2f}", *words))
    print(table(("share", "predicted damage", "measured", "ratio", f"{metric} on test", "from", "to"), rows))
    print(f"{near} of {len(rows)} within a factor of 2, {inside} of {len(rows)} inside the interval")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--shares", default="0.15,0.125,0.1,0.094")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--samples", type=int, default=512, help="validation samples that damage is measured on")
    parser.add_argument("--test", type=int, default=10_000, help="test samples at most")
    parser.add_argument("--seconds", type=float, default=60.0, help="of a check")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peers", metavar="PYTHON", default="", help="interpreter of the other tools' environment")
    given = parser.parse_args()
    shares, seeds = (
        [kind(text) for text in texts.split(",")] for kind, texts in ((float, given.shares), (int, given.seeds))
    )
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        contest = Contest(
            ModelSource(given.model),
            DataSource(given.data),
            given.samples,
            given.test,
            given.seconds,
            Path(name),
            Workshop(given.threads),
        )
        found: dict[tuple[str, float], list[tuple[float, float | None, float]]] = {}
        for seed in seeds:
            rows_of_seed = run(contest, shares, int(seed))
            if given.peers:
                rows_of_seed = chain(rows_of_seed, peers(contest, given.peers, shares))
            for method, share, taken, value, seconds in rows_of_seed:
                found.setdefault((method, share), []).append((taken, value, seconds))
                print(f"seed {seed}, {share:.1%}, {method}: {value}, {seconds:.0f} s", flush=True)
    task = contest.opened.task
    kind, before = kind_of(task.metric), task.score(contest.before.answers, contest.before.targets)
    rows = []
    for (method, share), results in found.items():
        values = [value for _, value, _ in results if value is not None]
        words = (
            [kind.write(value) for value in (statistics.mean(values), min(values), max(values))]
            if values
            else ["–"] * 3
        )
        seconds = statistics.median(s for *_, s in results)
        rows.append((method, f"{share:.1%}", f"{results[0][0]:.2%}", *words, f"{seconds:.0f}"))
    rows.sort(key=lambda row: -float(row[1].rstrip("%")))
    print(f"{task.metric} on {len(contest.before.answers):,} test samples; float {kind.write(before or 0.0)}")
    print(table(("method", "asked", "takes", "mean", "least", "most", "seconds"), rows))
    if PREDICTIONS:
        print_predictions(task.metric)
    print(machine())


if __name__ == "__main__":
    main()
