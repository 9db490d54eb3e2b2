"""The whole way on the bundled sample without a screen, for machines that have none."""

import os
import subprocess
import sys
from pathlib import Path

from secateur.cli.answers import plan, print_run, run_recipe
from secateur.cli.terminal import Terminal, output
from secateur.model.description import ModelSource
from secateur.recipe.recipe import load_recipe

MODEL, DATA = "sample:model", "sample:mnist"
BUDGET = "size=0.28"
"""What all layers in 8 bits are predicted to reach: smaller and faster. Any less would be bought with milliseconds."""


def demo(out: Path, *, debug: bool = False) -> None:
    """Sample → sensitivity → plan for the least size that costs no speed → compress → verify → export, into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    output.print(f"Secateur on the bundled sample: a plan for {BUDGET} of the original, which costs no speed")
    plan(MODEL, "", DATA, [BUDGET], out / "recipe.yaml", 512, as_json=False, debug=debug)
    recipe = load_recipe(out / "recipe.yaml")
    terminal = Terminal(debug=debug)
    document = run_recipe(terminal, ModelSource(MODEL), DATA, recipe, out, ("onnx", "safetensors"))
    print_run(document)
    _picture(out)
    output.print(f"In {out}: {', '.join(sorted(path.name for path in out.iterdir() if path.is_file()))}")


def _picture(out: Path) -> None:
    """A picture of the window on the sample, drawn off the screen in a process of its own."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "secateur.ui.picture", str(out / "window.png")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        reason = lines[-1] if lines else done.returncode
        output.print(f"The picture of the window could not be drawn: {reason}", markup=False)
