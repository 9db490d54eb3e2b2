"""The layers panel: filter box, table of layers, totals. It tells which layers are selected and what keys want."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPoint,
    QSignalBlocker,
    Qt,
    Signal,
)
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from secateur.errors import UserError
from secateur.model.description import Layer
from secateur.session.state import SessionState
from secateur.ui.models.layer_filter import parse_filter
from secateur.ui.models.layer_order import LayerOrder
from secateur.ui.models.layer_table import KEYS, LayerTable
from secateur.ui.naming import named
from secateur.ui.panels.layer_menus import columns_menu, heading_menu, made_menu, row_menu
from secateur.ui.panels.layer_rows import ROW_HEIGHT
from secateur.ui.panels.layer_totals import TotalsRow
from secateur.ui.panels.layer_view import LayerView
from secateur.ui.panels.shown_rows import ShownRows
from secateur.ui.theme.style import icon, metrics
from secateur.ui.widgets.icon_button import IconButton
from secateur.ui.widgets.no_match import NoMatch

FILTER_HINTS: tuple[tuple[str, str], ...] = (
    ("Planned", "planned"),
    ("Not planned", "not planned"),
    ("Choice kept", "kept"),
    ("Convolutions", "kind=conv*"),
    ("Depthwise convolutions", "depthwise"),
    ("Linear layers", "kind=linear"),
    ("Larger than 50 kB", "size>50k"),
    ("Fewer than 10,000 parameters", "params<10k"),
    ("More than a million MACs", "macs>1M"),
    ("Slower than 0.1 ms", "ms>0.1"),
)


PLACEHOLDERS = ("Filter layers   name, kind, size>50k", "Filter layers   name, kind", "Filter layers")
FILTER_CHROME = 72
"""Pixels that icon, clear button and paddings take from the filter box."""


class LayersPanel(QWidget):
    """Shows the layers of the open model; selection and sort order survive every change of the state.

    `columns_chosen(keys)` in the order shown, `widths_chosen(widths)`, `columns_reset()` and `pins_chosen(names)` are
    what is to be remembered. `rows_changed(ShownRows)`; `action_wanted(id)`; `option_wanted(layers, option)`.
    """

    shows: ClassVar[frozenset[str]] = frozenset({"kept", "model", "recipe", "spectra", "view"})

    selection_changed = Signal(list)
    columns_chosen = Signal(list)
    widths_chosen = Signal(dict)
    columns_reset = Signal()
    pins_chosen = Signal(list)
    rows_changed = Signal(object)
    action_wanted = Signal(str)
    option_wanted = Signal(list, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layers")
        self.setAccessibleName("Layers")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(276)
        self.table = LayerTable(self)
        self.order = LayerOrder(self.table, self)
        self.view = LayerView(self.table, self.order, self)
        self.totals = TotalsRow(self.view, self)
        self.filter_box = self._make_filter_box()
        self.problem = named(QLabel(self, wordWrap=True), "filter_problem")
        self.problem.hide()
        self.problem.setProperty("tone", "negative")
        self.problem.setContentsMargins(12, 0, 12, 6)
        self.columns_button = IconButton("columns", "Choose the columns of this tab")
        self.columns_button.setObjectName("columns_button")
        self.columns_button.setAccessibleName("Columns")
        self.columns_button.clicked.connect(self._open_columns_menu)
        self.state = SessionState()
        self.shown_rows = ShownRows()
        self.no_match = NoMatch("no_layer_matches", self.view.viewport())
        self.no_match.clear_wanted.connect(self.clear_filter)
        self._assemble()
        self._selected: tuple[str, ...] = ()
        self._pinned: tuple[str, ...] = ()
        self._connect()

    def _connect(self) -> None:
        selection, view = self.view.selectionModel(), self.view
        selection.selectionChanged.connect(self._on_selection)
        selection.currentRowChanged.connect(self._on_current)
        self.order.rearranged.connect(self._on_rearranged)
        view.columns_moved.connect(self.columns_chosen)
        view.widths_chosen.connect(self.widths_chosen)
        view.menu_wanted.connect(lambda section, place: self.open_menu(place, section))
        view.heading_menu_wanted.connect(lambda section, place: heading_menu(self, section).popup(place))

    def _make_filter_box(self) -> QLineEdit:
        box = named(QLineEdit(self), "layer_filter")
        box.setAccessibleName("Filter layers")
        box.setToolTip("Show only some layers: a name, a kind, planned, size>50k, params<1M")
        box.setClearButtonEnabled(True)
        box.addAction(icon("find"), QLineEdit.ActionPosition.LeadingPosition)
        box.textChanged.connect(self._apply_filter)
        box.installEventFilter(self)
        return box

    def _assemble(self) -> None:
        hints = IconButton("funnel", "Examples of filters")
        hints.setObjectName("filter_hints")
        hints.setAccessibleName("Filter examples")
        hints.clicked.connect(lambda: self._open_hints_menu(hints))
        row = QHBoxLayout()
        row.setContentsMargins(8, 6, 8, 6)
        row.setSpacing(4)
        row.addWidget(self.filter_box, 1)
        row.addWidget(hints)
        row.addWidget(self.columns_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(row)
        layout.addWidget(self.problem)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.totals)

    # ------------------------------------------------------------------ state in

    def show_state(self, state: SessionState) -> None:
        """Rows, badges and totals of `state`; the first layer is selected when a network arrives."""
        self.state = state
        before, known = self.table.names, self.table.has_times
        if not self.table.show_state(state):
            return
        if before != self.table.names:
            self.view.forget_widths()
            if self.order.rowCount():
                self.view.selectRow(0)
            else:
                self._on_selection()
        elif known != self.table.has_times:
            self.view.measure_anew("ms")
        self._show_totals()
        self.view.viewport().update()

    def _show_totals(self) -> None:
        self.totals.show_layers(self.visible_layers(), len(self.table.layers), self.table.is_planned)

    def set_columns(self, keys: Sequence[str], widths: Mapping[str, int] | None = None) -> None:
        """Show these columns in this order, at these widths where there are some; layer is always the first."""
        known = [key for key in dict.fromkeys(keys) if key in KEYS and key != "layer"]
        self.view.show_columns(("layer", *known), widths or {})
        self.totals.update()

    @property
    def shown_columns(self) -> tuple[str, ...]:
        return self.view.shown_columns

    # ------------------------------------------------------------------ selection

    def selected(self) -> tuple[str, ...]:
        """Names of the selected layers: the current one first, then network order."""
        return self._selected

    def select(self, names: Sequence[str]) -> None:
        """Select these layers (those that the filter hides are left out) and scroll to the first."""
        places = [self.order.mapFromSource(self.table.index(self.table.row_of(n), 0)).row() for n in names]
        visible = [place for place in places if place >= 0]
        if visible:
            self._select_places(visible)
            self._on_selection()
            self.view.scrollTo(self.order.index(visible[0], 0))

    def _select_places(self, places: Sequence[int]) -> None:
        """Select the rows at these places, the first of them the current one; nothing is emitted."""
        model, flags = self.view.selectionModel(), QItemSelectionModel.SelectionFlag
        chosen, ordered, start = QItemSelection(), sorted(places), 0
        for n in range(1, len(ordered) + 1):  # one range for neighbours: Qt looks through all ranges for each row
            if n == len(ordered) or ordered[n] != ordered[n - 1] + 1:
                chosen.select(self.order.index(ordered[start], 0), self.order.index(ordered[n - 1], len(KEYS) - 1))
                start = n
        with QSignalBlocker(model):
            model.setCurrentIndex(self.order.index(places[0], 0), flags.NoUpdate)
            model.select(chosen, flags.ClearAndSelect | flags.Rows)
        self.view.viewport().update()

    def select_alike(self) -> None:
        """Add the layers of the same kind, kernel and weight shape as the current one."""
        if not self._selected:
            return
        first = self.table.layers[self.table.row_of(self._selected[0])]
        alike = [layer.name for layer in self.visible_layers() if _signature(layer) == _signature(first)]
        self.select([first.name, *(name for name in alike if name != first.name)])

    def visible_layers(self) -> list[Layer]:
        """Layers that pass the filter, in the order shown."""
        return [self.table.layers[row] for row in self.order.rows]

    def _on_current(self, _current: QModelIndex, _previous: QModelIndex) -> None:
        self._on_selection()

    def _on_selection(self, *_changes: QItemSelection) -> None:
        model = self.view.selectionModel()
        rows = {self.order.mapToSource(index).row() for index in model.selectedRows()}
        current = self.order.mapToSource(model.currentIndex()).row()
        ordered = sorted(rows, key=lambda row: (row != current, row))
        names = tuple(self.table.layers[row].name for row in ordered)
        if names != self._selected:
            self._selected = names
            self.selection_changed.emit(list(names))

    def _on_rearranged(self) -> None:
        """Other rows, or the same ones elsewhere: what was selected is selected again, as far as it is there."""
        places = [self.order.mapFromSource(self.table.index(self.table.row_of(n), 0)).row() for n in self._selected]
        visible = [place for place in places if place >= 0]
        if visible:
            self._select_places(visible)
        self._on_selection()
        self.totals.update()
        self._tell_rows()

    def _tell_rows(self) -> None:
        """Say which rows are shown, where that is news."""
        names, is_pinned = self.table.names, self.order.is_pinned
        pinned = [name for name in names if is_pinned(name)] if self._pinned else []
        rest = [names[row] for row in sorted(self.order.rows) if not pinned or not is_pinned(names[row])]
        text = self.filter_box.text().strip() if self.problem.isHidden() else ""
        rows = ShownRows((*pinned, *rest), tuple(pinned), text, bool(names) and not self.order.matching)
        self.no_match.show_filter(text if rows.is_empty else "", len(pinned) * ROW_HEIGHT)
        if rows != self.shown_rows:
            self.shown_rows = rows
            self.rows_changed.emit(rows)

    # ------------------------------------------------------------------ filter

    def _apply_filter(self, text: str) -> None:
        try:
            predicate = parse_filter(text) if text.strip() else None
        except UserError as error:
            self.problem.setText(str(error))
            self.problem.show()
            return
        self.problem.hide()
        self.order.set_predicate(predicate)
        self._show_totals()
        current = self.view.currentIndex()
        if current.isValid():
            self.view.scrollTo(current)

    def clear_filter(self) -> None:
        """All layers again, and the keyboard in the box."""
        self.filter_box.clear()
        self.filter_box.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """↓ and Return in the filter box go into the table; what it says when empty is as long as there is room."""
        into = (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.type() == QEvent.Type.Resize:
            room = self.filter_box.width() - FILTER_CHROME
            fitting = (text for text in PLACEHOLDERS if metrics(12).horizontalAdvance(text) <= room)
            self.filter_box.setPlaceholderText(next(fitting, PLACEHOLDERS[-1]))
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in into:
            if self.order.rowCount():
                self.view.setFocus(Qt.FocusReason.TabFocusReason)
                if not self._selected:
                    self.view.selectRow(0)
            return True
        return super().eventFilter(watched, event)

    def _open_hints_menu(self, button: QWidget) -> None:
        menu = made_menu(self, "filter_menu")
        menu.addAction("All layers", self.filter_box.clear)
        menu.addSeparator()
        for title, text in FILTER_HINTS:
            entry = menu.addAction(f"{title}\t{text}")
            entry.triggered.connect(lambda _checked=False, t=text: self.filter_box.setText(t))
        menu.popup(button.mapToGlobal(button.rect().bottomLeft()))

    # ------------------------------------------------------------------ pins, menus

    def set_pinned(self, names: Sequence[str]) -> None:
        """Keep these layers at the top; nothing is emitted to be remembered."""
        if tuple(names) != self._pinned:
            had = self.order.pinned_count > 0
            self._pinned = tuple(names)
            self.order.set_pinned(names)
            self._show_totals()
            if had != (self.order.pinned_count > 0):
                self.view.make_room()

    def toggle_pins(self) -> None:
        """Pin the selected layers; where all of them are, unpin them."""
        chosen = self._selected
        if not chosen:
            return
        if all(name in self._pinned for name in chosen):
            names = [name for name in self._pinned if name not in chosen]
        else:
            names = [*self._pinned, *(name for name in chosen if name not in self._pinned)]
        self.set_pinned(names)
        self.view.scrollTo(self.view.currentIndex())
        self.pins_chosen.emit(names)

    def open_menu(self, place: QPoint, section: int = 0, cell: tuple[str, str] = ("", "")) -> None:
        """The menu of the selected layers; see `row_menu`."""
        if self._selected:
            row_menu(self, section, cell).popup(place)

    # ------------------------------------------------------------------ columns

    def _open_columns_menu(self) -> None:
        columns_menu(self).popup(self.columns_button.mapToGlobal(self.columns_button.rect().bottomLeft()))

    def choose_column(self, key: str, on: bool) -> None:
        """Show or hide a column; one that comes back stands behind the nearest of those before it."""
        chosen = [k for k in self.shown_columns if k != key]
        if on:
            before = [place for place, k in enumerate(chosen) if KEYS.index(k) < KEYS.index(key)]
            chosen.insert(max(before, default=0) + 1, key)
        self._take_columns(chosen)

    def move_column(self, key: str, step: int) -> None:
        """Move a column by one place; the names of the layers stay first."""
        chosen = list(self.shown_columns)
        place = chosen.index(key)
        chosen.insert(max(place + step, 1), chosen.pop(place))
        self._take_columns(chosen)

    def _take_columns(self, keys: Sequence[str]) -> None:
        self.set_columns(keys, self.view.own_widths)
        self.columns_chosen.emit(list(self.shown_columns))

    def forget_own_widths(self) -> None:
        """Every column as wide as its contents ask for."""
        self.view.set_own_widths({})
        self.widths_chosen.emit({})

    # ------------------------------------------------------------------ copy

    def to_csv(self, *, only_selected: bool = False) -> str:
        """The selected rows (all visible ones where fewer than two are selected) as CSV with a header, raw numbers."""
        chosen = set(self._selected) if only_selected or len(self._selected) > 1 else set()
        lines = ["layer,kind,shape,params,macs,size_bytes,latency_ms,zeros,plan"]
        for layer in self.visible_layers():
            if chosen and layer.name not in chosen:
                continue
            facts = self.table.facts[self.table.row_of(layer.name)]
            shape = "x".join(str(n) for n in layer.weight.shape) if layer.weight else ""
            cells = [layer.name, layer.kind, shape, layer.params, layer.macs, layer.size_bytes]
            cells += ["" if v is None else f"{v:.6g}" for v in (layer.latency_ms, facts.zeros)]
            lines.append(",".join(_quoted(str(cell)) for cell in [*cells, " + ".join(facts.badges) or "float"]))
        return "\n".join(lines) + "\n"

    def copy_csv(self) -> None:
        QGuiApplication.clipboard().setText(self.to_csv())

    def copy_rows(self) -> None:
        QGuiApplication.clipboard().setText(self.to_csv(only_selected=True))

    def copy_names(self) -> None:
        """The selected layers' names, one a line, in the order shown."""
        chosen = set(self._selected)
        names = [layer.name for layer in self.visible_layers() if layer.name in chosen]
        QGuiApplication.clipboard().setText("\n".join(names))

    def column_text(self, key: str) -> str:
        """A column of the rows shown as it reads, each behind its layer's name and a tab."""
        texts = ((layer.name, self.table.text(layer, key)) for layer in self.visible_layers())
        return "".join(f"{name}\n" if key == "layer" else f"{name}\t{text}\n" for name, text in texts)


def _signature(layer: Layer) -> tuple[object, ...]:
    return (layer.kind, layer.kernel, layer.groups, layer.weight.shape if layer.weight else ())


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(sign in cell for sign in ',"\n') else cell
