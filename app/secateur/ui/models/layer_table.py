"""The layer table's model: ready strings, numbers to sort by, and 24-bin arrays. It draws nothing.

One model lives as long as the window. A new state updates rows in place, so that selection, scroll position
and sort order survive; only another network resets it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from secateur import figures
from secateur.methods.base import Method
from secateur.model.description import Layer
from secateur.model.spectrum import Spectra
from secateur.recipe.recipe import Recipe
from secateur.session.state import SessionState
from secateur.ui.models.layer_filter import LayerFacts
from secateur.ui.models.layer_words import kind_phrase, kind_word
from secateur.ui.widgets.badges import Badge

Index = QModelIndex | QPersistentModelIndex

BINS = 24
FLOAT_BADGE: Badge = ("float", "float")


class Column(NamedTuple):
    """`paint` is how a row draws it: name, text, number, bar (number on a data bar), bins or badges."""

    key: str
    title: str
    paint: str
    tooltip: str


class RowContent(NamedTuple):
    """All that one row shows: by column a text and the length of a data bar (0..1); 24 bins; badges; a lock."""

    texts: tuple[str, ...]
    shares: tuple[float, ...]
    bins: NDArray[np.float32] | None
    badges: tuple[Badge, ...]
    is_kept: bool = False
    """Whether a person keeps what is planned for the layer."""


COLUMNS: tuple[Column, ...] = (
    Column("layer", "Layer", "name", "The layer's name in the file"),
    Column("kind", "Kind", "text", "What the layer computes"),
    Column("shape", "Shape", "text", "Shape of the weight, output channels first"),
    Column("params", "Params", "number", "Parameters, bias included"),
    Column("macs", "MACs", "number", "Multiply-accumulates for one sample"),
    Column("size", "Size", "bar", "Bytes of the stored parameters"),
    Column("ms", "ms", "bar", "Milliseconds for one sample, measured here"),
    Column("weights", "Weights", "bins", "Distribution of the weights, square-root scale"),
    Column("zeros", "Zeros", "number", "Share of the weights that are exactly zero"),
    Column("plan", "Plan", "badges", "What the plan does to this layer"),
)
KEYS: tuple[str, ...] = tuple(column.key for column in COLUMNS)


class LayerTable(QAbstractTableModel):
    """Rows are the convolutions and linear layers of the open model, in network order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers: tuple[Layer, ...] = ()
        self._names: tuple[str, ...] = ()
        self._rows: dict[str, int] = {}
        self._facts: list[LayerFacts] | None = None
        self._model: object = None
        self._recipe = Recipe()
        self._spectra: Mapping[str, Spectra] = {}
        self._badges: dict[str, tuple[Badge, ...]] = {}
        self._kept: frozenset[str] = frozenset()
        self._bins: dict[str, tuple[Spectra, NDArray[np.float32]]] = {}
        self._largest = {"size": 1.0, "ms": 1.0}

    # ------------------------------------------------------------------ state

    def show_state(self, state: SessionState) -> bool:
        """Take over what changed: rows of the same network are updated, never rebuilt. Whether anything did."""
        shown = (self._model, self._recipe, self._spectra, self._kept)
        if state.model is not self._model:
            self._take_model(state)
        if state.recipe is not self._recipe:
            self._take_recipe(state.recipe)
        if state.spectra is not self._spectra:
            self._spectra, self._facts = state.spectra, None
            self._emit_changed(0, len(self._layers) - 1, "weights", "zeros")
        if state.kept != self._kept:
            self._kept, self._facts = state.kept, None
            self._emit_changed(0, len(self._layers) - 1, "plan", "plan")
        now = (self._model, self._recipe, self._spectra, self._kept)
        return any(a is not b for a, b in zip(shown, now, strict=True))

    def _take_model(self, state: SessionState) -> None:
        rows = state.rows
        names = tuple(layer.name for layer in rows)
        same = names == self._names
        if not same:
            self.beginResetModel()
        self._model, self._layers, self._names = state.model, rows, names
        self._rows, self._facts = {name: row for row, name in enumerate(names)}, None
        self._largest = {
            "size": max((layer.size_bytes for layer in rows), default=1) or 1,
            "ms": max((layer.latency_ms or 0.0 for layer in rows), default=1.0) or 1.0,
        }
        if same:
            self._emit_changed(0, len(rows) - 1, KEYS[0], KEYS[-1])
            return
        self._spectra, self._bins, self._recipe, self._badges, self._facts = {}, {}, Recipe(), {}, None
        self.endResetModel()

    def _take_recipe(self, recipe: Recipe) -> None:
        self._recipe = recipe
        badges = planned_badges(recipe, self._names)
        changed = [
            row for row, layer in enumerate(self._layers) if badges.get(layer.name) != self._badges.get(layer.name)
        ]
        self._badges, self._facts = badges, None
        if changed:
            self._emit_changed(changed[0], changed[-1], "plan", "plan")

    def _emit_changed(self, first: int, last: int, left: str, right: str) -> None:
        if last >= first:
            self.dataChanged.emit(self.index(first, KEYS.index(left)), self.index(last, KEYS.index(right)))

    # ------------------------------------------------------------------ what views ask

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._layers)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or section >= len(COLUMNS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        if role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[section].tooltip
        if role == Qt.ItemDataRole.TextAlignmentRole:
            number = COLUMNS[section].paint in {"number", "bar"}
            side = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        layer, key = self._layers[index.row()], KEYS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(layer, key)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tooltip(layer, key)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{COLUMNS[index.column()].title}: {self.text(layer, key)}"
        return None

    def row_content(self, row: int) -> RowContent:
        """All that a row shows, at once."""
        layer = self._layers[row]
        return RowContent(
            texts=tuple(self.text(layer, key) for key in KEYS),
            shares=tuple(
                max(self._number(layer, key), 0.0) / self._largest[key] if key in self._largest else 0.0 for key in KEYS
            ),
            bins=self.bins(layer.name),
            badges=self.badges(layer.name),
            is_kept=layer.name in self._kept,
        )

    def text(self, layer: Layer, key: str) -> str:
        """The ready string of one cell."""
        spectra = self._spectra.get(layer.name)
        match key:
            case "layer":
                return layer.name
            case "kind":
                return kind_word(layer)
            case "shape":
                return "×".join(str(n) for n in layer.weight.shape) if layer.weight else "–"
            case "params":
                return figures.count(layer.params)
            case "macs":
                return figures.macs(layer.macs)
            case "size":
                return figures.size(layer.size_bytes)
            case "ms":
                return "–" if layer.latency_ms is None else figures.bare_milliseconds(layer.latency_ms)
            case "zeros":
                return figures.share(spectra.values.sparsity) if spectra else "–"
            case "plan":
                kept = ("kept",) if layer.name in self._kept else ()
                return ", ".join((*(text for _, text in self.badges(layer.name)), *kept))
            case _:
                return ""

    def _number(self, layer: Layer, key: str) -> float:
        spectra = self._spectra.get(layer.name)
        match key:
            case "shape":
                return float(layer.weight.count if layer.weight else 0)
            case "params":
                return float(layer.params)
            case "macs":
                return float(layer.macs)
            case "size":
                return float(layer.size_bytes)
            case "ms":
                return -1.0 if layer.latency_ms is None else layer.latency_ms
            case "zeros":
                return spectra.values.sparsity if spectra else -1.0
            case "weights":
                return spectra.values.std if spectra else -1.0
            case "plan":
                return float(len(self._badges.get(layer.name, ())))
            case _:
                raise KeyError(key)

    def sort_key(self, row: int, key: str) -> str | float:
        """What a column sorts by: numbers inside a name count as numbers."""
        layer = self._layers[row]
        if key == "layer":
            return re.sub(r"\d+", lambda digits: digits[0].zfill(6), layer.name)
        return kind_word(layer) if key == "kind" else self._number(layer, key)

    def _tooltip(self, layer: Layer, key: str) -> str:
        if key == "layer":
            coupled = f"\nShrinks together with {', '.join(layer.coupled)}" if layer.coupled else ""
            return f"{layer.name}\n{kind_phrase(layer)}, {self.text(layer, 'shape')}{coupled}"
        if key == "kind":
            return kind_phrase(layer)
        if key == "params":
            return f"{layer.params:,} parameters"
        if key == "plan":
            return self.text(layer, "plan")
        return ""

    def bins(self, name: str) -> NDArray[np.float32] | None:
        """24 heights in 0..1 (square root of the counts) of a layer's weights; None until they are counted."""
        spectra = self._spectra.get(name)
        if spectra is None:
            return None
        known = self._bins.get(name)
        if known is None or known[0] is not spectra:
            known = self._bins[name] = (spectra, sparkline(spectra))
        return known[1]

    # ------------------------------------------------------------------ for the panel around it

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self._layers

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all layers, in network order."""
        return self._names

    def badges(self, name: str) -> tuple[Badge, ...]:
        """What a row wears in the column of the plan."""
        return self._badges.get(name) or (FLOAT_BADGE,)

    @property
    def has_times(self) -> bool:
        """Whether milliseconds were measured: until then their column holds dashes."""
        return any(layer.latency_ms is not None for layer in self._layers)

    def row_of(self, name: str) -> int:
        """The row of this layer in network order; −1 where there is none."""
        return self._rows.get(name, -1)

    def is_planned(self, name: str) -> bool:
        return name in self._badges

    @property
    def facts(self) -> Sequence[LayerFacts]:
        """By row, what the filter box can ask; made once for what is known."""
        if self._facts is None:
            self._facts = [self._facts_of(layer) for layer in self._layers]
        return self._facts

    def _facts_of(self, layer: Layer) -> LayerFacts:
        spectra = self._spectra.get(layer.name)
        return LayerFacts(
            name=layer.name,
            kind=layer.kind,
            params=layer.params,
            macs=layer.macs,
            size=layer.size_bytes,
            ms=layer.latency_ms,
            zeros=spectra.values.sparsity if spectra else None,
            badges=tuple(text for _, text in self._badges.get(layer.name, ())),
            words=kind_phrase(layer),
            is_kept=layer.name in self._kept,
        )


def sparkline(spectra: Spectra) -> NDArray[np.float32]:
    """Square roots of 24 histogram counts, divided by the highest; float32 (24,)."""
    values = spectra.values
    reach = max(abs(values.minimum), abs(values.maximum)) or 1.0
    heights = np.sqrt(values.histogram(np.linspace(-reach, reach, BINS + 1)))
    return np.asarray(heights / max(float(heights.max()), 1e-12), dtype=np.float32)


def planned_badges(recipe: Recipe, names: Sequence[str]) -> dict[str, tuple[Badge, ...]]:
    """Badges of every layer that the recipe touches.

    The session's recipe holds plain names, which are looked up; a step with patterns is matched name by name.
    """
    found: dict[str, list[Method]] = {}
    known = set(names)
    for step in recipe.final:
        if step.method.scope != "layer":
            continue
        plain = not step.exclude and known.issuperset(step.layers)
        for name in step.layers if plain else [n for n in names if step.selects(n)]:
            found.setdefault(name, []).append(step.method)
    return {name: tuple((m.family, m.badge()) for m in methods) for name, methods in found.items()}
