"""Device and threads are chosen at the engine's label, kept for the next start, and change nothing of the session."""

import os

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from secateur.engine.events import Configured, DeviceOffer, EngineDied, EngineReady, Finished, Started
from secateur.engine.requests import Compress, Configure, DataSource
from secateur.model.device import NONE_HERE, TIMED_ON_CPU
from secateur.recipe.recipe import Recipe
from secateur.session.preferences import load_preferences

LEFT = Qt.MouseButton.LeftButton
CPU, GPU = DeviceOffer("cpu", "CPU"), DeviceOffer("cuda", "NVIDIA H100")


@pytest.fixture
def opened(shown, model, spectra):
    shown.open(model, spectra)
    shown.workspace.jobs.set_open(True)
    return shown


def ready(shown, *devices: DeviceOffer) -> None:
    shown.engine.say(EngineReady(devices[-1].title, 3, 1, devices))
    shown.until(lambda: shown.state.devices == devices)


def menu(shown) -> QMenu:
    """The menu as a click beside the engine's label opens it."""
    shown.qtbot.mouseClick(shown.find(QWidget, "engine_menu"), LEFT)
    return shown.find(QMenu, "engine_menu_list")


def choose(shown, found: QMenu, name: str) -> None:
    item = found.findChild(QAction, name)
    shown.qtbot.mouseClick(found, LEFT, pos=found.actionGeometry(item).center())


def words(found: QMenu) -> list[str]:
    return [item.text() for item in found.actions() if item.text() and not item.isEnabled()]


def test_where_there_is_no_gpu_the_menu_says_so(opened) -> None:
    ready(opened, CPU)
    found = menu(opened)
    assert NONE_HERE in words(found)
    assert TIMED_ON_CPU in words(found)
    assert found.findChild(QAction, "device_cpu").isChecked()
    found.close()


def test_a_gpu_is_used_where_there_is_one_and_the_cpu_can_be_chosen(opened) -> None:
    ready(opened, CPU, GPU)
    opened.session.choose_option(("conv1",), "int8")
    found = menu(opened)
    assert found.findChild(QAction, "device_auto").isChecked()
    assert found.findChild(QAction, "device_cuda") is not None
    assert NONE_HERE not in words(found)
    choose(opened, found, "device_cpu")
    assert opened.engine.asked(Configure) == [Configure("cpu", 0)]
    opened.engine.say(Finished(opened.engine.job_of(Configure), Configured("CPU", 3)))
    opened.until(lambda: opened.state.engine == "Engine: CPU, 3 threads")
    assert opened.state.model is not None
    assert opened.state.planned_layers == ("conv1",)
    assert opened.engine.restarts == 0
    again = menu(opened)
    assert again.findChild(QAction, "device_cpu").isChecked()
    choose(opened, again, "device_auto")
    assert opened.engine.asked(Configure)[-1] == Configure("auto", 0)


def test_threads_are_chosen_with_the_keys(opened) -> None:
    ready(opened, CPU)
    found = menu(opened)
    threads = found.findChild(QMenu, "engine_threads")
    found.setActiveAction(threads.menuAction())
    opened.qtbot.keyClick(found, Qt.Key.Key_Right)
    opened.until(threads.isVisible)
    threads.setActiveAction(threads.findChild(QAction, "threads_1"))
    opened.qtbot.keyClick(threads, Qt.Key.Key_Return)
    assert opened.engine.asked(Configure) == [Configure("auto", 1)]
    assert threads.findChild(QAction, f"threads_{os.cpu_count()}") is not None


def test_the_choice_is_there_at_the_next_start_and_after_the_engine_died(opened) -> None:
    ready(opened, CPU, GPU)
    choose(opened, menu(opened), "device_cpu")
    opened.engine.say(EngineDied("It ended.", ()))
    opened.until(lambda: not opened.state.engine_ready)
    ready(opened, CPU, GPU)
    assert opened.state.settings == Configure("cpu", 0)
    opened.window.closing.emit()
    assert load_preferences().device == "cpu"


def test_while_a_job_runs_it_says_that_the_change_counts_afterwards(opened, model) -> None:
    ready(opened, CPU)
    opened.engine.say(Started(500, Compress(model.source, DataSource("d.npz"), Recipe(), "r")))
    opened.until(lambda: opened.state.jobs)
    found = menu(opened)
    assert "A change counts once the running job is done." in words(found)
    found.close()
