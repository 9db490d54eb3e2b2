"""Whatever is greyed says why: on hover, and to a screen reader. All controls of the window, in several states."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QMenu,
    QPushButton,
    QTabBar,
    QToolButton,
    QWidget,
)

from secateur.engine.events import Started
from secateur.engine.requests import Compress, DataSource, ScoreSensitivity
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import ModelSource
from secateur.model.trust import WantedImport
from secateur.session.state import TrustQuestion
from secateur.ui.actions import TABS, TABS_ON_DEMAND
from secateur.ui.widgets import why_not
from secateur.ui.widgets.slider import RatioSlider
from secateur.ui.widgets.why_not import set_why_not, why_not_of

CONTROLS = (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, RatioSlider)


def controls(window: QWidget) -> list[QWidget]:
    """Visible controls that are off by themselves; arrows that a scrolled tab bar has of its own are no controls."""
    found = [w for kind in CONTROLS for w in window.findChildren(kind) if w.isVisible() and not w.isEnabled()]
    of_qt = (QTabBar, QAbstractSpinBox, QComboBox, QLineEdit)
    inner = [w for w in found if isinstance(w, QToolButton | QLineEdit) and isinstance(w.parent(), of_qt)]
    return [w for w in dict.fromkeys(found) if w not in inner]


def silent(window: QWidget) -> list[str]:
    """Greyed controls that do not say why."""
    found = []
    for widget in controls(window):
        reason = why_not_of(widget)
        if not reason or reason not in widget.toolTip() or reason not in widget.accessibleDescription():
            text = widget.text() if isinstance(widget, QAbstractButton) else ""
            found.append(f"{type(widget).__name__} {widget.objectName()!r} {text!r}: {widget.toolTip()!r}")
    return found


def nothing(shown, **known) -> None:
    """No model."""


def network(shown, model, spectra, **known) -> None:
    shown.open(model, spectra)


def weights_alone(shown, model, spectra, **known) -> None:
    shown.open(model, spectra)
    bare = replace(model, runnable=False, trainable=False, reason="It has no graph.", fingerprint="b" * 8)
    shown.session.update(model=bare)


def blocked(shown, model, spectra, **known) -> None:
    shown.open(model, spectra)
    shown.session.update(model=replace(model, trainable=False, runnable=False, blocked="The runtime knows no Foo."))


def with_data(shown, model, spectra, table, data, previews, evaluation) -> None:
    shown.open(model, spectra)
    shown.session.update(
        data=data, data_source=DataSource("x"), previews=previews, baseline=evaluation, tables={"free": table}
    )


def planned(shown, **known) -> None:
    with_data(shown, **known)
    shown.session.set_method(["conv1"], "quantize", StaticInt8())


def running(shown, **known) -> None:
    planned(shown, **known)
    source = shown.state.model.source
    shown.engine.say(Started(900, Compress(source, DataSource("x"), shown.state.recipe, "run")))
    shown.engine.say(Started(901, ScoreSensitivity(source, DataSource("x"), "measure", ("int8",))))
    shown.until(lambda: len(shown.state.jobs) >= 2)


def measured(shown, table, **known) -> None:
    planned(shown, table=table, **known)
    rows = tuple(row.model_copy(update={"measured": True}) for row in table.rows)
    whole = table.model_copy(update={"depth": "measure", "unit": "nats", "rows": rows, "samples": 512})
    shown.session.update(tables={"free": table, "measure": whole})


def nothing_selected(shown, **known) -> None:
    with_data(shown, **known)
    shown.layers.filter_box.setText("nothing of that kind")


STATES = (nothing, network, weights_alone, blocked, with_data, planned, running, measured, nothing_selected)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("size", [(1440, 900), (1024, 700)], ids=["large", "small"])
def test_every_greyed_control_of_the_window_says_why(
    shown, model, spectra, table, data, previews, evaluation, state, size
):
    shown.window.resize(*size)
    state(
        shown,
        model=model,
        spectra=spectra,
        table=table,
        data=data,
        previews=previews,
        evaluation=evaluation,
    )
    if shown.state.jobs:
        shown.workspace.jobs.set_open(True)
    seen = 0
    for key, _ in TABS if shown.state.model else ():
        if key in TABS_ON_DEMAND:
            continue
        shown.workspace.detail.show_tab(key)
        QApplication.processEvents()
        assert not silent(shown.window), key
        seen += len(controls(shown.window))
    assert not silent(shown.window)
    assert seen + len(controls(shown.window)) > 0  # there is always something that cannot be done now


def open_dialog(shown, name: str) -> QDialog:
    return next(d for d in shown.window.findChildren(QDialog) if d.isVisible() and d.objectName() == name)


def test_every_greyed_control_of_the_dialogs_says_why(shown, model, tmp_path: Path, qtbot):
    (tmp_path / "small.onnx").write_bytes(b"the network")
    (tmp_path / "taken.onnx").write_bytes(b"somebody's")
    source = ModelSource(str(tmp_path / "small.onnx"))
    shown.open(replace(model, source=source, files=(source.path,)))
    shown.window.preferences = replace(shown.window.preferences, folder=str(tmp_path))
    off = 0
    for action, name in (("data", "data_dialog"), ("open_code", "open_code"), ("export", "export_dialog")):
        shown.assembly.commands.trigger(action)
        dialog = open_dialog(shown, name)
        assert not silent(dialog)
        off += len(controls(dialog))
        if action == "export":
            dialog.path_field.setText(str(tmp_path / "small.onnx"))
            assert not dialog.go.isEnabled()
            assert not silent(dialog)
            dialog.path_field.setText(str(tmp_path / "taken.onnx"))
            qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
            assert not dialog.go.isEnabled()  # a question is asked
            assert not silent(dialog)
            dialog.question.no.click()
            dialog.path_field.setText(str(tmp_path / "new.onnx"))
            qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
            assert not dialog.go.isEnabled()  # it is being written
            assert not silent(dialog)
            off += 1
        dialog.close()
    shown.session.update(trust=TrustQuestion(source, "It wants more.", (WantedImport("os.system", "runs programs"),)))
    shown.until(lambda: any(d.objectName() == "trust_dialog" for d in shown.window.findChildren(QDialog)))
    dialog = open_dialog(shown, "trust_dialog")
    assert len(controls(dialog)) == 1
    assert not silent(dialog)
    dialog.close()
    assert off >= 3


def test_every_greyed_entry_of_a_menu_says_why(shown, model, spectra):
    shown.open(model, spectra)
    shown.layers.open_menu(QPoint(0, 0))
    menus = shown.layers.findChildren(QMenu)
    off = [entry for menu in menus for entry in menu.actions() if not entry.isEnabled() and not entry.isSeparator()]
    assert off
    assert all(why_not_of(entry) in entry.toolTip() and why_not_of(entry) for entry in off)
    for menu in menus:
        menu.close()


def test_a_reason_comes_and_goes_and_leaves_the_tip_as_it_was(qtbot):
    button = QPushButton("Do it")
    qtbot.addWidget(button)
    button.setToolTip("Does it")
    set_why_not(button, "Not now.")
    assert not button.isEnabled()
    assert button.toolTip() == "Does it\nNot now."
    assert button.accessibleDescription() == "Not now."
    set_why_not(button, "")
    assert button.isEnabled()
    assert button.toolTip() == "Does it"


def test_the_check_sees_a_control_that_is_silent(shown):
    button = QPushButton("Silent", shown.window)
    button.setEnabled(False)
    button.show()
    assert [said for said in silent(shown.window) if "Silent" in said]


def test_nothing_is_switched_off_in_another_way():
    """The graph's choices are items of a model and say themselves why; a menu has lines that are read, not chosen."""
    allowed = {"widgets/why_not.py", "graph/overlays.py", "engine_menu.py"}
    ui = Path(why_not.__file__).parents[1]
    found = {
        path.relative_to(ui).as_posix()
        for path in ui.rglob("*.py")
        if re.search(r"\.set(Enabled|Disabled)\(", path.read_text(encoding="utf-8"))
    }
    assert found <= allowed
