"""Runs are named, tagged, noted, thrown away and brought back, and resumed once."""

from dataclasses import replace

from listed_runs import CONTROL, LEFT, answer, choose, click, go_to, menu_item, press, table, typed
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QMenu, QPushButton

from secateur.data.source import DataSource
from secateur.engine.events import EngineDied, Finished, RunsListed, Stopped
from secateur.engine.requests import ChangeRun, Compress, ListRuns
from secateur.ui.panels.runs import COLUMNS

# ---------------------------------------------------------------------- names and tags


def test_f2_renames_a_run_where_it_stands(history, runs) -> None:
    go_to(history, 0)
    press(history, Qt.Key.Key_F2)
    typed(history, "best so far")
    assert history.engine.asked(ChangeRun) == [ChangeRun("a", name="best so far", fingerprint="f" * 8)]
    answer(history, (replace(runs[0], name="best so far"), runs[1]), kind=ChangeRun)
    assert table(history).model().index(0, COLUMNS.index("name")).data() == "best so far"
    assert table(history).currentIndex().row() == 0


def test_a_run_that_went_while_its_menu_was_open_is_not_renamed(history, runs) -> None:
    item = menu_item(history, 0, "rename")
    answer(history, runs[1:])
    history.until(lambda: table(history).model().rowCount() == 1)
    item.trigger()
    history.qtbot.wait(0)
    assert table(history).findChild(QLineEdit) is None
    assert history.engine.asked(ChangeRun) == []


def test_t_tags_a_run_and_the_tags_stand_beside_its_name(history, runs) -> None:
    assert table(history).isColumnHidden(COLUMNS.index("tags"))
    assert menu_item(history, 0, "tag").text() == "Tags…\tT"
    history.window.findChild(QMenu, "run_menu").close()
    history.window.activateWindow()
    history.until(history.window.isActiveWindow)
    table(history).setFocus()
    go_to(history, 0)
    press(history, Qt.Key.Key_T)
    typed(history, "candidate,  for Anna, candidate")
    assert history.engine.asked(ChangeRun) == [ChangeRun("a", tags=("candidate", "for Anna"), fingerprint="f" * 8)]
    answer(history, (replace(runs[0], tags=("candidate", "for Anna")), runs[1]), kind=ChangeRun)
    assert table(history).model().index(0, COLUMNS.index("tags")).data() == "candidate, for Anna"
    assert not table(history).isColumnHidden(COLUMNS.index("tags"))


def test_where_there_is_no_room_for_the_tags_they_are_counted(history, runs) -> None:
    tags = ("candidate", "for Anna", "the one with the smaller head")
    answer(history, (replace(runs[0], tags=tags), runs[1]))
    history.window.resize(1024, 700)
    history.workspace.jobs.set_open(True)
    history.until(lambda: table(history).model().index(0, COLUMNS.index("tags")).data() == "3 tags")
    assert all(
        tag in table(history).model().index(0, COLUMNS.index("tags")).data(Qt.ItemDataRole.ToolTipRole) for tag in tags
    )


def test_an_empty_name_changes_nothing(history) -> None:
    go_to(history, 0)
    press(history, Qt.Key.Key_F2)
    typed(history, "   ")
    assert not history.engine.asked(ChangeRun)


def test_n_writes_notes_that_stand_beside_the_name(history, runs) -> None:
    assert table(history).isColumnHidden(COLUMNS.index("notes"))
    go_to(history, 0)
    press(history, Qt.Key.Key_N)
    typed(history, "for the phone, not the watch")
    notes = "for the phone, not the watch"
    assert history.engine.asked(ChangeRun) == [ChangeRun("a", notes=notes, fingerprint="f" * 8)]
    answer(history, (replace(runs[0], notes=notes), runs[1]), kind=ChangeRun)
    index = table(history).model().index(0, COLUMNS.index("notes"))
    assert index.data() == notes
    assert notes in index.data(Qt.ItemDataRole.ToolTipRole)
    assert not table(history).isColumnHidden(index.column())


# ---------------------------------------------------------------------- the trash


def test_a_deleted_run_comes_back_with_control_z_in_the_list(history, runs) -> None:
    go_to(history, 0)
    press(history, Qt.Key.Key_Delete)
    assert history.engine.asked(ChangeRun)[-1] == ChangeRun("a", deleted=True, fingerprint="f" * 8)
    answer(history, runs[1:], runs[:1], kind=ChangeRun)
    assert history.state.notices[-1].sentence == "Deleted the run Run a."
    history.session.choose_option(("conv1",), "int8")
    table(history).setFocus()
    press(history, Qt.Key.Key_Z, CONTROL)
    assert history.engine.asked(ChangeRun)[-1] == ChangeRun("a", deleted=False, fingerprint="f" * 8)
    assert history.state.planned_layers == ("conv1",)  # the plan's own undo was not meant
    answer(history, runs, (), kind=ChangeRun)
    assert not any(notice.remedy.startswith("bring_back") for notice in history.state.notices)


def test_a_deleted_run_comes_back_with_the_button_of_the_notice(history, runs) -> None:
    choose(history, 0, "delete")
    answer(history, runs[1:], runs[:1], kind=ChangeRun)
    button = history.find(QPushButton, "notice_remedy")
    assert button.text() == "Bring back run"
    history.qtbot.mouseClick(button, LEFT)
    assert history.engine.asked(ChangeRun)[-1] == ChangeRun("a", deleted=False, fingerprint="f" * 8)


def test_a_run_that_goes_on_is_not_deleted(history, runs) -> None:
    answer(history, (replace(runs[0], state="running"), runs[1]))
    go_to(history, 0)
    press(history, Qt.Key.Key_Delete)
    assert not history.engine.asked(ChangeRun)
    assert history.state.notices[-1].hint == "Stop it, then delete it."


# ---------------------------------------------------------------------- a resumed run


def test_a_resumed_run_offers_no_second_resume_from_its_first_moment_on(history, runs) -> None:
    history.session.update(data_source=DataSource("d.npz"))
    click(history, 1, "compare")
    job = history.engine.job_of(Compress)
    assert history.engine.requests[job - 1].resume
    history.until(lambda: table(history).runs.run(1).state == "running")
    assert table(history).runs.action(1, COLUMNS.index("compare")) == ""
    history.engine.say(Finished(history.engine.job_of(ListRuns), RunsListed(runs)))  # it has not begun in the store yet
    history.qtbot.wait(0)
    assert table(history).runs.action(1, COLUMNS.index("compare")) == ""
    click(history, 1, "compare")
    assert len(history.engine.asked(Compress)) == 1
    history.engine.say(Stopped(job))
    history.until(lambda: not history.state.jobs)
    answer(history, runs)
    history.until(lambda: table(history).runs.action(1, COLUMNS.index("compare")) == "resume")


def test_after_the_engine_died_a_run_can_be_resumed_again(history, runs) -> None:
    history.session.update(data_source=DataSource("d.npz"))
    click(history, 1, "compare")
    job = history.engine.job_of(Compress)
    history.engine.say(EngineDied("It died.", (history.engine.requests[job - 1],), jobs=(job,)))
    history.until(lambda: not history.state.jobs)
    answer(history, runs)
    history.until(lambda: table(history).runs.action(1, COLUMNS.index("compare")) == "resume")
