"""The layers panel: filter box, table of layers, totals. It tells which layers are selected and what keys want."""

from collections.abc import Sequence

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QMenu, QVBoxLayout, QWidget

from secateur.errors import UserError
from secateur.model.description import Layer
from secateur.session.state import SessionState
from secateur.ui.models.layer_filter import parse_filter
from secateur.ui.models.layer_table import COLUMNS, KEYS, LayerOrder, LayerTable
from secateur.ui.naming import named
from secateur.ui.panels.layer_view import LayerView, TotalsRow
from secateur.ui.theme.style import icon
from secateur.ui.widgets.icon_button import IconButton

FILTER_HINTS: tuple[tuple[str, str], ...] = (
    ("Planned", "planned"),
    ("Not planned", "not planned"),
    ("Convolutions", "kind=conv*"),
    ("Linear layers", "kind=linear"),
    ("Larger than 50 kB", "size>50k"),
    ("Fewer than 10,000 parameters", "params<10k"),
    ("More than a million MACs", "macs>1M"),
    ("Slower than 0.1 ms", "ms>0.1"),
)


class LayersPanel(QWidget):
    """Shows the layers of the open model; selection and sort order survive every change of the state."""

    selection_changed = Signal(list)
    columns_chosen = Signal(list)

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
        self._assemble()
        self._shown: tuple[str, ...] = ()
        self._selected: tuple[str, ...] = ()
        selection = self.view.selectionModel()
        selection.selectionChanged.connect(self._on_selection)
        selection.currentRowChanged.connect(self._on_current)

    def _make_filter_box(self) -> QLineEdit:
        box = named(QLineEdit(self, placeholderText="Filter layers   name, kind, size>50k"), "layer_filter")
        box.setAccessibleName("Filter layers")
        box.setToolTip("Show only some layers: a name, a kind, planned, size>50k, params<1M")
        box.setClearButtonEnabled(True)
        box.addAction(icon("find"), QLineEdit.ActionPosition.LeadingPosition)
        box.textChanged.connect(self._apply_filter)
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
        before, known = self.table.layers, self.table.has_times
        if not self.table.show_state(state):
            return
        if [layer.name for layer in before] != [layer.name for layer in self.table.layers]:
            self.view.forget_widths()
            if self.order.rowCount():
                self.view.selectRow(0)
            else:
                self._on_selection()
        elif known != self.table.has_times:
            self.view.forget_widths()
        self.totals.show_layers(self.visible_layers(), len(self.table.layers), self.table.is_planned)
        self.view.viewport().update()

    def set_columns(self, keys: Sequence[str]) -> None:
        """Show these columns, in the table's own order; layer is always there."""
        self._shown = tuple(key for key in KEYS if key in keys or key == "layer")
        for section, key in enumerate(KEYS):
            self.view.setColumnHidden(section, key not in self._shown)
        self.view.fit_columns()
        self.totals.update()

    @property
    def shown_columns(self) -> tuple[str, ...]:
        return self._shown

    # ------------------------------------------------------------------ selection

    def selected(self) -> tuple[str, ...]:
        """Names of the selected layers: the current one first, then network order."""
        return self._selected

    def select(self, names: Sequence[str]) -> None:
        """Select these layers (those that the filter hides are left out) and scroll to the first."""
        chosen = QItemSelection()
        indexes = [self.order.mapFromSource(self.table.index(self.table.row_of(n), 0)) for n in names]
        visible = [index for index in indexes if index.isValid()]
        if not visible:
            return
        for index in visible:
            chosen.select(index, index)
        model = self.view.selectionModel()
        flags = QItemSelectionModel.SelectionFlag
        with QSignalBlocker(model):
            model.setCurrentIndex(visible[0], flags.NoUpdate)
        model.select(chosen, flags.ClearAndSelect | flags.Rows)
        self._on_selection()
        self.view.viewport().update()
        self.view.scrollTo(visible[0])

    def select_alike(self) -> None:
        """Add the layers of the same kind, kernel and weight shape as the current one."""
        if not self._selected:
            return
        first = self.table.layers[self.table.row_of(self._selected[0])]
        alike = [layer.name for layer in self.visible_layers() if _signature(layer) == _signature(first)]
        self.select([first.name, *(name for name in alike if name != first.name)])

    def visible_layers(self) -> list[Layer]:
        """Layers that pass the filter, in the order shown."""
        rows = range(self.order.rowCount())
        return [self.table.layers[self.order.mapToSource(self.order.index(r, 0)).row()] for r in rows]

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

    # ------------------------------------------------------------------ filter, columns, copy

    def _apply_filter(self, text: str) -> None:
        try:
            predicate = parse_filter(text)
        except UserError as error:
            self.problem.setText(str(error))
            self.problem.show()
            return
        self.problem.hide()
        self.order.set_predicate(predicate)
        self.totals.show_layers(self.visible_layers(), len(self.table.layers), self.table.is_planned)
        self.view.set_empty_text(
            "" if self.order.rowCount() or not self.table.layers else f"No layer matches {text!r}."
        )

    def _open_hints_menu(self, button: QWidget) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("All layers", self.filter_box.clear)
        menu.addSeparator()
        for title, text in FILTER_HINTS:
            entry = menu.addAction(f"{title}\t{text}")
            entry.triggered.connect(lambda _checked=False, t=text: self.filter_box.setText(t))
        menu.popup(button.mapToGlobal(button.rect().bottomLeft()))

    def _open_columns_menu(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for column in COLUMNS[1:]:
            entry = QAction(column.title, menu, checkable=True, checked=column.key in self._shown)
            entry.setToolTip(column.tooltip)
            entry.toggled.connect(lambda on, key=column.key: self._choose_column(key, on))
            menu.addAction(entry)
        menu.popup(self.columns_button.mapToGlobal(self.columns_button.rect().bottomLeft()))

    def _choose_column(self, key: str, on: bool) -> None:
        chosen = [k for k in KEYS if (k == key and on) or (k != key and k in self._shown)]
        self.set_columns(chosen)
        self.columns_chosen.emit(list(self._shown))

    def to_csv(self) -> str:
        """The selected rows (all visible ones where fewer than two are selected) as CSV with a header, raw numbers."""
        chosen = set(self._selected) if len(self._selected) > 1 else set()
        lines = ["layer,kind,shape,params,macs,size_bytes,latency_ms,zeros,plan"]
        for layer in self.visible_layers():
            if chosen and layer.name not in chosen:
                continue
            facts = self.table.facts(self.table.row_of(layer.name))
            shape = "x".join(str(n) for n in layer.weight.shape) if layer.weight else ""
            cells = [layer.name, layer.kind, shape, layer.params, layer.macs, layer.size_bytes]
            cells += ["" if v is None else f"{v:.6g}" for v in (layer.latency_ms, facts.zeros)]
            lines.append(",".join(_quoted(str(cell)) for cell in [*cells, " + ".join(facts.badges) or "float"]))
        return "\n".join(lines) + "\n"

    def copy_csv(self) -> None:
        QGuiApplication.clipboard().setText(self.to_csv())


def _signature(layer: Layer) -> tuple[object, ...]:
    return (layer.kind, layer.kernel, layer.groups, layer.weight.shape if layer.weight else ())


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(sign in cell for sign in ',"\n') else cell
