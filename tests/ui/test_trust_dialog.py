"""The question before a pickle's code is run: what it shows, and that nothing happens without a person's word."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QTreeWidget, QWidget
from pytestqt.qtbot import QtBot

from secateur.engine.events import Failed, Started
from secateur.engine.requests import OpenModel
from secateur.model.description import ModelSource
from secateur.model.trust import WantedImport
from secateur.session.state import TrustQuestion
from secateur.ui.dialogs.trust import TrustDialog
from secateur.ui.widgets.button import Button

WANTS = (
    WantedImport("os.system", "can run any program or code"),
    WantedImport("collections.OrderedDict"),
    WantedImport("nets.Own"),
)
SOURCE = ModelSource("/models/net.pt")


@pytest.fixture(params=[WANTS])
def dialog(request: pytest.FixtureRequest, qtbot: QtBot) -> Iterator[TrustDialog]:
    parent = QWidget()
    qtbot.addWidget(parent)
    made = TrustDialog(TrustQuestion(SOURCE, "net.pt wants to call os.system.", request.param), parent)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    made.show()
    yield made  # noqa: PT022 - the parent lives as long as this frame


def button(dialog: TrustDialog, name: str) -> Button:
    found = dialog.findChild(Button, name)
    assert found is not None
    return found


def test_every_name_is_listed_and_the_dangerous_are_marked(dialog: TrustDialog) -> None:
    names = dialog.findChild(QTreeWidget, "trust_names")
    assert names is not None
    rows = [names.topLevelItem(place) for place in range(names.topLevelItemCount())]
    assert [row.text(0) for row in rows] == [wanted.name for wanted in WANTS]
    assert [row.text(1).startswith("Dangerous: can run") for row in rows] == [True, False, False]
    assert not rows[0].icon(0).isNull()


@pytest.mark.parametrize("dialog", [WANTS, WANTS[1:]], indirect=True)
def test_where_no_name_is_dangerous_there_is_no_column_of_dangers(dialog: TrustDialog) -> None:
    dangerous = any(dialog.names.topLevelItem(place).text(1) for place in range(dialog.names.topLevelItemCount()))
    assert dialog.names.isColumnHidden(1) is not dangerous


def test_opening_takes_a_word_that_is_not_given_beforehand(dialog: TrustDialog, qtbot: QtBot) -> None:
    known = dialog.findChild(QCheckBox, "trust_known")
    assert known is not None
    assert not known.isChecked()
    assert not button(dialog, "trust_open").isEnabled()
    assert button(dialog, "trust_cancel").isDefault()
    known.setChecked(True)
    with qtbot.waitSignal(dialog.answered) as answer:
        qtbot.mouseClick(button(dialog, "trust_open"), Qt.MouseButton.LeftButton)
    assert answer.args == [True]


@pytest.mark.parametrize(
    "how", [lambda d: button(d, "trust_cancel").click(), lambda d: d.reject(), lambda d: d.close()]
)
def test_leaving_is_a_no(dialog: TrustDialog, qtbot: QtBot, how: Callable[[TrustDialog], object]) -> None:
    with qtbot.waitSignal(dialog.answered) as answer:
        how(dialog)
    assert answer.args == [False]


@pytest.mark.parametrize("trusted", [True, False])
def test_the_window_asks_and_opens_only_after_a_yes(shown, trusted: bool) -> None:
    shown.session.open_model(SOURCE)
    job = shown.engine.job_of(OpenModel)
    shown.engine.say(Started(job, OpenModel(SOURCE)), Failed(job, "net.pt wants to call os.system.", wants=WANTS))
    shown.until(lambda: shown.window.findChild(TrustDialog, "trust_dialog"))
    assert [request for request in shown.engine.asked(OpenModel) if request.source.trusted] == []
    asked = shown.window.findChild(TrustDialog, "trust_dialog")
    asked.known.setChecked(trusted)
    button(asked, "trust_open" if trusted else "trust_cancel").click()
    assert not asked.isVisible()
    opened = [request.source for request in shown.engine.asked(OpenModel) if request.source.trusted]
    assert opened == ([ModelSource(SOURCE.path, trusted=True)] if trusted else [])
    assert shown.session.state.trust is None
