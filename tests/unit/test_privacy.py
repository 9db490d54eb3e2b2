"""Telemetry is off before a library can be loaded, in every process that runs our code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from secateur.privacy import OFFLINE, TELEMETRY_OFF, UNLOADABLE

ROOT = Path(__file__).resolve().parents[2]
SAY = "import json, os, secateur; print(json.dumps(dict(os.environ)))"


def python(*arguments: str, **variables: str) -> str:
    """What a fresh interpreter with these variables alone prints."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env={**kept, **variables}, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("isolated", [[], ["-I"]], ids=["plain", "isolated as a confined child is"])
def test_whoever_imports_the_package_has_telemetry_switched_off(isolated: list[str]) -> None:
    said = json.loads(python(*isolated, "-c", SAY))
    assert {name: said.get(name) for name in TELEMETRY_OFF} == TELEMETRY_OFF
    assert {name: said.get(name) for name in OFFLINE} == OFFLINE


def test_telemetry_stays_off_where_the_environment_asks_for_it_but_downloads_can_be_allowed() -> None:
    said = json.loads(python("-c", SAY, ORT_DISABLE_TELEMETRY="0", HF_HUB_OFFLINE="0"))
    assert said["ORT_DISABLE_TELEMETRY"] == "1"
    assert said["HF_HUB_OFFLINE"] == "0"


@pytest.mark.parametrize("name", UNLOADABLE)
def test_a_package_that_reports_cannot_be_loaded(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("print('loaded')")
    code = f"import secateur\ntry: import {name}\nexcept ImportError: print('not loaded')"
    assert python("-c", f"import {name}", PYTHONPATH=str(tmp_path)) == "loaded\n"
    assert python("-c", code, PYTHONPATH=str(tmp_path)) == "not loaded\n"


def test_the_runtime_leaves_no_file_in_an_empty_home(tmp_path: Path) -> None:
    code = "import secateur, onnxruntime as ort; ort.get_available_providers(); print(ort.__version__)"
    assert python("-c", code, HOME=str(tmp_path))
    assert not list(tmp_path.rglob("*"))


SCRIPTS = sorted(path for folder in ("benchmarks", "packaging") for path in (ROOT / folder).glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_loads_the_package_before_a_runtime(script: Path) -> None:
    """Also a script that takes the runtime for itself: at the top of the file, the package comes first."""
    loaded = (
        "import runpy, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'onnxruntime': print('secateur' in sys.modules)\n"
        "sys.meta_path.insert(0, Watch())\n"
        f"sys.path.insert(0, {str(script.parent)!r})\n"
        f"runpy.run_path({str(script)!r}, run_name='looked_at')\n"
    )
    assert "False" not in python("-c", loaded)
