"""Factories: the person's own code is run because it was named, and its mistakes are told in one sentence."""

from pathlib import Path

import pytest

from secateur.errors import UserError
from secateur.formats.torch_files.factory import build, is_factory


@pytest.mark.parametrize("text", ["file.py:make", "package.module:Net", "C:\\models\\net.py:make"])
def test_factories_are_told_from_paths(text: str) -> None:
    assert is_factory(text)


@pytest.mark.parametrize("text", ["model.onnx", "sample:model", "C:\\model", "a:b c", ""])
def test_other_things_are_not_factories(text: str) -> None:
    assert not is_factory(text)


def test_a_class_is_a_factory(factory_file: Path) -> None:
    assert not build(f"{factory_file}:Net").module.training


def test_a_file_may_import_what_lies_beside_it(factory_file: Path) -> None:
    beside = factory_file.with_name("uses_it.py")
    beside.write_text("from my_network import make\n")
    assert build(f"{beside}:make").module is not None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent", "nothing called 'absent'"),
        ("breaks", r"ValueError: no weights today \(my_network.py, line \d+\)"),
        ("gives_a_list", "gave a list"),
        ("NUMBER", "cannot be called"),
        ("needs_width", "width"),
    ],
)
def test_what_a_factory_does_wrong_is_told(factory_file: Path, name: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        build(f"{factory_file}:{name}")
    assert caught.value.hint


def test_a_broken_file_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import torch\nimport nothing_of_the_kind\n")
    with pytest.raises(UserError, match=r"nothing_of_the_kind.*broken.py, line 2"):
        build(f"{tmp_path / 'broken.py'}:make")


def test_a_missing_file_or_module_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        build(f"{tmp_path / 'none.py'}:make")
    with pytest.raises(UserError, match="no_such_package"):
        build("no_such_package.models:make")
