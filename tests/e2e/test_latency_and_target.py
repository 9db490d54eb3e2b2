"""The runtime that a plan is made for is chosen, the second slider limits its milliseconds, and the plan is run."""

from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu, QPushButton
from small_instances import make_wide

from secateur.targets import TARGETS
from secateur.ui.widgets.why_not import why_not_of

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
HERE = TARGETS[0]


def choose_target(real, name: str) -> None:
    """Open the menu of targets by its key, and point at one of them."""
    real.press(Qt.Key.Key_T, CONTROL | SHIFT)
    real.until(lambda: any(menu.isVisible() for menu in real.window.findChildren(QMenu, "target_menu")))
    menu = next(menu for menu in real.window.findChildren(QMenu, "target_menu") if menu.isVisible())
    assert {action.objectName() for action in menu.actions()} == {f"target_{target.id}" for target in TARGETS}
    assert [action.objectName() for action in menu.actions() if action.isChecked()] == [f"target_{real.state.target}"]
    wanted = next(action for action in menu.actions() if action.objectName() == f"target_{name}")
    real.click(menu, menu.actionGeometry(wanted).center())
    real.until(lambda: real.state.target == name)
    real.window.activateWindow()  # as the desktop does when a menu closes
    real.until(real.window.isActiveWindow)


def test_a_plan_is_made_for_a_chosen_runtime_within_milliseconds(real, tmp_path: Path) -> None:
    instance = make_wide(tmp_path)
    real.open_files(instance.network, instance.data)
    bar = real.workspace.plan_bar
    row, button = bar.latency_budget, real.find(QPushButton, "target_button")

    elsewhere = next(target for target in TARGETS if target.why_not_timed())
    choose_target(real, elsewhere.id)
    real.until(lambda: button.text() == elsewhere.title)
    real.until(lambda: why_not_of(row.slider) == elsewhere.why_not_timed())

    choose_target(real, HERE.id)
    real.until(lambda: real.state.timings is not None)
    real.until_idle()
    real.until(row.slider.isEnabled)
    fastest, original = real.assembly.session.budget.latency_range()

    middle, wide = row.slider.height() // 2, row.slider.width()
    start = QPoint(round(8 + row.slider.share_of(row.slider.value()) * (wide - 16)), middle)
    real.drag(row.slider, start, QPoint(round(0.4 * wide), middle))
    limit = row.wish
    assert fastest < limit < original
    real.until(lambda: real.state.recipe.steps and real.assembly.session.predicted().latency_ms <= limit)

    document = real.run_plan()
    real.until(lambda: row.figure.text().startswith("≤"))  # the wish stands as long as the plan does
    assert document.result.latency_ms.runtime == HERE.runtime
    real.export_to(tmp_path / "fast.onnx")
