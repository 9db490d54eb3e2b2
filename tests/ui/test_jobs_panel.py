"""Jobs and runs: progress and stop, the history's wishes, and the picture of size against metric."""

import time
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QPlainTextEdit
from pytestqt.qtbot import QtBot

from secateur.data.metrics import kind_of
from secateur.engine.events import RunRecord
from secateur.engine.requests import ListRuns
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.model.documents import Evaluation, Metric, Predicted, RunDocument
from secateur.recipe.recipe import Recipe, Step
from secateur.session.state import JobState, SessionState
from secateur.ui.panels.jobs import CLOSED_HEIGHT, OPEN_HEIGHT, JobsPanel
from secateur.ui.panels.runs import COLUMNS
from secateur.ui.plots.pareto import ParetoPlot
from secateur.ui.plots.pareto_points import Point, frontier
from secateur.ui.theme.palette import DARK
from secateur.ui.theme.style import apply_theme


def evaluation(metric: float | None, size_bytes: int) -> Evaluation:
    measured = None if metric is None else Metric(name="top1", value=metric, ci95=(metric - 0.01, metric + 0.01))
    return Evaluation(
        metric=measured,
        loss=None,
        samples=512,
        bytes=size_bytes,
        zip_bytes=size_bytes,
        params=1,
        nonzero_params=1,
        macs=1,
        latency_ms=None,
    )


def record(name: str, metric: float | None = 0.8, size_bytes: int = 150_000, state: str = "finished") -> RunRecord:
    document = None
    if state == "finished":
        original, result = evaluation(0.81, 1_090_000), evaluation(metric, size_bytes)
        document = RunDocument(run=name, name=name, original=original, result=result, files=())
    return RunRecord(
        run=name,
        name=f"Run {name}",
        model="net",
        fingerprint="f",
        data="d",
        recipe_yaml="schema: 1\nsteps: []\n",
        state=state,  # type: ignore[arg-type]
        created=time.time() - 725,
        folder="runs",
        error="The engine ran out of memory." if state == "failed" else "",
        document=document,
    )


JOB = JobState(7, ListRuns(), "Distil to half width", 62, 100, "epoch 4 of 6", 130.0, ("first line", "second line"))


@pytest.fixture
def panel(qtbot: QtBot, qapp: QApplication) -> JobsPanel:
    apply_theme(qapp, DARK)
    made = JobsPanel()
    qtbot.addWidget(made)
    made.resize(1440, OPEN_HEIGHT)
    made.show()
    return made


def words(panel: JobsPanel) -> str:
    return panel.findChild(object, "jobs_words").text().replace("\u00a0", " ")


# ------------------------------------------------------------------ the running job


def test_a_running_job_shows_how_far_and_how_long(panel: JobsPanel) -> None:
    panel.show_state(SessionState(jobs=(JOB,), runs=(record("a"),)))
    assert panel.job.isVisible()
    assert panel.job.progress.share() == pytest.approx(0.62)
    assert panel.findChild(object, "job_figures").text().replace("\u00a0", " ") == "62 % · 2 min 10 s left"
    assert words(panel) == "1 running · 1 run kept"


def test_the_time_and_the_bar_are_those_of_the_whole_job(panel: JobsPanel) -> None:
    panel.show_state(SessionState(jobs=(replace(JOB, share=0.2, eta_is_least=True),)))
    assert panel.job.progress.share() == pytest.approx(0.2)
    figures = panel.findChild(object, "job_figures").text().replace("\u00a0", " ")
    assert figures == "20 % · at least 2 min 10 s left"


def test_without_a_job_the_card_is_gone(panel: JobsPanel) -> None:
    panel.show_state(SessionState(jobs=(JOB,)))
    panel.show_state(SessionState())
    assert not panel.job.isVisible()
    assert words(panel) == "nothing running"


@pytest.mark.parametrize("is_open", [True, False])
def test_stop_names_the_job_open_or_closed(qtbot: QtBot, panel: JobsPanel, is_open: bool) -> None:
    panel.show_state(SessionState(jobs=(JOB,)))
    panel.set_open(is_open)
    button = panel.findChild(object, "stop_job" if is_open else "stop_job_line")
    assert button.isVisible()
    with qtbot.waitSignal(panel.stop_wanted, timeout=10_000) as wish:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert wish.args == [7]


def test_the_log_can_be_read_while_the_job_runs(qtbot: QtBot, panel: JobsPanel) -> None:
    panel.show_state(SessionState(jobs=(JOB,)))
    qtbot.mouseClick(panel.findChild(object, "job_log"), Qt.MouseButton.LeftButton)
    log = panel.findChild(QPlainTextEdit, "log_text")
    assert log.isVisible()
    assert log.toPlainText() == "first line\nsecond line"
    panel.show_state(SessionState())
    assert not log.isVisible()


def test_a_job_that_cannot_tell_how_far_it_is_shows_no_share(panel: JobsPanel) -> None:
    panel.show_state(SessionState(jobs=(JobState(1, ListRuns(), "Opening"),)))
    assert panel.job.progress.share() is None
    assert panel.findChild(object, "job_figures").text() == ""


# ------------------------------------------------------------------ open and closed


def test_the_panel_folds_to_a_line_that_still_tells_the_progress(qtbot: QtBot, panel: JobsPanel) -> None:
    panel.show_state(SessionState(jobs=(JOB,)))
    with qtbot.waitSignal(panel.opened, timeout=10_000) as fold:
        qtbot.mouseClick(panel.findChild(object, "fold_jobs"), Qt.MouseButton.LeftButton)
    assert fold.args == [False]
    assert panel.height() == CLOSED_HEIGHT
    assert words(panel) == "Distil to half width, epoch 4 of 6 · 62 % · 2 min 10 s left"
    panel.set_open(True)
    assert panel.maximumHeight() == OPEN_HEIGHT


# ------------------------------------------------------------------ runs


def click(qtbot: QtBot, panel: JobsPanel, row: int, column: str) -> None:
    table = panel.runs
    place = table.visualRect(table.model().index(row, COLUMNS.index(column))).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_a_run_can_be_restored_compared_or_resumed(qtbot: QtBot, panel: JobsPanel) -> None:
    panel.show_state(SessionState(runs=(record("broken", state="interrupted"), record("good"))))
    for row, column, signal, run in (
        (1, "restore", panel.restore_wanted, "good"),
        (1, "compare", panel.run_shown, "good"),
        (0, "compare", panel.resume_wanted, "broken"),
        (0, "restore", panel.restore_wanted, "broken"),
    ):
        with qtbot.waitSignal(signal, timeout=10_000) as wish:
            click(qtbot, panel, row, column)
        assert wish.args == [run]


def test_return_restores_and_space_compares(qtbot: QtBot, panel: JobsPanel) -> None:
    panel.show_state(SessionState(runs=(record("a"), record("b"))))
    panel.runs.setCurrentIndex(panel.runs.model().index(1, 1))
    with qtbot.waitSignal(panel.restore_wanted, timeout=10_000) as wish:
        qtbot.keyClick(panel.runs, Qt.Key.Key_Return)
    assert wish.args == ["b"]
    with qtbot.waitSignal(panel.run_shown, timeout=10_000) as wish:
        qtbot.keyClick(panel.runs, Qt.Key.Key_Space)
    assert wish.args == ["b"]


def test_a_run_shows_its_size_metric_and_age(panel: JobsPanel) -> None:
    panel.show_state(SessionState(runs=(record("a", 0.791, 158_000),)))
    model = panel.runs.model()
    texts = {name: str(model.index(0, i).data() or "").replace("\u00a0", " ") for i, name in enumerate(COLUMNS)}
    assert texts["size"] == "158 kB"
    assert texts["metric"] == "79.1 %"
    assert texts["when"] == "12 min ago"


def test_a_failed_run_says_what_happened(panel: JobsPanel) -> None:
    panel.show_state(SessionState(runs=(record("a", state="failed"),)))
    index = panel.runs.model().index(0, COLUMNS.index("name"))
    assert "ran out of memory" in index.data(Qt.ItemDataRole.ToolTipRole)


def test_every_word_of_a_run_fits_its_column(panel: JobsPanel) -> None:
    panel.show_state(SessionState(runs=(record("a"), record("b", state="stopped"))))
    model = panel.runs.model()
    for row in range(2):
        for column, name in enumerate(COLUMNS):
            if name != "name" and not panel.runs.isColumnHidden(column):
                index = model.index(row, column)
                face = index.data(Qt.ItemDataRole.FontRole)
                from PySide6.QtGui import QFontMetrics

                text = str(index.data() or "")
                assert QFontMetrics(face).horizontalAdvance(text) + 6 <= panel.runs.columnWidth(column), text


def test_the_same_history_keeps_the_chosen_row(panel: JobsPanel) -> None:
    state = SessionState(runs=(record("a"), record("b")))
    panel.show_state(state)
    panel.runs.setCurrentIndex(panel.runs.model().index(1, 1))
    panel.show_state(state.with_(engine="Engine: CPU"))
    assert panel.runs.currentIndex().row() == 1


# ------------------------------------------------------------------ the picture


def test_no_point_of_the_frontier_is_beaten_by_another() -> None:
    points = [
        Point(str(i), "", size, metric) for i, (size, metric) in enumerate([(3, 0.5), (1, 0.4), (2, 0.6), (4, 0.7)])
    ]
    best = frontier(points, kind_of("top1"))
    assert [p.run for p in best] == ["1", "2", "3"]
    for point in points:
        assert any(b.x <= point.x and b.y >= point.y for b in best)


def test_the_frontier_of_an_error_goes_down() -> None:
    points = [
        Point(str(i), "", size, metric) for i, (size, metric) in enumerate([(3, 0.5), (1, 4.0), (2, 0.6), (4, 0.7)])
    ]
    assert [p.run for p in frontier(points, kind_of("mse"))] == ["1", "2", "0"]


def test_an_error_is_shown_without_percent_and_says_that_less_is_better(panel: JobsPanel) -> None:
    def measured(name: str, metric: Metric) -> RunRecord:
        made = record(name)
        assert made.document is not None
        result = made.document.result.model_copy(update={"metric": metric})
        return replace(made, document=made.document.model_copy(update={"original": result, "result": result}))

    error = Metric(name="mse", value=3.83, ci95=(3.8, 3.9))
    panel.show_state(SessionState(runs=(measured("a", error), measured("b", error.model_copy(update={"value": 0.5})))))
    column = COLUMNS.index("metric")
    assert panel.runs.model().index(0, column).data() == "3.83"
    words = panel.plot.accessibleDescription()
    assert "0.500" in words
    assert "%" not in words
    assert "less is better" in panel.plot.axis_title()
    assert panel.plot.place_of("b").y() < panel.plot.place_of("a").y()


@pytest.fixture
def plot(panel: JobsPanel) -> ParetoPlot:
    recipe = Recipe((Step(MagnitudePruning(), ("conv1",)),))
    runs = (record("a", 0.75, 141_000), record("b", 0.80, 275_000), record("stopped", state="stopped"))
    predicted = Predicted(bytes=200_000, macs=1, latency_ms=None, damage=0.1, metric=0.79)
    panel.show_state(SessionState(runs=runs, baseline=evaluation(0.81, 1_090_000), recipe=recipe), predicted)
    panel.plot.grab()
    return panel.plot


def test_a_click_on_a_run_restores_it(qtbot: QtBot, plot: ParetoPlot) -> None:
    with qtbot.waitSignal(plot.restore_wanted, timeout=10_000) as wish:
        qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=plot.place_of("b").toPoint())
    assert wish.args == ["b"]


def test_a_click_beside_the_runs_restores_nothing(qtbot: QtBot, plot: ParetoPlot) -> None:
    with qtbot.assertNotEmitted(plot.restore_wanted):
        qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=plot.place_of("b").toPoint() + QPoint(0, 30))


def test_arrows_and_return_restore_a_run(qtbot: QtBot, plot: ParetoPlot) -> None:
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    with qtbot.waitSignal(plot.restore_wanted, timeout=10_000) as wish:
        qtbot.keyClick(plot, Qt.Key.Key_Return)
    assert wish.args == ["b"]


def test_smaller_is_left_and_better_is_above(plot: ParetoPlot) -> None:
    small, large = plot.place_of("a"), plot.place_of("b")
    assert small.x() < large.x()
    assert small.y() > large.y()
    with pytest.raises(KeyError):
        plot.place_of("stopped")


def test_the_picture_is_told_in_words(plot: ParetoPlot) -> None:
    assert plot.accessibleDescription().startswith("2 runs. Best: Run a")


def test_runs_without_a_metric_leave_the_picture_empty(panel: JobsPanel) -> None:
    bare = record("a", None)
    document = bare.document
    assert document is not None
    from dataclasses import replace

    bare = replace(bare, document=document.model_copy(update={"original": evaluation(None, 1)}))
    panel.show_state(SessionState(runs=(bare,)))
    assert panel.plot.accessibleDescription() == "No runs yet"
    assert not panel.plot.grab().isNull()


def test_runs_appear_in_a_picture_that_was_painted_without_them(panel: JobsPanel) -> None:
    """The plot keeps what it painted: news must make it paint again."""
    empty = panel.plot.grab().toImage()
    panel.show_state(SessionState(runs=(record("a"), record("b", 0.7, 99_000))))
    assert panel.plot.grab().toImage() != empty
