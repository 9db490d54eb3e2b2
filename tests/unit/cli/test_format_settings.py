"""`--set name=value`: derived from the fields of a format's options."""

from pathlib import Path

import pytest

from secateur.cli.catalogue import describe_format, here
from secateur.cli.commands import app
from secateur.cli.settings import write_options
from secateur.errors import UserError
from secateur.formats import FORMATS, format_named
from secateur.formats.base import Format
from secateur.installing import install_command


def test_words_become_what_the_fields_are() -> None:
    options = write_options("onnx", ["opset=17", "external_data=true", "dtype=float16"])
    assert options.model_dump() == {
        "opset": "17",
        "external_data": True,
        "dtype": "float16",
        "groups": "fast",
        "few_bits": "packed",
        "integers": "auto",
    }


def test_several_values_are_separated_by_commas() -> None:
    assert write_options("package", ["attachments=a.txt, b.txt"]).model_dump() == {"attachments": ("a.txt", "b.txt")}


def test_without_settings_the_defaults_hold() -> None:
    assert write_options("onnx", []) == format_named("onnx").options()


@pytest.mark.parametrize(
    ("setting", "said"),
    [("opset", "is no setting"), ("speed=3", "has no option 'speed'"), ("opset=5", "opset=5 does not fit ONNX")],
)
def test_a_wrong_setting_is_named_with_what_there_is(setting: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as raised:
        write_options("onnx", [setting])
    if "=" in setting:
        assert "opset, dtype, groups, few_bits, integers, external_data" in raised.value.hint


@pytest.mark.parametrize("target", FORMATS, ids=lambda target: target.id)
def test_the_defaults_of_every_option_are_among_what_it_takes(target: Format) -> None:
    for option in describe_format(target)["options"]:
        assert option["description"], "an option says what it does"
        if " | " in option["type"]:
            assert str(option["default"]) in option["type"].split(" | ")


def test_what_is_missing_is_told_with_the_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    target = format_named("openvino")
    monkeypatch.setattr(type(target), "modules", ("no_such_module_here",))
    told = here(target)
    assert told["missing"].endswith(install_command("openvino"))
    assert not told["writes_here"]
    assert not told["runs_here"]


def test_a_name_that_a_runtime_does_not_take_is_refused_before_anything_is_opened(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        app(["export", "no-such-model.onnx", "--to", "openvino", "-o", "net.onnx"])
    assert stopped.value.code == 2
    assert "net.onnx is no name for OpenVINO IR: let it end with .xml." in capsys.readouterr().err


def test_any_name_will_do_where_the_content_tells() -> None:
    assert format_named("onnx").wrong_name(Path("weights.bin")) is None


@pytest.mark.parametrize("command", [["compress", "m", "--recipe", "r.yaml"], ["export", "m", "--to", "onnx"]])
def test_an_empty_path_does_not_mean_the_folder_at_hand(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        app([*command, "-o", " "])
    assert stopped.value.code == 2
    assert "the path is empty" in capsys.readouterr().err
