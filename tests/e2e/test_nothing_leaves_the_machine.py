"""A whole run in an empty home and without a network: everything works, nobody tries, only our own folders are left."""

import os
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("SECATEUR_TEST_PLATFORM") == "xvfb",
        reason="ran in the offscreen pass: its programs take no display from the tests",
    ),
]

CONNECT_IN_C = """
import ctypes, socket, struct
library = ctypes.CDLL(None)
there = struct.pack("=HH4s8x", socket.AF_INET, socket.htons(443), bytes([192, 0, 2, 1]))
library.connect(library.socket(socket.AF_INET, socket.SOCK_STREAM, 0), there, len(there))
"""
"""Past Python's own sockets, as a library in C would."""


@pytest.fixture(scope="module")
def whole_run(shut_in, tmp_path_factory):
    """Open, score, plan, compress, export and compare on the command line; then the window with its engine."""
    out = tmp_path_factory.mktemp("out")
    recipe, sample = str(out / "recipe.yaml"), ("sample:model", "--data", "sample:mnist")
    shut_in.one_after_the_other(
        ("inspect", "sample:model"),
        ("sensitivity", *sample, "--options", "int8", "--samples", "32"),
        ("plan", "sample:model", "--budget", "size=0.3", "-o", recipe),
        ("compress", *sample, "--recipe", recipe, "-o", str(out / "small")),
    )
    assert (out / "small" / "model.onnx").exists()
    done = shut_in.run(sys.executable, "-m", "secateur.ui.picture", str(out / "window.png"))
    assert (out / "window.png").exists(), done.stderr
    return shut_in


def test_a_whole_run_works_without_a_network_and_nobody_tries_to_reach_one(whole_run):
    assert whole_run.attempts == []


def test_a_whole_run_leaves_only_our_own_folders_in_the_home(whole_run):
    assert whole_run.strange_files == []
    assert (whole_run.home / ".local/share/secateur").is_dir() or sys.platform != "linux"


def test_the_runtime_is_what_would_have_left_files_there(shut_in):
    done = shut_in.run(sys.executable, "-c", "import onnxruntime; print(onnxruntime.__version__)")
    version = tuple(int(part) for part in done.stdout.split(".")[:2])
    if sys.platform == "win32" or version < (1, 32):
        pytest.skip("this ONNX Runtime keeps nothing in the home")
    assert any("DeveloperTools" in name for name in shut_in.strange_files)


def test_whoever_tries_is_seen(shut_in, tmp_path: Path):
    code = "import socket\ntry: socket.create_connection(('example.org', 443))\nexcept OSError as e: print('refused')"
    before = len(shut_in.attempts)
    assert shut_in.run(sys.executable, "-c", code).stdout == "refused\n"
    assert "example.org" in shut_in.attempts[-1] or len(shut_in.attempts) > before
    if not shut_in.is_alone:
        pytest.skip("a network name space of its own is not to be had here: libraries in C are not seen")
    before = len(shut_in.attempts)
    shut_in.run(sys.executable, "-c", CONNECT_IN_C)
    assert len(shut_in.attempts) == before + 1
