"""Work that is cut into parts: called once, in order, a moment's worth a turn, and never on what is gone."""

import time

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import delete

from secateur.ui.turns import MOMENT_S, Turns


class Owner(QObject):
    def __init__(self, seen: list[str], name: str, work_s: float = 0.0) -> None:
        super().__init__()
        self._seen, self._name, self._work_s = seen, name, work_s

    def call(self) -> None:
        begun = time.thread_time()
        while time.thread_time() - begun < self._work_s:
            pass
        self._seen.append(self._name)


def test_what_waits_is_called_once_and_in_order(qapp) -> None:
    turns, seen = Turns(), []
    first, second = Owner(seen, "first"), Owner(seen, "second")
    for call in (first.call, second.call, first.call):
        turns.add(call)
    assert turns.waits(first.call)
    turns.begin()
    assert seen == ["first", "second"]
    assert not turns.waits(first.call)


def test_work_of_more_than_a_moment_leaves_the_rest_to_later_turns(qapp, qtbot) -> None:
    turns, seen = Turns(), []
    owners = [Owner(seen, str(n), 1.5 * MOMENT_S) for n in range(3)]
    for owner in owners:
        turns.add(owner.call)
    turns.begin()
    assert seen == ["0"]
    qtbot.waitUntil(lambda: len(seen) == 3)
    assert seen == ["0", "1", "2"]


def test_where_the_event_loop_was_busy_a_turn_waits_once_for_the_next(qapp) -> None:
    turns, seen = Turns(), []
    owner, busy = Owner(seen, "turn"), Owner([], "painting", 1.5 * MOMENT_S)
    turns.add(owner.call)
    busy.call()
    waited = 0
    while not seen:
        qapp.processEvents()
        waited += not seen
    assert waited >= 1
    turns.add(owner.call)
    qapp.processEvents()
    assert seen == ["turn", "turn"]


def test_what_takes_a_moment_by_itself_is_alone_in_its_turn(qapp, qtbot) -> None:
    turns, seen = Turns(), []
    turns.add(Owner(seen, "quick").call)
    turns.add(Owner(seen, "long").call, alone=True)
    turns.add(Owner(seen, "after").call)
    for expected in (["quick"], ["quick", "long"], ["quick", "long", "after"]):
        turns.begin()
        assert seen == expected


def test_widgets_that_are_new_on_the_screen_are_painted_one_in_a_turn(qtbot) -> None:
    turns = Turns()
    around = QWidget()
    qtbot.addWidget(around)
    parts = [QWidget(around) for _ in range(3)]
    for part in parts:
        turns.paint(part)
        turns.paint(part)  # asked for twice, painted once
    delete(parts[1])
    assert turns.is_painting
    assert not any(part.updatesEnabled() for part in (parts[0], parts[2]))
    turns.begin()
    assert parts[0].updatesEnabled()
    assert not parts[2].updatesEnabled()
    qtbot.waitUntil(lambda: not turns.is_painting)
    assert parts[2].updatesEnabled()


def test_what_is_gone_is_not_called(qapp) -> None:
    turns, seen = Turns(), []
    gone, left = Owner(seen, "gone"), Owner(seen, "left")
    turns.add(gone.call)
    turns.add(left.call)
    delete(gone)
    QApplication.processEvents()
    turns.begin()
    assert seen == ["left"]
