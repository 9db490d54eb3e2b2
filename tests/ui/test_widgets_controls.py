"""Controls: the model moves the widget, the widget moves the model, and the keyboard reaches all of it."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from secateur.ui.theme.palette import DARK
from secateur.ui.theme.style import apply_theme
from secateur.ui.widgets.number_field import NumberField
from secateur.ui.widgets.segmented import Segmented
from secateur.ui.widgets.slider import RatioSlider
from secateur.ui.widgets.switch import Switch

pytestmark = pytest.mark.display


@pytest.fixture(autouse=True)
def _dressed(qapp: QApplication) -> None:
    apply_theme(qapp, DARK)


def listen(signal: object) -> list[object]:
    """Everything that a signal says from now on."""
    heard: list[object] = []
    signal.connect(heard.append)  # type: ignore[attr-defined]
    return heard


# ------------------------------------------------------------------ switch


def test_the_model_moves_the_switch_in_silence(qtbot: QtBot) -> None:
    switch = Switch("Weight pruning")
    qtbot.addWidget(switch)
    heard = listen(switch.toggled)
    switch.set_value(True)
    assert switch.isChecked()
    assert heard == []


def test_a_click_and_the_space_bar_move_the_switch(qtbot: QtBot) -> None:
    switch = Switch("Weight pruning")
    qtbot.addWidget(switch)
    switch.show()
    heard = listen(switch.toggled)
    qtbot.mouseClick(switch, Qt.MouseButton.LeftButton)
    qtbot.keyClick(switch, Qt.Key.Key_Space)
    assert heard == [True, False]
    assert switch.accessibleName() == "Weight pruning"


# ------------------------------------------------------------------ segments


@pytest.fixture
def bits(qtbot: QtBot) -> Segmented:
    control = Segmented([("8", "8"), ("6", "6"), ("4", "4")], "Bits")
    qtbot.addWidget(control)
    control.show()
    return control


def test_the_model_moves_the_segments_in_silence(bits: Segmented) -> None:
    heard = listen(bits.chosen)
    bits.set_value("4")
    assert bits.value() == "4"
    assert heard == []


def test_a_click_chooses_a_segment_once(qtbot: QtBot, bits: Segmented) -> None:
    bits.set_value("8")
    heard = listen(bits.chosen)
    segment = bits.findChild(object, "segment_6")
    qtbot.mouseClick(segment, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(segment, Qt.MouseButton.LeftButton)
    assert heard == ["6"]


def test_arrows_move_between_segments(qtbot: QtBot, bits: Segmented) -> None:
    bits.set_value("8")
    heard = listen(bits.chosen)
    first = bits.findChild(object, "segment_8")
    bits.activateWindow()
    qtbot.waitUntil(bits.isActiveWindow)  # keys go to the active window alone
    first.setFocus()
    qtbot.keyClick(first, Qt.Key.Key_Right)
    assert heard == ["6"]


def test_an_unknown_value_shows_none_chosen(bits: Segmented) -> None:
    bits.set_value("8")
    bits.set_value("mixed")
    assert bits.value() == ""
    assert not any(bits.findChild(object, f"segment_{key}").isChecked() for key in "864")


def test_a_segment_that_cannot_be_chosen_says_why(qtbot: QtBot, bits: Segmented) -> None:
    bits.set_enabled_keys({"8"}, "Needs data.")
    heard = listen(bits.chosen)
    off = bits.findChild(object, "segment_4")
    qtbot.mouseClick(off, Qt.MouseButton.LeftButton)
    assert heard == []
    assert off.toolTip() == "Needs data."


# ------------------------------------------------------------------ slider


@pytest.fixture
def slider(qtbot: QtBot) -> RatioSlider:
    control = RatioSlider(0.0, 1.0, name="Ratio")
    qtbot.addWidget(control)
    control.resize(220, 24)
    control.show()
    return control


def test_the_model_moves_the_slider_in_silence(slider: RatioSlider) -> None:
    moved, settled = listen(slider.moved), listen(slider.settled)
    slider.set_value(0.4)
    assert slider.value() == 0.4
    assert moved == settled == []


def test_a_drag_moves_often_and_settles_once(qtbot: QtBot, slider: RatioSlider) -> None:
    moved, settled = listen(slider.moved), listen(slider.settled)
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(60, 12))
    qtbot.mouseMove(slider, QPoint(110, 12))
    qtbot.mouseMove(slider, QPoint(160, 12))
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(160, 12))
    assert moved == pytest.approx([0.25, 0.5, 0.75])
    assert settled == pytest.approx([0.75])


def test_a_state_that_arrives_during_a_drag_does_not_pull_the_knob_away(qtbot: QtBot, slider: RatioSlider) -> None:
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(110, 12))
    slider.set_value(0.9)
    assert slider.value() == pytest.approx(0.5)
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(110, 12))


@pytest.mark.parametrize(
    ("key", "modifier", "wanted"),
    [
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, 0.51),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, 0.49),
        (Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier, 0.60),
        (Qt.Key.Key_PageDown, Qt.KeyboardModifier.NoModifier, 0.40),
        (Qt.Key.Key_Home, Qt.KeyboardModifier.NoModifier, 0.0),
        (Qt.Key.Key_End, Qt.KeyboardModifier.NoModifier, 1.0),
    ],
)
def test_keys_move_the_slider(
    qtbot: QtBot, slider: RatioSlider, key: Qt.Key, modifier: Qt.KeyboardModifier, wanted: float
) -> None:
    slider.set_value(0.5)
    settled = listen(slider.settled)
    qtbot.keyClick(slider, key, modifier)
    assert slider.value() == pytest.approx(wanted)
    assert settled == pytest.approx([wanted])


def test_equal_ways_are_equal_ratios_on_a_logarithmic_slider(qtbot: QtBot) -> None:
    budget = RatioSlider(100.0, 10_000.0, logarithmic=True)
    qtbot.addWidget(budget)
    assert budget.share_of(1000.0) == pytest.approx(0.5)
    budget.set_value(1000.0)
    qtbot.keyClick(budget, Qt.Key.Key_Right)
    assert budget.value() / 1000.0 == pytest.approx((10_000 / 100) ** 0.01)


def test_the_slider_stays_within_its_range(slider: RatioSlider) -> None:
    slider.set_value(7.0)
    assert slider.value() == 1.0
    slider.set_range(0.2, 0.4)
    assert slider.value() == 0.4


# ------------------------------------------------------------------ number field


@pytest.fixture
def percent(qtbot: QtBot) -> NumberField:
    field = NumberField(0.0, 1.0, scale=0.01, suffix=" %", open_maximum=True, name="Ratio")
    qtbot.addWidget(field)
    field.show()
    return field


def test_a_typed_percentage_becomes_a_ratio(qtbot: QtBot, percent: NumberField) -> None:
    heard = listen(percent.edited)
    percent.selectAll()
    qtbot.keyClicks(percent, "57")
    qtbot.keyClick(percent, Qt.Key.Key_Return)
    assert heard == [0.57]
    assert percent.text() == "57 %"


@pytest.mark.parametrize("typed", ["100", "-3", "many", ""])
def test_a_number_out_of_range_is_marked_and_not_taken(qtbot: QtBot, percent: NumberField, typed: str) -> None:
    percent.set_value(0.5)
    heard = listen(percent.edited)
    percent.selectAll()
    qtbot.keyClick(percent, Qt.Key.Key_Delete)
    qtbot.keyClicks(percent, typed)
    if typed:
        assert percent.property("tone") == "negative"
        assert "less than 100 %" in percent.toolTip()
    qtbot.keyClick(percent, Qt.Key.Key_Return)
    assert heard == []
    percent.clearFocus()
    percent.set_value(0.5)
    assert percent.value() == 0.5


def test_what_a_person_is_typing_stays_until_the_number_changes_elsewhere(qtbot: QtBot, percent: NumberField) -> None:
    percent.activateWindow()
    qtbot.waitUntil(percent.isActiveWindow)
    percent.set_value(0.5)
    percent.setFocus()
    qtbot.waitUntil(percent.hasFocus)
    percent.selectAll()
    qtbot.keyClicks(percent, "7")
    percent.set_value(0.5)
    assert percent.text() == "7"
    percent.set_value(0.2)
    assert percent.text() == "20 %"
    heard = listen(percent.edited)
    percent.clearFocus()
    assert heard == []


def test_a_short_field_shows_whole_figures_and_keeps_the_exact_number(qtbot: QtBot) -> None:
    field = NumberField(0.0, 1.0, scale=0.01, suffix=" %", digits=3)
    qtbot.addWidget(field)
    field.set_value(0.41363636)
    assert field.text() == "41.4 %"
    assert field.value() == 0.41363636
    assert "41.3636 %" in field.toolTip()


def test_arrows_step_a_whole_number_within_its_range(qtbot: QtBot) -> None:
    field = NumberField(1, 3, whole=True)
    qtbot.addWidget(field)
    field.set_value(2)
    heard = listen(field.edited)
    for _ in range(3):
        qtbot.keyClick(field, Qt.Key.Key_Up)
    assert heard == [3]
    assert field.text() == "3"


def test_a_fraction_is_no_whole_number(qtbot: QtBot) -> None:
    field = NumberField(1, 100, whole=True)
    qtbot.addWidget(field)
    field.setText("2.5")
    assert field.parsed() is None


def test_a_small_number_is_written_so_that_it_reads_back_the_same(qtbot: QtBot) -> None:
    field = NumberField(0.0, 1.0, open_minimum=True)
    qtbot.addWidget(field)
    for value in (5e-4, 0.02, 1e-5, 0.3):
        field.set_value(value)
        assert field.parsed() == pytest.approx(value)
