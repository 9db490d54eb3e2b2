"""The one command that installs an extra is right for this environment and for a shell."""

import importlib.metadata
import shlex
import shutil
import sys

from packaging.requirements import Requirement

from secateur import installing
from secateur.installing import install_command


def test_it_is_this_environments_own_pip_and_names_the_packages():
    words = shlex.split(install_command("transformers"))
    assert words[:4] == [sys.executable, "-m", "pip", "install"]
    assert [Requirement(word).name for word in words[4:]] == ["transformers"]


def test_every_extra_that_a_format_names_has_packages():
    from secateur.formats import FORMATS

    extras = {kind.extra for kind in FORMATS if kind.extra} | {"webengine"}
    assert all(installing.requirements(extra) for extra in extras)


def test_where_there_is_no_pip_uv_fills_the_same_environment(monkeypatch):
    monkeypatch.setattr(installing, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/uv")
    assert shlex.split(install_command("gguf"))[:5] == ["uv", "pip", "install", "--python", sys.executable]


def test_a_program_that_nobody_installed_names_its_own_extra(monkeypatch):
    def nothing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", nothing)
    assert shlex.split(install_command("gguf"))[-1] == "secateur[gguf]"
