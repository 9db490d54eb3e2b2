"""The plan bar: figures of the whole plan, the budget slider, and why a plan cannot be run."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from secateur.engine.timing import OptionsTimed
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelDescription, ModelSource
from secateur.model.documents import DataDescription, Evaluation, Latency, Metric, Predicted
from secateur.model.workload import FLOAT, Workload
from secateur.recipe.recipe import Recipe, Step
from secateur.recipe.speed_cost import SpeedCost
from secateur.session.state import SessionState
from secateur.targets.timings import Timings
from secateur.ui.panels.plan_bar import PlanBar, why_not_run
from secateur.ui.panels.plan_figures import size_words
from secateur.ui.theme.palette import DARK
from secateur.ui.theme.style import apply_theme

RANGE = (130_000, 1_090_000)


@pytest.fixture
def state() -> SessionState:
    latency = Latency(median=2.07, p10=2.0, p90=2.2, runtime="ONNX Runtime", threads=1)
    baseline = Evaluation(
        metric=Metric(name="top1", value=0.81, ci95=(0.799, 0.821)),
        loss=0.6,
        samples=5000,
        bytes=1_090_000,
        zip_bytes=1_000_000,
        params=268_000,
        nonzero_params=268_000,
        macs=40_600_000,
        latency_ms=latency,
    )
    data = DataDescription(
        name="cifar", source="x", task="classification", metric="top1", classes=(), train=1, calibration=1, test=1
    )
    return SessionState(
        model=ModelDescription("net", ModelSource("net.onnx"), "onnx", 1_090_000, (), (), ()),
        data=data,
        baseline=baseline,
        recipe=Recipe((Step(StaticInt8(), ("conv1",)),)),
        engine_ready=True,
    )


@pytest.fixture
def predicted() -> Predicted:
    return Predicted(bytes=145_300, macs=39_400_000, latency_ms=2.11, damage=0.1, metric=0.807)


@pytest.fixture
def bar(qtbot: QtBot, qapp: QApplication) -> PlanBar:
    apply_theme(qapp, DARK)
    made = PlanBar()
    qtbot.addWidget(made)
    made.resize(1440, 56)
    made.show()
    return made


def test_the_figures_say_before_after_and_change(bar: PlanBar, state: SessionState, predicted: Predicted) -> None:
    bar.show_state(state, predicted, RANGE)
    said = {name: block.accessibleDescription().replace("\u00a0", " ") for name, block in bar.blocks.items()}
    assert said["size"] == "1.09 to 0.15 MB, 7.5× smaller"
    assert said["latency"] == "2.07 to 2.11 ms, +2 %"
    assert said["metric"] == "81.0 to 80.7 %, −0.3 pt ±1.1"
    assert bar.blocks["metric"].accessibleName() == "Top-1, predicted"


def test_an_error_is_predicted_in_its_own_units(bar: PlanBar, state: SessionState, predicted: Predicted) -> None:
    assert state.baseline is not None
    error = Metric(name="mse", value=0.007, ci95=(0.006, 0.008))
    state = state.with_(baseline=state.baseline.model_copy(update={"metric": error}))
    bar.show_state(state, predicted.model_copy(update={"metric": 0.5}), RANGE)
    assert bar.blocks["metric"].accessibleDescription() == "0.00700 to 0.500, +0.493 ±0.00100"
    assert bar.blocks["metric"].accessibleName() == "Squared error, predicted"


def test_without_a_plan_only_what_is_known_is_shown(bar: PlanBar, state: SessionState) -> None:
    bar.show_state(state.with_(recipe=Recipe()), None, RANGE)
    assert bar.blocks["size"].accessibleDescription().replace("\u00a0", " ") == "1.09 MB"
    assert bar.blocks["latency"].accessibleDescription().replace("\u00a0", " ") == "2.07 ms"


def test_the_knob_follows_the_plan(bar: PlanBar, state: SessionState, predicted: Predicted) -> None:
    bar.show_state(state, predicted, RANGE)
    assert bar.slider.value() == pytest.approx(145_300)
    assert bar.budget_figure.text().replace("\u00a0", " ") == "145 kB"


def test_dragging_the_budget_says_bytes_and_settles_once(
    qtbot: QtBot, bar: PlanBar, state: SessionState, predicted: Predicted
) -> None:
    bar.show_state(state, predicted, RANGE)
    moved: list[dict[str, float]] = []
    settled: list[dict[str, float]] = []
    bar.budget_moved.connect(moved.append)
    bar.budget_settled.connect(settled.append)
    qtbot.mousePress(bar.slider, Qt.MouseButton.LeftButton, pos=QPoint(60, 12))
    qtbot.mouseMove(bar.slider, QPoint(100, 12))
    qtbot.mouseRelease(bar.slider, Qt.MouseButton.LeftButton, pos=QPoint(100, 12))
    assert len(moved) == 2
    assert settled == [moved[-1]]
    assert set(moved[0]) == {"bytes"}
    assert RANGE[0] < moved[0]["bytes"] < moved[1]["bytes"] < RANGE[1]
    assert bar.budget_figure.text().startswith("≤")


def wish_for_more(qtbot: QtBot, bar: PlanBar, state: SessionState, predicted: Predicted) -> None:
    """Show the plan and move its knob by a key."""
    bar.show_state(state, predicted, RANGE)
    bar.slider.setFocus()
    qtbot.keyClick(bar.slider, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)


def test_the_budget_stays_until_the_plan_is_changed_by_hand(
    qtbot: QtBot, bar: PlanBar, state: SessionState, predicted: Predicted
) -> None:
    wish_for_more(qtbot, bar, state, predicted)
    solved = state.with_(recipe=Recipe((Step(StaticInt8(samples=9), ("conv1",)),)))
    bar.show_state(solved, predicted, RANGE)
    bar.show_state(solved.with_(engine="Engine: CPU"), predicted, RANGE)
    assert bar.budget_figure.text().startswith("≤")
    by_hand = state.with_(recipe=Recipe((Step(MagnitudePruning(), ("conv1",)),)))
    bar.show_state(by_hand, predicted, RANGE)
    assert bar.budget_figure.text().replace("\u00a0", " ") == "145 kB"


def test_the_budget_stays_while_one_drag_is_answered_several_times(
    qtbot: QtBot, bar: PlanBar, state: SessionState, predicted: Predicted
) -> None:
    wish_for_more(qtbot, bar, state, predicted)
    bar.show_state(state, predicted, RANGE)  # before the first answer
    for samples in (9, 8):
        plan = Recipe((Step(StaticInt8(samples=samples), ("conv1",)),))
        bar.show_state(state.with_(recipe=plan, solved=plan), predicted, RANGE)
        assert bar.budget_figure.text().startswith("≤")
    bar.show_state(state.with_(solved=plan), predicted, RANGE)
    assert not bar.budget_figure.text().startswith("≤"), "undone: the knob shows where the plan stands"


def test_without_options_to_choose_from_the_budget_is_off_and_says_why(
    bar: PlanBar, state: SessionState, predicted: Predicted
) -> None:
    bar.show_state(state, predicted, None)
    assert not bar.slider.isEnabled()
    assert "Score the options" in bar.slider.toolTip()


def test_run_and_reset_say_that_they_are_wanted(
    qtbot: QtBot, bar: PlanBar, state: SessionState, predicted: Predicted
) -> None:
    bar.show_state(state, predicted, RANGE)
    with qtbot.waitSignals([bar.run_wanted, bar.reset_wanted], timeout=10_000):
        qtbot.mouseClick(bar.run, Qt.MouseButton.LeftButton)
        qtbot.mouseClick(bar.reset, Qt.MouseButton.LeftButton)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": None}, "Open a model first."),
        ({"recipe": Recipe()}, "Nothing is planned yet."),
        ({"data": None}, "The plan needs samples."),
        ({"engine_ready": False}, "The engine is starting."),
        ({}, ""),
    ],
)
def test_a_plan_that_cannot_be_run_says_why(
    bar: PlanBar, state: SessionState, predicted: Predicted, changes: dict[str, object], reason: str
) -> None:
    changed = state.with_(**changes)
    bar.show_state(changed, predicted, RANGE)
    assert why_not_run(changed).startswith(reason)
    assert bar.run.isEnabled() == (not reason)
    assert bar.reason.isVisible() == bool(reason)
    if reason:
        assert bar.reason.text() == why_not_run(changed)
        assert bar.run.toolTip().endswith(why_not_run(changed))


def test_the_sessions_own_reason_comes_first(bar: PlanBar, state: SessionState, predicted: Predicted) -> None:
    bar.show_state(state, predicted, RANGE, why_not="A job is running. Stop it first.")
    assert not bar.run.isEnabled()
    assert bar.reason.text() == "A job is running. Stop it first."


@pytest.mark.parametrize("width", [1024, 1200, 1440, 1920])
@pytest.mark.parametrize("why_not", ["", "Nothing is planned yet. Choose steps for some layers, or drag the budget."])
def test_nothing_is_cut_at_any_width(
    qapp: QApplication, bar: PlanBar, state: SessionState, predicted: Predicted, width: int, why_not: str
) -> None:
    bar.resize(width, 56)
    bar.set_narrow(width < 1200)
    bar.show_state(state, predicted, RANGE, why_not=why_not)
    qapp.processEvents()
    shown = [block for block in bar.blocks.values() if block.isVisible()]
    assert {"size", "metric"} <= {block.objectName().removeprefix("figure_") for block in shown}
    for block in shown:
        assert block.width() >= block.sizeHint().width()
    assert bar.run.geometry().right() < width
    assert bar.run.width() >= bar.run.sizeHint().width()
    if why_not:
        assert bar.reason.heightForWidth(bar.reason.width()) <= 56


def test_how_much_smaller_and_faster_stays_longer_than_what_the_pairs_say(
    bar: PlanBar, state: SessionState, predicted: Predicted
) -> None:
    bar.show_state(state, predicted, RANGE)
    seen = []
    for width in range(1500, 800, -10):
        bar.resize(width, bar.height())
        QApplication.processEvents()
        shown = {name for name, block in bar.blocks.items() if block.isVisible() and block.is_change_shown}
        if not seen or seen[-1] != shown:
            seen.append(shown)
    assert seen == [{"size", "macs", "latency", "metric"}, {"size", "latency"}, set()]


def test_changes_go_first_where_room_is_short(bar: PlanBar, state: SessionState, predicted: Predicted) -> None:
    bar.show_state(state, predicted, RANGE)
    assert bar.blocks["macs"].isVisible()
    assert bar.reset.isVisible()
    wide = bar.blocks["size"].sizeHint().width()
    bar.set_narrow(True)
    assert not bar.blocks["macs"].isVisible()
    assert not bar.reset.isVisible()
    assert bar.blocks["size"].sizeHint().width() < wide


def test_a_larger_file_is_called_larger() -> None:
    assert size_words(100, 50) == "2.0× smaller"
    assert size_words(100, 120) == "1.20× larger"
    assert size_words(100, 100) == size_words(None, 5) == ""


def test_a_budget_that_costs_speed_says_so_beside_the_button(
    bar: PlanBar, state: SessionState, predicted: Predicted
) -> None:
    cost = SpeedCost(("layer3.0.conv1",), ("4-bit",), 6_700, 201_000, 0.26)
    bar.show_state(state.with_(speed_cost=cost), predicted, RANGE)
    assert bar.reason.isVisible()
    assert (
        bar.reason.text().replace("\u00a0", " ") == "The last 6.70 kB cost speed (1 layer). From 201 kB on none does."
    )
    assert bar.reason.property("tone") == "warn"
    assert "layer3.0.conv1 in 4-bit" in bar.reason.toolTip()
    assert bar.reason.heightForWidth(bar.reason.width()) <= 56
    assert bar.run.isEnabled()
    bar.show_state(state, predicted, RANGE)
    assert not bar.reason.text()
    assert not bar.reason.toolTip()


# ---------------------------------------------------------------------- milliseconds


MS_RANGE = (0.9, 2.07)


@pytest.fixture
def timed() -> OptionsTimed:
    conv = Workload("conv", 8, 8, (10, 10), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1))
    return OptionsTimed(Timings("onnxruntime", 1, {"conv1": (conv,)}, {}, {FLOAT: 2.0}), fastest_ms=0.9)


def test_milliseconds_are_dragged_as_bytes_are_and_both_limits_stand(
    qtbot: QtBot, bar: PlanBar, state: SessionState, predicted: Predicted, timed: OptionsTimed
) -> None:
    bar.show_state(state.with_(timed=timed), predicted, RANGE, "", MS_RANGE)
    moved: list[dict[str, float]] = []
    bar.budget_moved.connect(moved.append)
    qtbot.mouseClick(bar.slider, Qt.MouseButton.LeftButton, pos=QPoint(80, 12))
    qtbot.mouseClick(bar.latency_budget.slider, Qt.MouseButton.LeftButton, pos=QPoint(80, 12))
    assert set(moved[0]) == {"bytes"}
    assert set(moved[1]) == {"bytes", "latency_ms"}
    assert moved[1]["bytes"] == moved[0]["bytes"]
    assert MS_RANGE[0] < moved[1]["latency_ms"] < MS_RANGE[1]
    solved = state.with_(timed=timed, recipe=Recipe((Step(StaticInt8(samples=9), ("conv1",)),)))
    bar.show_state(solved, predicted, RANGE, "", MS_RANGE)
    assert bar.budget_figure.text().startswith("≤")
    assert bar.latency_budget.figure.text().startswith("≤")
    by_hand = state.with_(timed=timed, recipe=Recipe((Step(MagnitudePruning(), ("conv1",)),)))
    bar.show_state(by_hand, predicted, RANGE, "", MS_RANGE)
    assert not bar.latency_budget.figure.text().startswith("≤")


def test_milliseconds_are_limited_with_keys(
    qtbot: QtBot, bar: PlanBar, state: SessionState, predicted: Predicted, timed: OptionsTimed
) -> None:
    bar.show_state(state.with_(timed=timed), predicted, RANGE, "", MS_RANGE)
    settled: list[dict[str, float]] = []
    bar.budget_settled.connect(settled.append)
    slider = bar.latency_budget.slider
    assert slider.accessibleName() == "Latency budget"
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key.Key_Home)
    assert settled == [{"latency_ms": pytest.approx(0.9)}]


def test_milliseconds_that_are_not_measured_cannot_be_limited_and_it_says_why(
    bar: PlanBar, state: SessionState, predicted: Predicted
) -> None:
    slider = bar.latency_budget.slider
    bar.show_state(state, predicted, RANGE, "", None)
    assert not slider.isEnabled()
    assert "are measured as soon as" in slider.toolTip()
    bar.show_state(state.with_(timed=OptionsTimed(None, "It runs on phones.")), predicted, RANGE, "", None)
    assert "It runs on phones." in slider.toolTip()
    bar.show_state(state, predicted, RANGE, "", (2.07, 2.07))
    assert not slider.isEnabled()
    assert "No plan of these options is faster in ONNX Runtime" in slider.toolTip()


def test_a_plan_that_will_be_slower_says_so_before_it_is_run(
    bar: PlanBar, state: SessionState, predicted: Predicted, timed: OptionsTimed
) -> None:
    slower = predicted.model_copy(update={"latency_ms": 3.0})
    narrow = state.with_(timed=timed, recipe=Recipe((Step(WeightOnly(bits=4, group_size=32), ("conv1",)),)))
    bar.show_state(narrow, slower, RANGE, "", MS_RANGE)
    assert bar.run.isEnabled()
    assert bar.reason.text().replace("\u00a0", " ") == "Will be slower in ONNX Runtime: +45 %."
    assert bar.reason.property("tone") == "warn"
    assert "unpacks weights" in bar.reason.toolTip()
    bar.show_state(narrow, predicted, RANGE, "", MS_RANGE)  # 2 % are the machine's noise
    assert not bar.reason.text()


def test_the_target_is_named_and_chosen(qtbot: QtBot, bar: PlanBar, state: SessionState, predicted: Predicted) -> None:
    bar.show_state(state.with_(target="openvino"), predicted, RANGE, "")
    assert bar.target.text() == "OpenVINO"
    assert bar.target.accessibleName() == "Runs in OpenVINO"
    with qtbot.waitSignal(bar.target_wanted, timeout=10_000):
        qtbot.mouseClick(bar.target, Qt.MouseButton.LeftButton)
    # what was measured in another runtime is not the target's
    assert bar.blocks["latency"].accessibleDescription().replace("\u00a0", " ") == "– to 2.11 ms"
