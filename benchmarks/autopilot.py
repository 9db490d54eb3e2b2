"""Autopilot: what it finds without a hand on it, seed by seed, and whether its recipe repeated gives the same file.

    python benchmarks/autopilot.py [MODEL DATA] [--seeds 0,1,2] [--drop 0.01] [--threads 1] [--output FOLDER]

Searches of the bundled sample, or of a model on its data, as `secateur autopilot` makes them, one after the other;
each goes to a folder of its own in FOLDER (out/autopilot), where one that was broken off goes on. Sizes are those of
the ONNX files, times ONNX Runtime's, original and result in turns.
"""

import argparse
import hashlib
import os
import statistics
import time
from pathlib import Path

from _rounds import machine, table

import secateur  # before any runtime: switches its telemetry off
from secateur.engine.autopilot import Autopilot, AutopilotDocument
from secateur.engine.jobs.autopilot import autopilot
from secateur.engine.jobs.compressing import compress
from secateur.engine.journal import JOURNAL, read_journal
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compress, DataSource
from secateur.engine.workshop import Workshop
from secateur.model.description import ModelSource
from secateur.recipe.reading import load_recipe

assert secateur

ROOT = Path(__file__).resolve().parents[1]
QUIET = Reporter(1, lambda event: None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="sample:model")
    parser.add_argument("data", nargs="?", default="sample:mnist")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--drop", type=float, default=0.01)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=ROOT / "out" / "autopilot")
    asked = parser.parse_args()
    output = asked.output.absolute()
    os.environ["SECATEUR_HOME"] = str(output / "home")
    model, data, workshop = ModelSource(asked.model), DataSource(asked.data), Workshop(asked.threads)
    found, rows = [], []
    for seed in map(int, asked.seeds.split(",")):
        folder = output / f"seed-{seed}"
        is_there = (folder / JOURNAL).exists()
        is_broken_off = is_there and read_journal(folder).state != "ended"
        request = Autopilot(
            model, data, f"{seed}-{time.time_ns()}", asked.drop, folder=folder, seed=seed,
            resume=is_broken_off, replace=is_there,
        )  # fmt: skip
        document = autopilot(request, QUIET, workshop).document
        rows.append((str(seed), *told(document), repeated(document, folder, model, data, workshop)))
        print(" · ".join(rows[-1]), flush=True)
        if (best := document.best_trial) is not None:
            found.append((1 / (best.size or 1), 1 / (best.latency or 1)))
    print(table(("seed", "trials", "minutes", "smaller", "faster", "choosing", "judging", "recipe repeated"), rows))
    for name, values in zip(("smaller", "faster"), zip(*found, strict=True), strict=False):
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        print(f"{name}: {statistics.mean(values):.2f} ± {spread:.2f} times")
    print(machine())


def told(document: AutopilotDocument) -> tuple[str, ...]:
    """Trials, minutes, and what the best one came to."""
    took = (str(len(document.trials)), f"{document.seconds / 60:.0f}")
    best = document.best_trial
    if best is None:
        return (*took, "none kept the quality", "", "", "")
    sizes = (f"{1 / (best.size or 1):.1f}×", f"{1 / (best.latency or 1):.2f}×")
    return (*took, *sizes, document.change_words(best.drop), document.change_words(best.test_drop))


def repeated(
    document: AutopilotDocument, folder: Path, model: ModelSource, data: DataSource, workshop: Workshop
) -> str:
    """Whether the recipe that was found gives the same file once more."""
    if not document.best:
        return ""
    again = folder.with_name(f"{folder.name}-again")
    request = Compress(
        model, data, load_recipe(folder / "recipe.yaml"), f"again-{time.time_ns()}", folder=again, replace=True
    )
    compress(request, QUIET, workshop)
    one, other = (hashlib.sha256((each / "model.onnx").read_bytes()).hexdigest() for each in (folder, again))
    return "same file" if one == other else "ANOTHER FILE"


if __name__ == "__main__":
    main()
