"""The exporters' libraries in `.venv`: installed when their tests are wanted, all together where that works."""

import json
import subprocess
import tomllib
from pathlib import Path

from setting_up.environment import EXTRAS, LOG, venv_python
from setting_up.system import say

INSTALLED = ".secateur-exporters"
"""Says which extras are there; gone with the environment when that is made anew."""

PINNED = ("torch", "onnx", "onnxruntime", "numba", "PySide6-Essentials")
"""What an exporter's library must not replace by another version."""

INSIDE = (
    "Inside: the window with Netron's page, torch, ONNX and ONNX Runtime; reading of ONNX, PyTorch, safetensors, "
    "TorchScript, GGUF, TFLite and OpenVINO IR; writing of ONNX, safetensors, TorchScript, torch.export and packages."
)
WHAT_FOR = {
    "transformers": "the network of a Hugging Face folder (without it its weights alone)",
    "openvino": "OpenVINO IR, written and run",
    "executorch": "ExecuTorch programs for XNNPACK, written and run",
    "litert": "LiteRT (TensorFlow Lite), written and run; large",
    "coreml": "Core ML, written; run on Apple's systems",
    "ncnn": "ncnn, written and run",
    "gguf": "GGUF, written, and its rarer types read",
    "zstd": "packages as .tar.zst",
    "parquet": "tables in Parquet",
}
"""What each extra is for; it is named together with the one command that installs it."""


def extras_told(root: Path) -> list[str]:
    """What was installed, and the extras with the one command that installs any of them."""
    python = venv_python(Path(".venv"))
    return [
        INSIDE,
        f'Extras, each by {python} -m pip install -e ".[NAME]":',
        *(f"  {name:<13} {WHAT_FOR[name]}" for name in exporter_extras(root)),
    ]


def exporter_extras(root: Path) -> list[str]:
    """The extras in pyproject.toml besides the tools and the window's own."""
    tables = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return [name for name in tables["project"].get("optional-dependencies", {}) if name not in EXTRAS]


def install_exporters(root: Path) -> list[str]:
    """Install what is not there yet; the extras that could not be installed."""
    stamp = root / ".venv" / INSTALLED
    done = json.loads(stamp.read_text(encoding="utf-8")) if stamp.exists() else []
    wanted = [name for name in exporter_extras(root) if name not in done]
    if not wanted:
        return []
    constraints = write_constraints(root)
    say(f"Installing the exporters' libraries: {', '.join(wanted)} (several gigabytes the first time)")
    failed = []
    if not install(root, wanted, constraints):
        say("They cannot be had all together: one after the other")
        failed = [name for name in wanted if not install(root, [name], constraints)]
    there = [*done, *(name for name in wanted if name not in failed)]
    stamp.write_text(json.dumps(there), encoding="utf-8")
    return failed


def write_constraints(root: Path) -> Path:
    """A file that keeps the versions of what the program itself stands on."""
    code = f"import importlib.metadata as m\nfor name in {PINNED!r}:\n    print(f'{{name}}=={{m.version(name)}}')"
    asked = subprocess.run([str(venv_python(root / ".venv")), "-c", code], capture_output=True, text=True, check=True)
    path = root / ".venv" / ".secateur-constraints.txt"
    path.write_text(asked.stdout, encoding="utf-8")
    return path


def install(root: Path, extras: list[str], constraints: Path) -> bool:
    """`pip install -e .[…]` with its chatter in the set-up's log; False, and its last lines, where it fails."""
    command = [str(venv_python(root / ".venv")), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    command += ["--progress-bar", "off", "-c", str(constraints), "-e", f".[{','.join(extras)}]"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    with (root / ".venv" / LOG).open("a", encoding="utf-8") as log:
        log.write(done.stdout + done.stderr)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        say("\n".join([f"  {', '.join(extras)} could not be installed:", *(f"    {line}" for line in lines)]))
    return done.returncode == 0
