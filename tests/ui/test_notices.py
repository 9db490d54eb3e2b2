"""Notices: one line, the gravest first, the others behind a button, and gone once they are answered."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from secateur.data.source import DataSource
from secateur.engine.events import (
    DataOpened,
    EngineDied,
    EngineReady,
    Failed,
    Finished,
    RunFinished,
    RunRecord,
    RunsListed,
    Started,
)
from secateur.engine.requests import Compress, Export, ListRuns, OpenData, ScoreSensitivity
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.documents import RunDocument
from secateur.recipe.recipe import Recipe, Step
from secateur.session.state import Notice

LEFT = Qt.MouseButton.LeftButton
DATA = DataSource("digits.npz")
SLOWER = "Slower here: 2.00 ms → 2.50 ms, +25 %."


def bars(shown):
    return shown.window.notices.bars


def sentences(shown):
    return [notice.sentence for notice in shown.state.notices]


def button(shown, name: str) -> QPushButton:
    """Of the first notice that stands there."""
    return bars(shown)[0].findChild(QPushButton, name)


def more(shown) -> QPushButton:
    return button(shown, "notice_more")


@pytest.fixture
def opened(shown, model, spectra):
    shown.open(model, spectra)
    return shown


def test_one_line_stays_and_the_others_are_a_click_away_gravest_first(opened):
    for kind, sentence in (("warn", "A warning."), ("error", "An error."), ("info", "News."), ("error", "The newest.")):
        opened.session.notify(Notice(kind, sentence))
    opened.until(lambda: bars(opened) and more(opened).text() == "3 more")
    assert [bar.notice.sentence for bar in bars(opened)] == ["The newest."]
    opened.qtbot.mouseClick(more(opened), LEFT)
    assert [bar.notice.sentence for bar in bars(opened)] == ["The newest.", "An error.", "A warning.", "News."]
    assert more(opened).hasFocus()
    opened.qtbot.keyClick(more(opened), Qt.Key.Key_Space)
    assert len(bars(opened)) == 1
    for left in (3, 2, 1, 0):
        opened.qtbot.mouseClick(button(opened, "notice_dismiss"), LEFT)
        opened.until(
            lambda left=left: (
                len(opened.state.notices) == left and all(bar.notice in opened.state.notices for bar in bars(opened))
            )
        )
    opened.until(lambda: not opened.window.notices.isVisible())


def test_many_notices_are_all_kept(opened):
    for number in range(9):
        opened.session.notify(Notice("info", f"Note {number}."))
    opened.until(lambda: bars(opened) and more(opened).text() == "8 more")


def test_a_wrong_mean_is_forgotten_once_the_data_is_opened_with_the_right_one(opened, data, previews, evaluation):
    wrong = data.model_copy(update={"warning": "The untouched model is near chance: 11 % of ten classes."})
    opened.session.open_data(DATA)
    opened.open_data(wrong, previews, evaluation)
    opened.until(lambda: bars(opened))
    opened.session.open_data(DataSource("digits.npz", preprocessing={"mean": [0.13]}))
    job = opened.engine.job_of(OpenData)
    opened.engine.say(Started(job, opened.engine.requests[job - 1]))
    opened.until(lambda: opened.state.running)
    assert bars(opened)  # it is still true of the data that is open
    opened.engine.say(Finished(job, DataOpened(data, previews, evaluation)))
    opened.until(lambda: not opened.window.notices.isVisible())


def test_data_that_could_not_be_opened_is_forgotten_once_other_data_is(opened, data, previews, evaluation):
    opened.session.open_data(DATA)
    job = opened.engine.job_of(OpenData)
    opened.engine.say(Started(job, OpenData(opened.state.model.source, DATA)), Failed(job, "There is no digits.npz."))
    opened.until(lambda: bars(opened))
    opened.session.open_data(DataSource("sample:mnist"))
    opened.open_data(data, previews, evaluation)
    opened.until(lambda: not opened.window.notices.isVisible())


def run_record(model, state="interrupted", document=None):
    yaml = Recipe((Step(WeightOnly(), ("conv1", "linear")),)).to_yaml()
    return RunRecord(
        "run-1", "4-bit", model.name, model.fingerprint, "digits", yaml, state, 0.0, "/runs/r", document=document
    )


def test_a_run_that_broke_off_is_no_news_once_it_goes_on_or_is_finished(opened, model, data, previews, evaluation):
    opened.session.open_data(DATA)
    opened.open_data(data, previews, evaluation)
    lost = Compress(model.source, DATA, Recipe(), "run-1")
    opened.engine.say(EngineDied("The engine was ended by the system.", (lost,)), EngineReady("CPU", 2, 2))
    opened.until(lambda: bars(opened))  # the engine is back, the run is not
    opened.engine.say(Finished(opened.engine.job_of(ListRuns), RunsListed((run_record(model),))))
    opened.until(lambda: opened.state.runs)
    assert bars(opened)
    opened.qtbot.mouseClick(button(opened, "notice_remedy"), LEFT)
    opened.until(lambda: not opened.window.notices.isVisible())
    assert [request.run for request in opened.engine.asked(Compress)] == ["run-1"]


def test_an_engine_that_came_back_is_no_news_and_a_lost_job_is_until_it_is_started_again(opened, model):
    opened.engine.say(EngineDied("The engine was ended by the system.", ()))
    opened.until(lambda: bars(opened))
    opened.engine.say(EngineReady("CPU", 2, 3))
    opened.until(lambda: not opened.window.notices.isVisible())
    lost = ScoreSensitivity(model.source, None, "free", ("int8",))
    opened.engine.say(EngineDied("The engine was ended by the system.", (lost,)), EngineReady("CPU", 2, 4))
    opened.until(lambda: bars(opened))
    opened.session.score("free")
    job = opened.engine.job_of(ScoreSensitivity)
    opened.engine.say(Started(job, opened.engine.requests[job - 1]))
    opened.until(lambda: not opened.window.notices.isVisible())


def test_what_could_not_be_done_is_forgotten_once_it_can(opened):
    opened.assembly.commands.trigger("undo")
    opened.until(lambda: bars(opened))
    assert "Nothing to undo" in bars(opened)[0].accessibleName()
    opened.session.choose_option(["conv1"], "int8")
    opened.until(lambda: not opened.window.notices.isVisible())


def test_an_export_that_goes_well_answers_the_one_that_failed(opened, model, tmp_path):
    request = Export(model.source, None, "onnx", tmp_path / "net.onnx")
    for number in (1, 2):
        opened.session.export(request)
        job = opened.engine.job_of(Export)
        opened.engine.say(Started(job, request))
        if number == 1:
            opened.engine.say(Failed(job, "The disk is full."))
            opened.until(lambda: sentences(opened) == ["The disk is full."])
    opened.until(lambda: not opened.state.notices)


@pytest.fixture
def slow(model, evaluation) -> RunRecord:
    from secateur.model.documents import Latency

    def timed(median):
        latency = Latency(median=median, p10=median, p90=median, runtime="ONNX Runtime", threads=1)
        return evaluation.model_copy(update={"latency_ms": latency})

    document = RunDocument(
        run="run-1", name="4-bit", original=timed(2.0), result=timed(2.5), files=(), headline=SLOWER, warnings=(SLOWER,)
    )
    return run_record(model, "finished", document)


def finish(shown, model, record):
    request = Compress(model.source, DATA, Recipe(), record.run)
    number = shown.engine.submit(request)
    shown.engine.say(Started(number, request), Finished(number, RunFinished(record)))
    shown.until(lambda: shown.state.runs == (record,))


def test_bad_news_of_a_run_are_said_once_above_or_in_compare_and_not_in_both(opened, model, slow):
    finish(opened, model, slow)
    opened.until(lambda: bars(opened))
    assert SLOWER in bars(opened)[0].accessibleName()
    opened.qtbot.keyClick(opened.window, Qt.Key.Key_5, Qt.KeyboardModifier.ControlModifier)
    opened.until(lambda: not opened.window.notices.isVisible())
    compare = opened.workspace.detail.tab("compare")
    opened.until(compare.banner.isVisible)
    assert compare.banner.accessibleName() == SLOWER
    finish(opened, model, slow)  # while the tab is shown, which says it itself
    assert not opened.state.notices


def test_the_link_in_the_headline_makes_the_remedy_the_plan_and_then_runs_it(
    opened, model, slow, data, previews, evaluation
):
    opened.session.open_data(DATA)
    opened.open_data(data, previews, evaluation)
    finish(opened, model, slow)
    opened.workspace.detail.show_tab("compare")
    banner = opened.workspace.detail.tab("compare").banner
    opened.until(lambda: banner.link.text() == "Plan static quantization there")
    opened.qtbot.mouseClick(banner.link, LEFT)
    opened.until(lambda: [m.id for m in opened.state.steps_of("conv1")] == ["static_int8"])
    opened.until(lambda: banner.link.text() == "It is planned: run it")
    before = len(opened.engine.asked(Compress))
    banner.link.setFocus()
    opened.qtbot.keyClick(banner.link, Qt.Key.Key_Space)
    opened.until(lambda: len(opened.engine.asked(Compress)) == before + 1)


@pytest.mark.parametrize("width", [380, 700, 1159])
def test_a_long_headline_wraps_and_nothing_of_it_is_cut(qtbot, width):
    from secateur.ui.panels.banner import Banner

    banner = Banner("banner")
    qtbot.addWidget(banner)
    words = " ".join(["top1 fell by more than its sampling noise: −1.3 pt to 79.8 %."] * 3)
    banner.show_words("warn", words, "The rest of what is to be known of it.", "Train it back", "It does.")
    banner.resize(width, banner.heightForWidth(width) if banner.hasHeightForWidth() else 36)
    with qtbot.waitExposed(banner):
        banner.show()
    qtbot.waitUntil(lambda: banner.words.height() >= banner.words.heightForWidth(banner.words.width()))
    assert banner.rect().contains(banner.words.geometry())
    assert banner.rect().contains(banner.link.geometry())
