"""The menu of the engine: what it computes on, with how many threads, and what that does not touch."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from secateur.engine.requests import Configure
from secateur.model.device import NONE_HERE, TIMED_ON_CPU, DeviceChoice

if TYPE_CHECKING:
    from secateur.session.state import SessionState

_CHOICES: dict[str, DeviceChoice] = {"cpu": "cpu", "cuda": "cuda", "mps": "mps"}


def engine_menu(state: "SessionState", choose: Callable[[Configure], None], parent: QWidget) -> QMenu:
    """A menu that calls `choose` with the settings that a person wants; `state` has those in use."""
    menu = QMenu(parent)
    menu.setObjectName("engine_menu_list")
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    settings = state.settings
    _say(menu, "Train, measure and simulate on")
    group = QActionGroup(menu)
    has_gpu = any(offer.id != "cpu" for offer in state.devices)
    chosen = _in_use(state)
    if has_gpu:
        usual = _item(menu, group, "device_auto", "A CUDA GPU where there is one", checked=settings.device == "auto")
        usual.triggered.connect(lambda _on=False: choose(replace(settings, device="auto")))
    for offer in state.devices:
        checked = offer.id == chosen and not (has_gpu and settings.device == "auto")
        item = _item(menu, group, f"device_{offer.id}", offer.title, checked=checked)
        item.triggered.connect(lambda _on=False, name=offer.id: choose(replace(settings, device=_CHOICES[name])))
    if not state.devices:
        _say(menu, "The engine is still starting.")
    elif not has_gpu:
        _say(menu, NONE_HERE)
    menu.addSeparator()
    threads = menu.addMenu("Threads")
    threads.setObjectName("engine_threads")
    group = QActionGroup(threads)
    cores = os.cpu_count() or 1
    usual = _item(threads, group, "threads_0", f"All but one for the window ({max(1, cores - 1)})",
                  checked=settings.threads == 0)  # fmt: skip
    usual.triggered.connect(lambda _on=False: choose(replace(settings, threads=0)))
    for count in sorted({1, settings.threads or 1, *(2**power for power in range(1, 8) if 2**power < cores), cores}):
        item = _item(threads, group, f"threads_{count}", str(count), checked=settings.threads == count)
        item.triggered.connect(lambda _on=False, count=count: choose(replace(settings, threads=count)))
    menu.addSeparator()
    _say(menu, TIMED_ON_CPU)
    if state.jobs:
        _say(menu, "A change counts once the running job is done.")
    return menu


def _in_use(state: "SessionState") -> str:
    """The id of the device in use: what is automatic is a CUDA GPU where there is one."""
    known = {offer.id for offer in state.devices}
    wanted = "cuda" if state.settings.device == "auto" else state.settings.device
    return wanted if wanted in known else "cpu"


def _item(menu: QMenu, group: QActionGroup, name: str, text: str, *, checked: bool) -> QAction:
    item = menu.addAction(text)
    item.setObjectName(name)
    item.setCheckable(True)
    item.setChecked(checked)
    group.addAction(item)
    return item


def _say(menu: QMenu, text: str) -> None:
    """A line that is read, not chosen."""
    item = menu.addAction(text)
    item.setEnabled(False)
