"""The Distil tab: its form, the live curves and the softened answers."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from secateur.engine.events import CurvePoint, LossTerm, SoftAnswers
from secateur.engine.requests import Compress, DataSource
from secateur.methods import METHODS
from secateur.methods.distil.distillation import Distillation
from secateur.methods.distil.training import Training
from secateur.recipe.editing import with_model_step
from secateur.recipe.recipe import Recipe
from secateur.session.state import JobState, SessionState
from secateur.ui.panels.curve_data import CurveData
from secateur.ui.panels.distil import DistilTab
from secateur.ui.panels.plan_form import MethodForm

LEFT = Qt.MouseButton.LeftButton


def curve(count, steps=600):
    return tuple(
        CurvePoint(
            step=n * 5, steps=steps, epoch=n * 5 / 100, epochs=6, loss=5.0 - n * 0.01,
            terms=(LossTerm("distillation", "nats", 6.0), LossTerm("label", "nats", 1.0)),
            metric=0.6 if n % 10 == 9 else None, agreement=0.7 if n % 10 == 9 else None,
            samples_per_second=640.0,
        )
        for n in range(count)
    )  # fmt: skip


@pytest.fixture
def answers(previews):
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (2, 4, 10)).astype(np.float32)
    return SoftAnswers(logits[0], logits[1], previews)


@pytest.fixture
def state(model, data, evaluation):
    recipe = with_model_step(Recipe(), "distil", Distillation(temperature=3.0))
    return SessionState(model=model, data=data, data_source=DataSource("x"), baseline=evaluation, recipe=recipe)


@pytest.fixture
def tab(qtbot):
    tab = DistilTab()
    qtbot.addWidget(tab)
    tab.resize(1159, 600)
    with qtbot.waitExposed(tab):
        tab.show()
    return tab


def running(state, model, **changes):
    job = JobState(1, Compress(model.source, DataSource("x"), Recipe(), "r"), "Running")
    return state.with_(jobs=(job,), **changes)


def test_without_a_planned_distillation_the_button_adds_one(qtbot, tab, state):
    tab.show_state(state.with_(recipe=Recipe()))
    assert not tab.is_filled
    with qtbot.waitSignal(tab.distillation_wanted) as wanted:
        qtbot.mouseClick(tab.missing.button, LEFT)
    assert wanted.args == [Distillation(), ""]


def test_a_network_that_cannot_be_trained_says_why(tab, state, model):
    fixed = replace(model, trainable=False, reason="It holds the operator Loop.")
    tab.show_state(state.with_(recipe=Recipe(), model=fixed))
    assert not tab.missing.button.isEnabled()
    assert "Loop" in tab.missing.button.toolTip()


def test_the_form_shows_the_planned_parameters_and_asks_for_changed_ones(qtbot, tab, state):
    tab.show_state(state)
    assert tab.form.method == Distillation(temperature=3.0)
    with qtbot.waitSignal(tab.distillation_wanted) as wanted:
        tab.form.edited.emit(Distillation(temperature=5.0), "drag 1")
    assert wanted.args == [Distillation(temperature=5.0), "drag 1"]


def test_it_can_be_taken_out_of_the_plan(qtbot, tab, state):
    tab.show_state(state)
    with qtbot.waitSignal(tab.distillation_wanted) as wanted:
        qtbot.mouseClick(tab.remove, LEFT)
    assert wanted.args == [None, ""]


def test_every_way_to_train_has_its_own_form_and_a_teacher_where_it_needs_one(qtbot, tab, state):
    for kind in (method for method in METHODS if issubclass(method, Training)):
        planned = kind(epochs=3)
        tab.show_state(state.with_(recipe=with_model_step(Recipe(), "distil", planned)))
        assert tab.is_filled
        assert tab.form.method == planned
        assert tab.form.isVisible()
        assert [form for form in tab.findChildren(MethodForm) if form.isVisible()] == [tab.form]
        assert tab.teacher.isVisible() == kind.has_teacher
        with qtbot.waitSignal(tab.distillation_wanted) as wanted:
            tab.form.findChild(QWidget, "field_epochs").edited.emit(5.0)
        assert wanted.args == [kind(epochs=5), ""]


def test_before_the_training_it_says_how_to_start_it(tab, state):
    tab.show_state(state)
    assert tab.title.text() == "Not trained yet"
    assert not tab.line.isVisible()
    tab.grab()


def test_a_running_training_shows_epoch_step_speed_and_time_left(tab, state, model):
    tab.show_state(running(state, model, curve=curve(31)))
    assert tab.title.text() == "Epoch 2 of 6, step 50 of 100"
    assert "45\u00a0s of training left" in tab.detail.text()
    assert "640 samples/s" in tab.detail.text()
    assert tab.percent.text() == "25\u00a0%"


def test_a_training_without_a_job_is_stopped_or_finished(tab, state):
    tab.show_state(state.with_(curve=curve(31)))
    assert tab.detail.text() == "stopped"
    tab.show_state(state.with_(curve=curve(121)))
    assert tab.detail.text() == "finished"


def test_the_curves_end_with_their_values(tab, state, model):
    tab.show_state(running(state, model, curve=curve(50)))
    assert "label" in tab.loss.accessibleDescription()
    assert "60.0\u00a0% top-1" in tab.quality.accessibleDescription()
    assert not tab.grab().isNull()


def test_a_training_shows_whatever_terms_its_loss_has(tab, state, model):
    units = (LossTerm("label", "nats", 1.0), LossTerm("features", "", 0.5), LossTerm("attention", "", 2.0))
    tab.show_state(running(state, model, curve=tuple(replace(point, terms=units) for point in curve(50))))
    for words in ("1.00 label", "0.500 features", "2.00 attention", "total"):
        assert words in tab.loss.accessibleDescription()
    assert "distillation" not in tab.loss.accessibleDescription()
    assert tab.loss.quantity == "loss"


def test_a_loss_whose_terms_have_one_unit_is_shown_in_it(tab, state, model):
    tab.show_state(running(state, model, curve=curve(50)))
    assert tab.loss.quantity == "loss in nats"


def test_points_are_read_once_and_another_training_starts_anew():
    data = CurveData()
    points = curve(40)
    data.extend(points[:10])
    data.extend(points)
    assert len(data.column("loss")[0]) == 40
    assert len(data.column("metric")[0]) == 4
    data.extend(curve(3))
    assert len(data.column("loss")[0]) == 3


def test_answers_appear_with_their_first_evaluation(tab, state, answers):
    tab.show_state(state)
    assert tab.answers.waiting.isVisible()
    tab.show_state(state.with_(answers=answers))
    assert not tab.answers.waiting.isVisible()
    assert "teacher" in tab.answers.bars.accessibleDescription()


def test_answers_of_a_training_without_a_teacher_are_the_students_alone(tab, state, answers):
    tab.show_state(state.with_(answers=SoftAnswers(None, answers.student, answers.previews)))
    assert not tab.answers.waiting.isVisible()
    assert not tab.answers.legend.isVisible()
    assert "student" in tab.answers.bars.accessibleDescription()
    assert "teacher" not in tab.answers.bars.accessibleDescription()
    assert tab.answers.bars.table().columns == ("class", "student")
    assert not tab.grab().isNull()
    tab.show_state(state.with_(answers=answers))
    assert "teacher" in tab.answers.bars.accessibleDescription()


def test_next_and_previous_go_round_the_samples(qtbot, tab, state, answers):
    tab.show_state(state.with_(answers=answers))
    for _ in range(5):
        qtbot.mouseClick(tab.answers.later, LEFT)
    assert tab.answers.sample == 1
    for _ in range(2):
        qtbot.mouseClick(tab.answers.earlier, LEFT)
    assert tab.answers.sample == 3


def test_the_view_starts_at_the_planned_temperature_and_softens_with_it(tab, state, answers):
    tab.show_state(state.with_(answers=answers))
    assert tab.answers.slider.value() == pytest.approx(3.0)
    sharp = tab.answers.bars._bars.max()
    tab.answers.slider.set_value(15.0)
    tab.answers.slider.moved.emit(15.0)
    assert tab.answers.bars._bars.max() < sharp


@pytest.mark.parametrize("size", [(380, 300), (733, 524), (1800, 1100)])
def test_it_can_be_painted_at_every_size(tab, state, model, answers, size):
    tab.resize(*size)
    tab.show_state(running(state, model, curve=curve(80), answers=answers))
    assert not tab.grab().isNull()


def test_another_way_to_train_keeps_what_a_person_has_set(qtbot, tab, state):
    tab.show_state(state)
    assert tab.kind.value() == "distillation"
    with qtbot.waitSignal(tab.distillation_wanted) as wanted:
        qtbot.mouseClick(tab.kind.findChild(QWidget, "segment_fine_tuning"), LEFT)
    (made, _) = wanted.args
    planned = tab.form.method
    assert made.id == "fine_tuning"
    assert (made.epochs, made.batch_size, made.seed) == (planned.epochs, planned.batch_size, planned.seed)


def test_an_error_is_drawn_in_its_own_unit_without_shares_beside_it(tab, state, evaluation):
    metric = evaluation.metric.model_copy(update={"name": "mae", "value": 3.5, "ci95": (3.0, 4.0)})
    points = tuple(replace(point, metric=None if point.metric is None else 3.25) for point in curve(40))
    tab.show_state(state.with_(curve=points, baseline=evaluation.model_copy(update={"metric": metric})))
    assert tab.quality.quantity == "absolute error"
    assert tab.quality.accessibleDescription() == "3.25 absolute error"


def test_where_no_class_is_chosen_no_softened_answers_are_promised(tab, state, data):
    tab.show_state(state.with_(data=data.model_copy(update={"task": "segmentation"})))
    assert "no choice of one class" in tab.answers.waiting.text()
    tab.show_state(state)
    assert "first evaluation" in tab.answers.waiting.text()
