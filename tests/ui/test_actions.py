"""Actions are data: every one can be done, found, and explains itself."""

from collections import Counter

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QLineEdit

from secateur.session.events import Notice
from secateur.ui.actions import ACTIONS, action, remedy
from secateur.ui.dialogs.find_action import FindActionDialog, matching
from secateur.ui.theme.icons import glyph


def test_every_action_has_a_handler_and_no_handler_is_without_an_action(shown) -> None:
    assert set(shown.assembly.commands.handled) == {entry.id for entry in ACTIONS}


@pytest.mark.parametrize("entry", ACTIONS, ids=lambda entry: entry.id)
def test_every_action_has_an_icon_and_says_what_it_does(entry, qapp) -> None:
    assert glyph(entry.icon)
    assert len(entry.tooltip) > 12


def test_no_two_actions_share_a_shortcut() -> None:
    used = Counter(QKeySequence(keys).toString() for entry in ACTIONS for keys in entry.keys)
    assert [keys for keys, times in used.items() if times > 1] == []


def test_every_shortcut_is_understood_by_qt() -> None:
    for entry in ACTIONS:
        for keys in entry.keys:
            assert QKeySequence(keys).toString(), f"{entry.id}: {keys}"


@pytest.mark.parametrize("name", ["data", "compare", "open", "resume:20260101-abc", "restart_engine"])
def test_the_remedies_that_notices_name_are_actions(name: str) -> None:
    assert remedy(name) in ACTIONS


def test_an_unknown_action_is_refused() -> None:
    with pytest.raises(KeyError):
        action("juggle")


def test_the_search_finds_words_anywhere_and_puts_what_can_be_done_first() -> None:
    found = matching("export", lambda asked: "" if asked == "export" else "Not now.")
    assert found[0].action.id == "export"
    reasons = [bool(entry.reason) for entry in matching("", lambda asked: "Open a model first.")]
    assert reasons == sorted(reasons)


def test_ctrl_k_lists_every_action_with_the_reason_against_it(shown) -> None:
    shown.qtbot.keyClick(shown.window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    dialog = shown.window.findChild(FindActionDialog)
    assert dialog.list.count() == len(ACTIONS) - 1
    by_id = {
        item.data(Qt.ItemDataRole.UserRole).action.id: item
        for item in map(dialog.list.item, range(dialog.list.count()))
    }
    assert by_id["run"].data(Qt.ItemDataRole.UserRole).reason == "Open a model first."
    assert by_id["open"].data(Qt.ItemDataRole.UserRole).reason == ""


def test_return_in_the_search_does_the_marked_action(shown) -> None:
    shown.assembly.commands.trigger("find")
    dialog = shown.window.findChild(FindActionDialog)
    box = dialog.findChild(QLineEdit, "find_text")
    shown.qtbot.keyClicks(box, "open sample")
    shown.qtbot.keyClick(box, Qt.Key.Key_Return)
    assert [request.source.path for request in shown.engine.requests if hasattr(request, "source")] == ["sample:model"]


def test_an_action_that_cannot_be_done_says_why(shown) -> None:
    shown.assembly.commands.trigger("run")
    assert shown.state.notices[-1] == Notice(
        "info", "Run plan is not available now.", "Open a model first.", subject="refused:run"
    )


def test_escape_without_a_job_says_nothing(shown) -> None:
    shown.assembly.commands.trigger("stop")
    assert shown.state.notices == ()
