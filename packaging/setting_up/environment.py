"""The virtual environment in `.venv`: made once, recognised when stale or half-made, filled by pip."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from setting_up.system import SetupError, apt_install, ensure_system, say

STAMP = ".secateur-stamp"
UNFINISHED = ".secateur-unfinished"
LOG = ".secateur-setup.log"
EXTRAS = ("dev", "webengine")
"""What is installed besides the dependencies: the tools, and the Netron tab out of the box."""

LARGE_MB = 50  # downloads from this size on are worth a line


def venv_python(venv: Path) -> Path:
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def stamp_text(root: Path) -> str:
    """What an environment was made from: requirements, Python and place. Another text means: make it anew.

    Only the tables of pyproject.toml that decide what is installed count, not the settings of the linters.
    """
    tables = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    decisive = {"build-system": tables.get("build-system"), "project": tables.get("project")}
    decisive["hatch"] = tables.get("tool", {}).get("hatch")
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    return f"pyproject {digest}\npython {sys.version.split()[0]}\nfolder {root / '.venv'}\n"


def is_ready(root: Path) -> bool:
    """Whether `.venv` was finished from the present pyproject.toml by this Python in this place."""
    stamp = root / ".venv" / STAMP
    return (
        venv_python(root / ".venv").exists()
        and stamp.exists()
        and stamp.read_text(encoding="utf-8") == stamp_text(root)
    )


def is_adoptable(venv: Path) -> bool:
    """Whether an environment that somebody made by hand can be filled, not remade."""
    if (venv / STAMP).exists() or (venv / UNFINISHED).exists() or not venv_python(venv).exists():
        return False
    asked = [str(venv_python(venv)), "-c", "import pip, sys; print(sys.version.split()[0])"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == sys.version.split()[0]


def ensure_venv_module() -> None:
    """Debian splits `ensurepip` off Python: fetch it where it is missing."""
    asked = [base_python(), "-c", "import ensurepip, venv"]
    if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
        return
    package = f"python3.{sys.version_info.minor}-venv"
    if not apt_install([package]):
        raise SetupError(f"Python's venv module is missing; please install it: sudo apt-get install {package}")


def base_python() -> str:
    """The Python that environments are made with: never one that lives in the environment to be remade."""
    return getattr(sys, "_base_executable", None) or sys.executable


def make_environment(root: Path) -> None:
    """Make `.venv` anew where it is absent, stale or half-made, and install the package with its tools.

    A marker stands in the folder until all is done, so that an interrupted set-up is recognised.
    """
    venv = root / ".venv"
    if is_adoptable(venv):
        say("Filling the environment in .venv")
    else:
        ensure_venv_module()
        if venv.exists():
            say("Remaking the environment in .venv: it is unfinished or was made for something else")
            shutil.rmtree(venv)
        else:
            say("Making an environment in .venv")
        venv.mkdir()
        (venv / UNFINISHED).touch()
        made = subprocess.run([base_python(), "-m", "venv", str(venv)], capture_output=True, text=True, check=False)
        if made.returncode:
            raise SetupError(f"Python could not make an environment in .venv: {(made.stdout + made.stderr).strip()}")
    (venv / UNFINISHED).touch()
    install_packages(root)
    (venv / STAMP).write_text(stamp_text(root), encoding="utf-8")
    (venv / UNFINISHED).unlink()


def install_packages(root: Path) -> None:
    """`pip install -e .` with our extras, its chatter in a log file and a few calm lines on the screen."""
    say("Installing Secateur and what it needs (several minutes the first time)")
    log = root / ".venv" / LOG
    command = [str(venv_python(root / ".venv")), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    command += ["install", "--progress-bar", "off", "-e", f".[{','.join(EXTRAS)}]"]
    lines: list[str] = []
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command,
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as pip,
    ):
        for line in pip.stdout or ():
            file.write(line)
            lines.append(line.rstrip())
            if told := worth_telling(line):
                say(f"  {told}")
    if pip.returncode:
        raise SetupError(
            "\n".join([*lines[-12:], f"pip could not install the packages; its whole output is in {log}."])
        )


def worth_telling(line: str) -> str:
    """The phases of a pip run: large downloads and the final unpacking; empty for all other lines."""
    line = line.strip()
    if line.startswith("Installing collected packages:"):
        return f"unpacking {line.count(',') + 1} packages"
    download = re.match(r"Downloading (?:.*/)?([\w.]+)-\S+ \(([\d.]+) (MB|GB)\)", line)
    if download and (download[3] == "GB" or float(download[2]) >= LARGE_MB):
        return f"downloading {download[1]}, {download[2]} {download[3]}"
    return ""


def compile_sources(root: Path) -> None:
    """Byte-compile the program: the first start is as quick as the later ones, also where Python writes no caches."""
    command = [str(venv_python(root / ".venv")), "-m", "compileall", "-q", str(root / "app")]
    subprocess.run(command, check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""})


def setup(root: Path) -> Path:
    """Everything that is needed to start; returns the environment's Python. At once where all is there."""
    ensure_system()
    if not is_ready(root):
        make_environment(root)
        compile_sources(root)
        say("Ready")
    return venv_python(root / ".venv")
