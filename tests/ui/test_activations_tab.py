"""The distribution in the Activations tab: the recorded outputs, or what would record them."""

import pytest
from PySide6.QtCore import QPointF, Qt

from secateur.engine.events import ActivationsRecorded, Finished, Started
from secateur.engine.requests import DataSource, RecordActivations
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.session.state import JobState, SessionState
from secateur.ui.panels.distribution import DistributionView, clip_markers

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def state(model, spectra):
    recorded = ActivationsRecorded({name: s.values for name, s in spectra.items() if name != "linear"}, 64)
    return SessionState(model=model, spectra=spectra, data_source=DataSource("x"), activations=recorded)


@pytest.fixture
def tab(qtbot):
    tab = DistributionView()
    qtbot.addWidget(tab)
    tab.resize(504, 600)
    with qtbot.waitExposed(tab):
        tab.show()
    return tab


def test_the_button_of_the_empty_tab_asks_for_the_recording(qtbot, tab, state):
    tab.show_state(state.with_(activations=None), ("conv1",))
    assert not tab.is_filled
    with qtbot.waitSignal(tab.record_wanted):
        qtbot.mouseClick(tab.missing.button, LEFT)


def test_without_data_the_button_is_off_and_says_what_would_help(qtbot, tab, state):
    tab.show_state(state.with_(activations=None, data_source=None), ("conv1",))
    assert not tab.missing.button.isEnabled()
    assert "data" in tab.missing.button.toolTip()


def test_a_running_recording_shows_its_progress(tab, state, model):
    job = JobState(1, RecordActivations(model.source, DataSource("x")), "Recording", 3, 6, eta_s=4.0)
    tab.show_state(state.with_(activations=None, jobs=(job,)), ("conv1",))
    assert tab.missing.progress.share() == pytest.approx(0.5)


def test_a_recorded_layer_is_shown_with_the_number_of_samples(tab, state):
    tab.show_state(state, ("layer1.0.conv1",))
    assert tab.is_filled
    assert tab.name.text() == "layer1.0.conv1"
    assert "64" in tab.kind.text()
    assert not tab.grab().isNull()


def test_a_layer_that_was_not_reached_is_named(tab, state):
    tab.show_state(state, ("linear",))
    assert not tab.is_filled
    assert "linear" in tab.missing.accessibleName()


def test_the_lines_stand_at_the_extremes_and_at_the_central_part(spectra):
    values = spectra["conv1"].values
    lines = {marker.label: marker.value for marker in clip_markers(values)}
    assert lines["max"] == values.maximum
    assert lines["min"] == values.minimum
    assert lines["min"] <= lines["0.1 %"] < lines["99.9 %"] <= lines["max"]


def test_dragging_the_range_plans_the_percentile_and_is_one_undo(
    qtbot, shown, model, spectra, data, previews, evaluation
):
    shown.open(model, spectra)
    session = shown.session
    session.open_data(DataSource("x"))
    shown.open_data(data, previews, evaluation)
    layers = ("layer1.0.conv1", "layer1.0.conv2")
    session.set_method(layers, "quantize", StaticInt8(observer="minmax"))
    session.record_activations()
    job = shown.engine.job_of(RecordActivations)
    recorded = ActivationsRecorded({name: s.values for name, s in spectra.items()}, 64)
    shown.engine.say(Started(job, shown.engine.requests[job - 1]), Finished(job, recorded))
    shown.layers.select(layers)
    shown.workspace.detail.show_tab("activations")
    plot = shown.workspace.detail.tab("activations").distribution.histogram
    shown.until(lambda: shown.state.activations is not None and plot.isVisible())
    values = spectra[layers[0]].values
    start = plot.pixel(values.maximum, 0.0)
    start.setY(plot.area.center().y())
    view = plot.viewport()
    qtbot.mousePress(view, LEFT, pos=start.toPoint())
    for step in (10, 20, 40):
        qtbot.mouseMove(view, (start - QPointF(step, 0)).toPoint())
    qtbot.mouseRelease(view, LEFT, pos=(start - QPointF(40, 0)).toPoint())
    for name in layers:
        planned = shown.state.step_of(name, "quantize")
        assert planned.observer == "percentile"
        assert 50 < planned.percentile < 100
    session.undo()
    assert shown.state.step_of(layers[0], "quantize") == StaticInt8(observer="minmax")
