"""The export dialog: the word "exported" appears only after the proof."""

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFileDialog

from secateur.engine.events import Exported, Failed, Finished, FormatAnswer, FormatsAnswered, Started
from secateur.engine.requests import AskFormats, DataSource, Export
from secateur.formats import format_named
from secateur.installing import install_command
from secateur.model.description import ModelSource
from secateur.model.documents import ExportedFile
from secateur.ui.dialogs.export import ExportDialog

NETWORK = b"the opened network"


@pytest.fixture
def on_disk(shown, model, tmp_path: Path) -> ExportDialog:
    """The dialog over a model that lies in the folder it offers, with somebody's file beside it."""
    (tmp_path / "small.onnx").write_bytes(NETWORK)
    (tmp_path / "taken.onnx").write_bytes(b"somebody's")
    source = ModelSource(str(tmp_path / "small.onnx"))
    shown.open(replace(model, source=source, files=(source.path,)))
    shown.window.preferences = replace(shown.window.preferences, folder=str(tmp_path))
    return opened_dialog(shown)


def opened_dialog(shown) -> ExportDialog:
    shown.assembly.commands.trigger("export")
    made = shown.window.findChild(ExportDialog)
    shown.until(made.isActiveWindow)  # keys go to the active window alone
    return made


def test_the_proposed_file_is_never_one_that_is_there(shown, on_disk: ExportDialog, tmp_path: Path) -> None:
    assert Path(on_disk.path_field.text()) == tmp_path / "small-float.onnx"
    (tmp_path / "small-float.onnx").write_bytes(b"")
    (tmp_path / "small-float-2.onnx").write_bytes(b"")
    on_disk.close()
    shown.assembly.commands.trigger("export")
    again = next(d for d in shown.window.findChildren(ExportDialog) if d.isVisible())
    assert Path(again.path_field.text()) == tmp_path / "small-float-3.onnx"


@pytest.mark.parametrize("name", ["small.onnx", "soft.onnx", "hard.onnx"])
def test_the_opened_model_is_no_target(shown, on_disk: ExportDialog, tmp_path: Path, name: str) -> None:
    (tmp_path / "soft.onnx").symlink_to(tmp_path / "small.onnx")
    (tmp_path / "hard.onnx").hardlink_to(tmp_path / "small.onnx")
    on_disk.path_field.setText(str(tmp_path / name))
    assert not on_disk.go.isEnabled()
    assert "is the opened model, which is never written over" in on_disk.reason.text()
    on_disk.path_field.setText(str(tmp_path / "new.onnx"))
    assert on_disk.go.isEnabled()


def test_another_file_is_replaced_only_after_a_question(shown, on_disk: ExportDialog, tmp_path: Path) -> None:
    on_disk.path_field.setText(str(tmp_path / "taken.onnx"))
    shown.qtbot.mouseClick(on_disk.go, Qt.MouseButton.LeftButton)
    assert on_disk.question.isVisible()
    assert on_disk.question.said.text() == "taken.onnx exists already. Replace it?"
    assert on_disk.question.no.hasFocus()
    assert not shown.engine.asked(Export)
    shown.qtbot.mouseClick(on_disk.question.no, Qt.MouseButton.LeftButton)
    assert not on_disk.question.isVisible()
    assert not shown.engine.asked(Export)
    assert on_disk.go.isEnabled()
    shown.qtbot.mouseClick(on_disk.go, Qt.MouseButton.LeftButton)
    shown.qtbot.mouseClick(on_disk.question.yes, Qt.MouseButton.LeftButton)
    assert [(r.path.name, r.replace) for r in shown.engine.asked(Export)] == [("taken.onnx", True)]


@pytest.mark.parametrize(("key", "asked"), [(Qt.Key.Key_Escape, 0), (Qt.Key.Key_Return, 0)])
def test_the_keyboard_answers_the_question_and_stays_in_the_dialog(
    shown, on_disk: ExportDialog, tmp_path: Path, key: Qt.Key, asked: int
) -> None:
    on_disk.path_field.setText(str(tmp_path / "taken.onnx"))
    shown.qtbot.mouseClick(on_disk.go, Qt.MouseButton.LeftButton)
    shown.qtbot.keyClick(on_disk.question.no, key)
    assert not on_disk.question.isVisible()
    assert on_disk.isVisible()
    assert len(shown.engine.asked(Export)) == asked


def test_a_question_ends_with_the_name_that_it_is_about(shown, on_disk: ExportDialog, tmp_path: Path) -> None:
    on_disk.path_field.setText(str(tmp_path / "taken.onnx"))
    shown.qtbot.mouseClick(on_disk.go, Qt.MouseButton.LeftButton)
    on_disk.format.setCurrentIndex(on_disk.format.findData("safetensors"))
    assert not on_disk.question.isVisible()
    assert on_disk.go.isEnabled()
    assert on_disk.path_field.isEnabled()


def test_what_the_engine_finds_in_the_way_is_asked_about_too(shown, on_disk: ExportDialog, tmp_path: Path) -> None:
    on_disk.path_field.setText(str(tmp_path / "new.onnx"))
    shown.qtbot.mouseClick(on_disk.go, Qt.MouseButton.LeftButton)
    job = shown.engine.job_of(Export)
    shown.engine.say(Started(job, shown.engine.requests[job - 1]))
    shown.engine.say(Failed(job, "new.onnx.data exists already.", "--force", existing=("new.onnx.data",)))
    shown.until(on_disk.question.isVisible)
    assert on_disk.question.said.text() == "new.onnx.data exists already. Replace it?"
    shown.qtbot.mouseClick(on_disk.question.yes, Qt.MouseButton.LeftButton)
    assert shown.engine.asked(Export)[-1].replace


def test_a_picture_is_not_saved_over_the_data(
    shown, on_disk: ExportDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "3.png").write_bytes(b"a digit")
    shown.session.update(data_source=DataSource(str(tmp_path / "digits")))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "digits" / "3.png"), ""))
    shown.assembly.commands.trigger("save_picture")
    assert (tmp_path / "digits" / "3.png").read_bytes() == b"a digit"
    shown.until(
        lambda: any("is the data, which is never written over" in n.sentence for n in shown.session.state.notices)
    )


@pytest.fixture
def dialog(shown, model, tmp_path: Path) -> ExportDialog:
    shown.open(model)
    made = opened_dialog(shown)
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
    assert install_command("openvino") in made.reason.text()
    assert not made.go.isEnabled()


def test_a_file_that_differs_lies_aside_until_a_person_wants_it(shown, dialog: ExportDialog, tmp_path: Path) -> None:
    event = answer(shown, tmp_path, verified=False)
    aside = event.result.file.model_copy(update={"path": str(tmp_path / "out.onnx.unverified")})
    shown.engine.say(Finished(event.job, Exported(aside)))
    shown.until(dialog.differing.isVisible)
    assert dialog.verdict.text() == "differs"
    assert "out.onnx.unverified" in dialog.differing.said.text()
    shown.qtbot.mouseClick(dialog.differing.yes, Qt.MouseButton.LeftButton)
    wanted = shown.engine.asked(Export)[-1]
    assert (wanted.accept, wanted.path.name) == (True, "out.onnx")
    assert not dialog.differing.isVisible()


def test_a_file_that_differs_may_stay_aside(shown, dialog: ExportDialog, tmp_path: Path) -> None:
    event = answer(shown, tmp_path, verified=False)
    aside = event.result.file.model_copy(update={"path": str(tmp_path / "out.onnx.unverified")})
    shown.engine.say(Finished(event.job, Exported(aside)))
    shown.until(dialog.differing.isVisible)
    shown.qtbot.keyClick(dialog.differing.no, Qt.Key.Key_Escape)
    assert not dialog.differing.isVisible()
    assert dialog.isVisible()
    assert len(shown.engine.asked(Export)) == 1


def test_exported_is_said_after_the_proof_and_not_before(shown, dialog: ExportDialog, tmp_path: Path) -> None:
    assert not dialog.verdict.isVisible()
    shown.engine.say(answer(shown, tmp_path, verified=True))
    shown.until(dialog.verdict.isVisible)
    assert dialog.verdict.text() == "exported"
    assert "out.onnx" in dialog.said.text()


def test_a_file_that_differs_is_not_called_exported(shown, dialog: ExportDialog, tmp_path: Path) -> None:
    shown.engine.say(answer(shown, tmp_path, verified=False))
    shown.until(dialog.verdict.isVisible)
    assert dialog.verdict.text() == "differs"


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
