"""The whole way on the bundled sample without a screen, for machines that have none."""

import os
import subprocess
import sys
from pathlib import Path

from secateur.cli.answers import print_run, run_recipe
from secateur.cli.planning import Asked, plan
from secateur.cli.resuming import Wanted
from secateur.cli.terminal import Terminal, output, wrong
from secateur.engine.requests import DataSource
from secateur.errors import UserError
from secateur.model.description import ModelSource
from secateur.model.documents import ExportedFile, RunDocument
from secateur.recipe.reading import parse_recipe
from secateur.resources import resource

MODEL, DATA = "sample:model", "sample:mnist"
BUDGET = "size=0.28"
"""What all layers in 8 bits are predicted to reach: smaller and faster. Any less would be bought with milliseconds."""

PICTURE = "window.png"
MADE = ("recipe.yaml", "result.json", "report.html", "MODEL_CARD.md", "network", PICTURE, "model_network.py")
"""What the demonstration leaves in its folder besides its models and their parts."""


def demo(out: Path, *, force: bool = False, debug: bool = False) -> None:
    """Sample → sensitivity → plan for the least size that costs no speed → compress → verify → export, into `out`.

    An earlier demonstration there is done anew; a folder with anything else in it is written into only with `force`.
    """
    force = force or is_demonstration(out)
    if out.is_dir() and any(out.iterdir()) and not force:
        wrong(
            UserError(
                f"{out} holds files that are not of an earlier demonstration.",
                "Name another folder with -o, or write over what has the same names with --force.",
            )
        )
    out.mkdir(parents=True, exist_ok=True)
    output.print(f"Secateur on the bundled sample: a plan for {BUDGET} of the original, which costs no speed")
    planned = plan(MODEL, "", DATA, Asked([BUDGET]), None, as_json=False, debug=debug)
    recipe = parse_recipe(planned.recipe)
    terminal = Terminal(debug=debug)
    wanted = Wanted(ModelSource(MODEL), DataSource(DATA), recipe, ("onnx",))
    document = run_recipe(terminal, wanted, out, force=force)
    print_run(document)
    _picture(out)
    output.print(f"In {out}: {', '.join(sorted(path.name for path in out.iterdir() if path.is_file()))}")


def is_demonstration(folder: Path) -> bool:
    """Whether all that lies in a folder is what a demonstration made, whole or broken off.

    The run's own result says so, or the store, which knows of each run from its start.
    """
    from secateur.engine.store import RunStore

    if not folder.is_dir():
        return False
    made = (*MADE, *(name for file in _result_in(folder) for name in (Path(file.path).name, *file.parts)))
    names = [path.name for path in folder.iterdir()]
    if not all(name in made or name.startswith((".", "step-", "model.")) for name in names):
        return False
    known = (record for record in RunStore().runs() if record.folder == str(folder.absolute()))
    return bool(_result_in(folder)) or any(record.model == MODEL for record in known)


def _result_in(folder: Path) -> tuple[ExportedFile, ...]:
    """The files that a demonstration's result names; none where there is no result of the sample."""
    try:
        document = RunDocument.model_validate_json((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    is_of_sample = document.original.bytes == resource("sample/model.onnx").stat().st_size
    return document.files if document.name == folder.name and is_of_sample else ()


def _picture(out: Path) -> None:
    """A picture of the window on the sample, drawn off the screen in a process of its own."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "secateur.ui.picture", str(out / PICTURE)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        reason = lines[-1] if lines else done.returncode
        output.print(f"The picture of the window could not be drawn: {reason}", markup=False)
