"""What the dialogs find out before anything is opened: pure functions, no window."""

from pathlib import Path

import pytest

from secateur.errors import UserError
from secateur.ui.dialogs.data_form import parsed, written
from secateur.ui.dialogs.factory_check import check_factory, check_weights
from secateur.ui.dialogs.kinds import kind_of_path
from secateur.ui.dialogs.open_code import suggested_factory

CODE = """
import torch_that_is_not_there

def resnet20(): ...
class Net: ...
def _private(): ...
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    path = tmp_path / "models.py"
    path.write_text(CODE)
    return path


def test_a_function_in_a_file_is_found_without_running_the_file(code: Path) -> None:
    assert check_factory(f"{code}:resnet20").fits
    assert check_factory(f"{code}:Net").fits


def test_a_missing_function_is_named_with_those_that_are_there(code: Path) -> None:
    checked = check_factory(f"{code}:resnet50")
    assert not checked.fits
    assert "resnet50" in checked.sentence
    assert "resnet20, Net" in checked.sentence


@pytest.mark.parametrize(
    "text", ["", "models.py", "models.py:", "models.py:two words", "no such package:f", "nowhere_at_all.x:f"]
)
def test_what_cannot_be_a_factory_is_explained(text: str) -> None:
    checked = check_factory(text)
    assert not checked.fits
    assert checked.sentence.endswith(".") or checked.sentence.endswith("resnet20")


def test_a_file_that_is_not_python_is_told_apart_from_a_missing_one(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("def f(:")
    assert "cannot be read as Python" in check_factory(f"{broken}:f").sentence
    assert "no file" in check_factory(f"{tmp_path / 'gone.py'}:f").sentence


def test_an_installed_package_is_found_without_importing_it() -> None:
    import sys

    known = "this" in sys.modules
    assert check_factory("this:factory").fits
    assert ("this" in sys.modules) == known


def test_weights_may_be_left_out_but_not_be_missing(tmp_path: Path) -> None:
    assert check_weights("").fits
    assert not check_weights(str(tmp_path / "gone.pt")).fits
    (tmp_path / "there.pt").touch()
    assert check_weights(str(tmp_path / "there.pt")).fits


def test_the_first_function_of_a_file_is_suggested(code: Path, tmp_path: Path) -> None:
    assert suggested_factory(str(code)) == f"{code}:resnet20"
    assert suggested_factory(str(tmp_path / "gone.py")) == f"{tmp_path / 'gone.py'}:"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("net.onnx", "model"),
        ("net.safetensors", "model"),
        ("NET.PTH", "model"),
        ("net.py", "code"),
        ("images.zip", "data"),
        ("digits.npz", "data"),
        ("pairs.csv", "data"),
        ("pairs.tsv", "data"),
        ("pairs.jsonl", "data"),
        ("pairs.parquet", "data"),
        ("unknown", "model"),
    ],
)
def test_a_path_is_told_by_its_name(name: str, kind: str) -> None:
    assert kind_of_path(f"/somewhere/{name}") == kind


def test_a_folder_is_data_and_a_yaml_with_steps_a_recipe(tmp_path: Path) -> None:
    recipe, description = tmp_path / "a.yaml", tmp_path / "b.yml"
    recipe.write_text("schema: 1\nsteps: []\n")
    description.write_text("source: images.zip\n")
    assert [kind_of_path(str(path)) for path in (tmp_path, recipe, description)] == ["data", "recipe", "data"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("resize", "", None),
        ("resize", "256", 256),
        ("crop", "224 × 192", [224, 192]),
        ("mean", "0.485, 0.456, 0.406", [0.485, 0.456, 0.406]),
        ("std", "0.5", [0.5]),
    ],
)
def test_a_field_of_preprocessing_is_read_as_it_is_written(name: str, text: str, value: object) -> None:
    assert parsed(name, text) == value
    assert parsed(name, written(value)) == value


def test_a_field_that_is_no_number_is_named() -> None:
    with pytest.raises(UserError, match=r"mean = 'grey'"):
        parsed("mean", "grey")
