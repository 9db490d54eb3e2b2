"""The export dialog: the word "exported" appears only after the proof."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox

from secateur.analysis.documents import ExportedFile
from secateur.engine.events import Exported, Failed, Finished, FormatAnswer, FormatsAnswered, Started
from secateur.engine.requests import AskFormats, Export
from secateur.formats import format_named
from secateur.ui.dialogs.export import ExportDialog


@pytest.fixture
def dialog(shown, model, tmp_path: Path) -> ExportDialog:
    shown.open(model)
    shown.assembly.commands.trigger("export")
    made = shown.window.findChild(ExportDialog)
    made.path_field.setText(str(tmp_path / "out.onnx"))
    shown.qtbot.mouseClick(made.go, Qt.MouseButton.LeftButton)
    return made


def answer(shown, tmp_path: Path, *, verified: bool) -> Finished:
    job = shown.engine.job_of(Export)
    file = ExportedFile(
        format="onnx", path=str(tmp_path / "out.onnx"), bytes=1000, verified=verified, max_deviation=1e-6,
        agreement=1.0, latency_ms=None, sentence="It differs.",
    )  # fmt: skip
    shown.engine.say(Started(job, shown.engine.requests[job - 1]))
    return Finished(job, Exported(file))


def test_the_session_is_asked_for_what_was_chosen(shown, dialog: ExportDialog, model, tmp_path: Path) -> None:
    options = format_named("onnx").options()
    assert shown.engine.asked(Export) == [Export(model.source, None, "onnx", tmp_path / "out.onnx", "", options)]


def test_the_options_of_the_format_are_a_form_and_travel_along(shown, dialog: ExportDialog, tmp_path: Path) -> None:
    shown.engine.say(answer(shown, tmp_path, verified=True))
    shown.until(dialog.verdict.isVisible)
    opset = dialog.findChild(QComboBox, "field_opset")
    opset.setCurrentIndex(opset.findText("17"))
    opset.activated.emit(opset.currentIndex())
    shown.qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    assert shown.engine.asked(Export)[-1].options.opset == "17"


def test_what_a_format_refuses_or_leaves_out_is_said_before_writing(shown, dialog: ExportDialog) -> None:
    assert [request.run for request in shown.engine.asked(AskFormats)] == [""]
    job = shown.engine.job_of(AskFormats)
    answers = (FormatAnswer("onnx", "", "It loses its colour."), FormatAnswer("safetensors", "It is quantized."))
    shown.engine.say(Finished(job, FormatsAnswered("", answers)))
    shown.until(lambda: dialog.reason.text() == "It loses its colour.")
    dialog.format.setCurrentIndex(dialog.format.findData("safetensors"))
    assert dialog.reason.text() == "It is quantized."
    assert not dialog.go.isEnabled()


def test_a_format_that_is_not_installed_shows_what_installs_it(shown, model, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(format_named("openvino"))
    monkeypatch.setattr(kind, "modules", ("no_such_module_here",))
    shown.open(model)
    shown.assembly.commands.trigger("export")
    made = shown.window.findChild(ExportDialog)
    made.format.setCurrentIndex(made.format.findData("openvino"))
    assert "(not installed)" in made.format.currentText()
    assert 'pip install "secateur[openvino]"' in made.reason.text()
    assert not made.go.isEnabled()


def test_a_file_that_was_kept_aside_is_told_as_not_verified(shown, dialog: ExportDialog, tmp_path: Path) -> None:
    event = answer(shown, tmp_path, verified=False)
    aside = event.result.file.model_copy(update={"path": str(tmp_path / "out.onnx.unverified")})
    shown.engine.say(Finished(event.job, Exported(aside)))
    shown.until(dialog.verdict.isVisible)
    assert dialog.verdict.text() == "not verified"


def test_exported_is_said_after_the_proof_and_not_before(shown, dialog: ExportDialog, tmp_path: Path) -> None:
    assert not dialog.verdict.isVisible()
    shown.engine.say(answer(shown, tmp_path, verified=True))
    shown.until(dialog.verdict.isVisible)
    assert dialog.verdict.text() == "exported"
    assert "out.onnx" in dialog.said.text()


def test_a_file_that_differs_is_not_called_exported(shown, dialog: ExportDialog, tmp_path: Path) -> None:
    shown.engine.say(answer(shown, tmp_path, verified=False))
    shown.until(dialog.verdict.isVisible)
    assert dialog.verdict.text() == "not verified"


def test_a_failed_export_says_why_in_the_dialog(shown, dialog: ExportDialog) -> None:
    job = shown.engine.job_of(Export)
    shown.engine.say(Started(job, shown.engine.requests[job - 1]))
    shown.until(lambda: dialog.job == job)
    shown.engine.say(Failed(job, "The disk is full.", "Free some space."))
    shown.until(dialog.verdict.isVisible)
    assert (dialog.verdict.text(), dialog.said.text()) == ("not exported", "The disk is full. Free some space.")
    assert dialog.go.isEnabled()


def test_a_folder_is_no_file_name(shown, dialog: ExportDialog, tmp_path: Path) -> None:
    dialog.path_field.setText(str(tmp_path))
    assert not dialog.go.isEnabled()
    assert "is a folder" in dialog.go.toolTip()
