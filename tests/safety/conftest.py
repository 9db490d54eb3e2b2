"""The corpus is made once; files are opened in a child, so that a crash is a result and not the end of the tests."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
MOST_SECONDS = 10.0

Read = Callable[[list[Path]], dict[str, dict[str, Any]]]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the hostile files, their manifest, and good files to mutate."""
    folder = tmp_path_factory.mktemp("corpus")
    subprocess.run([sys.executable, str(HERE / "make_corpus.py"), str(folder)], check=True, timeout=300)
    return folder


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Opens files one after the other in a child: the last line about each, by path.

    A file that ends the child, or holds it for longer than 10 s, gets the outcome `crashed` or `hung`.
    """

    def run(paths: list[Path]) -> dict[str, dict[str, Any]]:
        folder = tmp_path_factory.mktemp("reading")
        found: dict[str, dict[str, Any]] = {}
        while left := [str(path) for path in paths if str(path) not in found]:
            found.update(_one_child(folder, left))
        return found

    return run


def _one_child(folder: Path, paths: list[str]) -> dict[str, dict[str, Any]]:
    """What one child said until it had opened all of `paths`, or was lost at one."""
    listed, results = folder / "list.txt", folder / "results.jsonl"
    listed.write_text("\n".join(paths))
    results.write_text("")
    child = subprocess.Popen([sys.executable, str(HERE / "read_files.py"), str(listed), str(results)])
    found: dict[str, dict[str, Any]] = {}
    size, since = 0, time.monotonic()
    while child.poll() is None:
        time.sleep(0.05)
        if results.stat().st_size != size or not size:  # the first file waits for the imports
            size, since = results.stat().st_size, time.monotonic()
        if time.monotonic() - since > 6 * MOST_SECONDS:  # the verdict goes by what the child measured; this ends it
            child.kill()
    for line in results.read_text().splitlines():
        entry = json.loads(line)
        found[entry["name"]] = entry
    for entry in found.values():
        if entry["outcome"] == "begin":
            entry["outcome"] = "hung" if child.returncode == -9 else "crashed"
            entry["sentence"] = f"the child ended with {child.returncode}"
    if not found:
        raise RuntimeError(f"The child that opens files ended with {child.returncode} before the first.")
    return found
