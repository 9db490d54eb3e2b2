"""The main window on a recording engine: layout, the plan by key, moving about, data."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QPushButton

from secateur.engine.events import Finished, SpectraCounted, Started
from secateur.engine.requests import CountSpectra, DataSource, OpenData, SolveBudget
from secateur.model.documents import SensitivityTable
from secateur.recipe.recipe import Recipe
from secateur.session.preferences import load_preferences
from secateur.ui.dialogs.help import HelpDialog
from secateur.ui.help_texts import HELP, help_of
from secateur.ui.moving import first_focusable
from secateur.ui.panels.layers import LayersPanel
from secateur.ui.theme.style import current_theme
from secateur.ui.workspace import ALL_COLUMNS, FEW_COLUMNS, NARROW_COLUMNS

pytestmark = pytest.mark.display

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier

# ---------------------------------------------------------------------- layout


def test_weights_show_the_whole_table_and_sensitivity_little_of_it(shown, model) -> None:
    shown.open(model)
    assert shown.layers.shown_columns == ALL_COLUMNS
    shown.press(Qt.Key.Key_3, CONTROL)
    assert shown.layers.shown_columns == FEW_COLUMNS
    shown.press(Qt.Key.Key_1, CONTROL)
    assert shown.layers.shown_columns == ALL_COLUMNS


def test_a_persons_own_columns_win_and_are_remembered(shown, model) -> None:
    shown.open(model)
    panel: LayersPanel = shown.layers
    panel.choose_column("kind", False)
    shown.press(Qt.Key.Key_4, CONTROL)
    shown.press(Qt.Key.Key_1, CONTROL)
    assert "kind" not in panel.shown_columns
    shown.window.close()
    assert "kind" not in load_preferences().columns["weights"]


@pytest.mark.parametrize(
    ("tab", "has_plan"), [("weights", True), ("sensitivity", True), ("compare", False), ("distil", False)]
)
def test_the_plan_panel_gives_way_to_wide_pictures(shown, model, tab: str, has_plan: bool) -> None:
    shown.open(model)
    shown.workspace.detail.show_tab(tab)
    shown.until(lambda: shown.workspace.plan.isVisible() == has_plan)


def test_a_small_window_keeps_what_matters(shown, model) -> None:
    shown.open(model)
    shown.window.resize(1024, 700)
    shown.until(lambda: shown.workspace.is_narrow)
    assert shown.layers.shown_columns == NARROW_COLUMNS
    assert not shown.window.toolbar.find_box.isVisible()
    assert shown.window.width() == 1024
    shown.window.resize(1440, 900)
    shown.until(lambda: not shown.workspace.is_narrow)
    assert shown.layers.shown_columns == ALL_COLUMNS


def test_the_rail_opens_the_plan_over_the_picture_and_escape_closes_it(shown, model) -> None:
    shown.open(model)
    shown.window.resize(1024, 700)
    shown.workspace.detail.show_tab("sensitivity")
    plan = shown.workspace.plan
    shown.until(lambda: plan.width() == 40)
    width_of_picture = shown.workspace.detail.width()
    plan.rail.click()
    assert plan.width() > 250
    assert shown.workspace.detail.width() == width_of_picture
    shown.press(Qt.Key.Key_Escape, widget=shown.layers.view)
    shown.until(lambda: plan.width() == 40)


def test_a_click_beside_the_opened_plan_closes_it(shown, model) -> None:
    shown.open(model)
    shown.window.resize(1024, 700)
    shown.workspace.detail.show_tab("sensitivity")
    shown.until(lambda: shown.workspace.plan.width() == 40)
    shown.workspace.plan.rail.click()
    shown.qtbot.mouseClick(shown.layers.view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(20, 40))
    shown.until(lambda: shown.workspace.plan.width() == 40)


# ---------------------------------------------------------------------- plan


def test_8_and_4_choose_bits_for_the_selection_and_del_goes_back(shown, model) -> None:
    shown.open(model)
    shown.layers.select(["layer1.0.conv1", "linear"])
    view = shown.layers.view
    shown.press(Qt.Key.Key_8, widget=view)
    steps = [m for name in ("layer1.0.conv1", "linear") for m in shown.state.steps_of(name)]
    assert {(m.id, m.stored_bits) for m in steps} == {("weight_only", 8)}, "integers need data"
    shown.press(Qt.Key.Key_4, widget=view)
    assert [m.badge() for m in shown.state.steps_of("linear")] == ["4-bit"]
    shown.press(Qt.Key.Key_Delete, widget=view)
    assert shown.state.recipe == Recipe()


def test_a_digit_typed_into_the_filter_plans_nothing(shown, model) -> None:
    shown.open(model)
    shown.press(Qt.Key.Key_F, CONTROL)
    shown.until(shown.layers.filter_box.hasFocus)
    shown.qtbot.keyClicks(shown.layers.filter_box, "size>8")
    assert shown.layers.filter_box.text() == "size>8"
    assert shown.state.recipe == Recipe()


def test_undo_and_redo_by_key(shown, model) -> None:
    shown.open(model)
    shown.session.choose_option(["linear"], "int8")
    planned = shown.state.recipe
    shown.press(Qt.Key.Key_Z, CONTROL)
    assert shown.state.recipe == Recipe()
    shown.press(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert shown.state.recipe == planned


def test_selecting_a_layer_shows_it_in_every_panel(shown, model, spectra) -> None:
    shown.open(model, spectra)
    shown.layers.select(["layer2.0.conv1"])
    assert shown.workspace.plan.subject.text() == "layer2.0.conv1"
    assert shown.workspace.detail.tab("weights").name.text() == "layer2.0.conv1"


def test_one_drag_of_the_budget_is_one_gesture_and_the_next_another(
    shown, model, spectra, table: SensitivityTable
) -> None:
    shown.open(model, spectra)
    shown.session.count_spectra()
    job = shown.engine.job_of(CountSpectra)
    shown.engine.say(Started(job, CountSpectra(model.source)), Finished(job, SpectraCounted(table)))
    shown.until(lambda: "free" in shown.state.tables)
    bar = shown.workspace.plan_bar
    merges = []
    original = shown.session.budget.set
    shown.session.budget.set = lambda size, merge="": (merges.append(merge), original(size, merge=merge))
    bar.budget_moved.emit({"bytes": 9000})
    bar.budget_settled.emit({"bytes": 8000})
    bar.budget_moved.emit({"bytes": 7000})
    assert merges[0] == merges[1] != merges[2]
    assert len(shown.engine.asked(SolveBudget)) == 1  # the others wait for its answer


# ---------------------------------------------------------------------- moving about


def test_f6_goes_round_every_panel_and_shift_f6_back(shown, model, spectra) -> None:
    shown.open(model, spectra)
    moving = shown.assembly.commands.moving
    reachable = [panel for panel in moving.panels() if first_focusable(panel)]
    shown.layers.view.setFocus()
    seen = []
    for _ in reachable:
        shown.press(Qt.Key.Key_F6)
        seen.append(moving.focused_panel())
    assert seen[-1] is shown.layers
    assert set(seen) == set(reachable)
    assert len(seen) >= 5
    shown.press(Qt.Key.Key_F6, SHIFT)
    assert moving.focused_panel() is seen[-2]


def test_f1_explains_the_panel_with_the_keyboard(shown, model) -> None:
    shown.open(model)
    shown.layers.view.setFocus()
    shown.press(Qt.Key.Key_F1)
    assert shown.window.findChild(HelpDialog).windowTitle() == "Layers"


def test_every_panel_and_tab_has_words_of_its_own(shown) -> None:
    workspace = shown.workspace
    tabs = [workspace.detail.tab(key) for key in ("weights", "activations", "sensitivity", "compare", "distil")]
    panels = [
        shown.window.toolbar,
        shown.window.empty,
        workspace.layers,
        workspace.plan,
        workspace.plan_bar,
        workspace.jobs,
    ]
    assert {help_of(panel) for panel in [*tabs, *panels]} == {HELP[panel.objectName()] for panel in [*tabs, *panels]}


def test_the_theme_is_switched_and_remembered(shown) -> None:
    before = current_theme().name
    shown.qtbot.mouseClick(shown.find(QPushButton, "theme_button"), Qt.MouseButton.LeftButton)
    assert current_theme().name != before
    shown.window.close()
    assert load_preferences().theme == current_theme().name


def test_ctrl_j_opens_and_closes_the_jobs(shown, model) -> None:
    shown.open(model)
    before = shown.workspace.jobs.is_open
    shown.press(Qt.Key.Key_J, CONTROL)
    assert shown.workspace.jobs.is_open != before


def test_the_shown_picture_is_copied(shown, model, spectra) -> None:
    shown.open(model, spectra)
    QApplication.clipboard().clear()
    shown.press(Qt.Key.Key_C, CONTROL | SHIFT)
    assert not QApplication.clipboard().pixmap().isNull()


# ---------------------------------------------------------------------- data


def test_data_chosen_in_the_dialog_is_opened_and_shown_as_it_is_fed(shown, model, data, previews, evaluation) -> None:
    from secateur.ui.dialogs.data import DataDialog

    shown.open(model)
    shown.press(Qt.Key.Key_D, CONTROL)
    dialog = shown.window.findChild(DataDialog)
    dialog.form.set_path("sample:mnist")
    shown.qtbot.mouseClick(dialog.use, Qt.MouseButton.LeftButton)
    assert shown.engine.asked(OpenData) == [OpenData(model.source, DataSource("sample:mnist"))]
    shown.open_data(data, previews, evaluation)
    shown.until(lambda: dialog.previews.count == 4)
    assert "81.0" in dialog.baseline.text()
    assert dialog.form.fields["mean"].text() == "0.1307"
    assert not dialog.notes.isVisible()
    dialog.close()


def test_the_dialog_says_how_the_data_is_read_beside_its_warning(shown, model, data, previews, evaluation) -> None:
    from secateur.ui.dialogs.data import DataDialog

    shown.open(model)
    shown.press(Qt.Key.Key_D, CONTROL)
    dialog = shown.window.findChild(DataDialog)
    read = data.model_copy(
        update={"notes": ("2 files are not read.", "Labels are one-hot."), "warning": "Near chance."}
    )
    dialog.form.set_path("sample:mnist")
    shown.qtbot.mouseClick(dialog.use, Qt.MouseButton.LeftButton)
    shown.open_data(read, previews, evaluation)
    shown.until(lambda: dialog.previews.count == 4)
    assert dialog.problem.text() == "Near chance."
    assert dialog.notes.text().splitlines() == ["2 files are not read.", "Labels are one-hot."]
    assert dialog.notes.isVisible()
    dialog.close()


def test_closing_the_window_stops_the_engine(shown) -> None:
    shown.window.close()
    assert shown.engine.closed
