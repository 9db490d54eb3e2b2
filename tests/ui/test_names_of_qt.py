"""No attribute of ours hides a method of Qt: Qt calls its virtual ones by name, and finds a widget in their place."""

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Iterator
from types import ModuleType

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QComboBox, QWidget

from secateur import ui

NEEDS_WEB_ENGINE = "secateur.ui.netron"


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(ui.__path__, "secateur.ui."):
        if not found.name.startswith(NEEDS_WEB_ENGINE):
            yield importlib.import_module(found.name)


def hidden_in(kind: type) -> set[str]:
    """Names that Qt's classes have, and that a class of ours sets on `self`."""
    of_qt = {name for base in kind.__mro__ if base.__module__.startswith("PySide6") for name in vars(base)}
    places = ast.walk(ast.parse(textwrap.dedent(inspect.getsource(kind))))
    return of_qt & {
        place.attr
        for place in places
        if isinstance(place, ast.Attribute)
        and isinstance(place.ctx, ast.Store)
        and isinstance(place.value, ast.Name)
        and place.value.id == "self"
    }


class Hiding(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.metric = QComboBox()  # QPaintDevice.metric(), which every painter of the widget calls
        self.task = QComboBox()


def test_the_check_sees_a_name_that_is_hidden() -> None:
    assert hidden_in(Hiding) == {"metric"}


def test_no_attribute_hides_a_method_of_qt() -> None:
    ours = [
        kind
        for module in modules()
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, QObject) and kind.__module__ == module.__name__
    ]
    assert len(ours) > 100
    assert {kind.__name__: names for kind in ours if (names := hidden_in(kind))} == {}
