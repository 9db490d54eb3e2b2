"""The menus of the layers panel: of a row, of a heading, and of the button that chooses columns."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from secateur.methods.offers import Option
from secateur.model.description import Layer
from secateur.recipe.options import OPTIONS
from secateur.ui.models.layer_table import COLUMNS, KEYS
from secateur.ui.models.layer_words import kind_word
from secateur.ui.panels.sensitivity_cells import is_option
from secateur.ui.widgets.why_not import set_why_not

if TYPE_CHECKING:
    from secateur.ui.panels.layers import LayersPanel

STEP = 16
"""Pixels by which a column becomes wider or narrower by key."""


def made_menu(parent: QWidget, name: str) -> QMenu:
    """An empty menu that shows tooltips, also of entries that cannot be chosen, and goes when it is closed."""
    menu = QMenu(parent)
    menu.setObjectName(name)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.setToolTipsVisible(True)
    return menu


def copy_text(text: str) -> None:
    QGuiApplication.clipboard().setText(text)


# ---------------------------------------------------------------------- a row


def row_menu(panel: "LayersPanel", section: int = 0, cell: tuple[str, str] = ("", "")) -> QMenu:
    """What can be done with the selected layers.

    `section` is the column below the mouse. `cell` is (option, value) where the mouse is on the heat map.
    """
    names = panel.selected()
    layers = [panel.table.layers[panel.table.row_of(name)] for name in names]
    many = len(names) > 1
    menu = made_menu(panel, "layer_menu")
    if cell[0]:
        _add_cell(menu, panel, layers, *cell)
    _add(menu, f"Copy {len(names)} names" if many else "Copy name", panel.copy_names, "copy_name")
    _add(menu, f"Copy {len(names)} rows\tCtrl+C" if many else "Copy row", panel.copy_rows, "copy_row")
    value = panel.table.text(layers[0], KEYS[section])
    if value and section and not many and not cell[0]:
        title = COLUMNS[section].title
        _add(menu, f"Copy {title[0].lower() + title[1:]}  {value}", lambda: copy_text(value), "copy_value")
    menu.addSeparator()
    _add(menu, "Select layers like this one\tCtrl+Shift+A", panel.select_alike, "select_alike")
    word = kind_word(layers[0])
    _add(menu, f"Show only {word} layers", lambda: panel.filter_box.setText(kind_filter(layers[0])), "filter_kind")
    menu.addSeparator()
    _add_plan(menu, panel, layers)
    add_keep(menu, panel, names)
    menu.addSeparator()
    _add(menu, "Show weights\tCtrl+1", lambda: panel.action_wanted.emit("tab_weights"), "show_weights")
    _add(menu, "Show in graph\tCtrl+4", lambda: panel.action_wanted.emit("tab_graph"), "show_in_graph")
    are_pinned = all(panel.order.is_pinned(name) for name in names)
    pin = _add(menu, "Unpin\tCtrl+P" if are_pinned else "Pin to the top\tCtrl+P", panel.toggle_pins, "pin")
    pin.setToolTip("A pinned layer stays above all others, whatever the table is sorted or filtered by")
    return menu


def kind_filter(layer: Layer) -> str:
    """What shows only the layers of this kind, typed into the filter box."""
    if layer.is_depthwise:
        return "depthwise"
    return f"kind={layer.kind.lower()}" + (" groups" if layer.groups > 1 else "")


def _add(menu: QMenu, text: str, call: Callable[[], object], name: str) -> QAction:
    entry = menu.addAction(text)
    entry.setObjectName(name)
    entry.triggered.connect(lambda _checked=False: call())
    return entry


def _add_cell(menu: QMenu, panel: "LayersPanel", layers: list[Layer], option_id: str, value: str) -> None:
    option = next(option for option in OPTIONS if option.id == option_id)
    target = f"{len(layers)} layers" if len(layers) > 1 else "this layer"
    entry = _add(menu, f"Plan {option.words} for {target}", partial(_choose, panel, layers, option), "plan_cell")
    set_why_not(entry, _why_not(layers, option))
    if value:
        _add(menu, f"Copy damage  {value}", lambda: copy_text(value), "copy_value")
    menu.addSeparator()


def add_keep(menu: QMenu, panel: "LayersPanel", names: Sequence[str]) -> None:
    """What lets the budget leave these layers as they are planned, or choose for them again."""
    are_kept = panel.state.kept.issuperset(names)
    words = "Let the budget choose" if are_kept else "Keep this choice" if not names[1:] else "Keep these choices"
    entry = _add(menu, f"{words}\tK", lambda: panel.action_wanted.emit("keep"), "keep")
    entry.setToolTip("The budget leaves a layer whose choice is kept as it is planned, in float too")


def _add_plan(menu: QMenu, panel: "LayersPanel", layers: list[Layer]) -> None:
    plan = menu.addMenu("Plan")
    plan.setObjectName("plan_menu")
    plan.setToolTipsVisible(True)
    steps = [panel.state.steps_of(layer.name) for layer in layers]
    for option in OPTIONS:
        entry = _add(plan, option.words, partial(_choose, panel, layers, option), f"plan_{option.id}")
        entry.setCheckable(True)
        entry.setChecked(all(any(is_option(option, method) for method in methods) for methods in steps))
        set_why_not(entry, _why_not(layers, option))
    plan.addSeparator()
    back = _add(plan, "Back to float\tDel", lambda: panel.action_wanted.emit("float"), "plan_float")
    set_why_not(
        back, "" if any(steps) else "Nothing is planned for " + ("these layers." if layers[1:] else "this layer.")
    )


def _choose(panel: "LayersPanel", layers: list[Layer], option: Option) -> None:
    panel.option_wanted.emit([row.name for row in layers if option.method.supports(row) is None], option.id)


def _why_not(layers: list[Layer], option: Option) -> str:
    """Why none of these layers can have an option; empty where one can."""
    reasons = [option.method.supports(layer) for layer in layers]
    return "" if None in reasons else next((reason for reason in reasons if reason), "")


# ---------------------------------------------------------------------- headings and columns


def heading_menu(panel: "LayersPanel", section: int) -> QMenu:
    """What can be done with one column."""
    menu = made_menu(panel, "heading_menu")
    _add_column(menu, panel, section)
    menu.addSeparator()
    _add_choice(menu.addMenu("Columns"), panel)
    _add_all(menu, panel)
    return menu


def columns_menu(panel: "LayersPanel") -> QMenu:
    """Which columns are shown, how wide and in what order: all that the mouse can do in the heading, by key."""
    menu = made_menu(panel, "columns_menu")
    _add_choice(menu, panel)
    menu.addSeparator()
    arrange = menu.addMenu("Arrange")
    arrange.setObjectName("arrange_menu")
    for key in panel.shown_columns:
        one = arrange.addMenu(COLUMNS[KEYS.index(key)].title)
        one.setObjectName(f"arrange_{key}")
        one.setToolTipsVisible(True)
        _add_column(one, panel, KEYS.index(key))
    _add_all(menu, panel)
    return menu


def _add_choice(menu: QMenu, panel: "LayersPanel") -> None:
    menu.setToolTipsVisible(True)
    for column in COLUMNS[1:]:
        entry = menu.addAction(column.title)
        entry.setObjectName(f"column_{column.key}")
        entry.setCheckable(True)
        entry.setChecked(column.key in panel.shown_columns)
        entry.setToolTip(column.tooltip)
        entry.toggled.connect(lambda on, key=column.key: panel.choose_column(key, on))


def _add_column(menu: QMenu, panel: "LayersPanel", section: int) -> None:
    column, view = COLUMNS[section], panel.view
    is_name = column.paint in {"name", "text"}
    up, down = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
    words = ("A to Z", "Z to A") if is_name else ("Smallest first", "Largest first")
    order = ((words[0], up), (words[1], down)) if is_name else ((words[1], down), (words[0], up))
    for text, direction in order:
        _add(menu, text, partial(view.sort_by, section, direction), f"sort_{direction.name}")
    unsorted = _add(menu, "Network order", lambda: view.sort_by(-1), "sort_network")
    set_why_not(unsorted, "" if view.sorted_by else "The table is in network order.")
    menu.addSeparator()
    _add(menu, "Fit to contents", lambda: view.fit_column(section), "fit_column")
    width = view.columnWidth(section)
    _add(menu, "Wider", lambda: view.set_own_width(column.key, width + STEP), "wider")
    _add(menu, "Narrower", lambda: view.set_own_width(column.key, max(width - STEP, 24)), "narrower")
    place = panel.shown_columns.index(column.key)
    first = "The names of the layers stay at the left."
    left = _add(menu, "Move left", lambda: panel.move_column(column.key, -1), "move_left")
    set_why_not(left, first if place < 2 else "")
    right = _add(menu, "Move right", lambda: panel.move_column(column.key, 1), "move_right")
    last = "It is the last column." if place == len(panel.shown_columns) - 1 else ""
    set_why_not(right, first if place == 0 else last)
    menu.addSeparator()
    _add(menu, "Copy column", lambda: copy_text(panel.column_text(column.key)), "copy_column")
    hide = _add(menu, f"Hide {column.title}", lambda: panel.choose_column(column.key, False), "hide_column")
    set_why_not(hide, "A layer without its name could not be told from the others." if section == 0 else "")


def _add_all(menu: QMenu, panel: "LayersPanel") -> None:
    fit = _add(menu, "Fit all columns", panel.forget_own_widths, "fit_all")
    set_why_not(fit, "" if panel.view.own_widths else "All columns are as wide as their contents ask for.")
    _add(menu, "Original columns", panel.columns_reset.emit, "reset_columns")
