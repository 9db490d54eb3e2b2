"""Pairs of layers whose features are compared while a network trains: suggested, or pointed at in the layer table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from secateur.methods.distil.pairs import FeaturePair, suggested_pairs
from secateur.model.description import Layer
from secateur.ui.widgets.button import Button, IconButton
from secateur.ui.widgets.card import label
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.number_field import NumberField
from secateur.ui.widgets.why_not import set_why_not

WEIGHT_WIDTH = 62
MOST_WEIGHT = 1000.0


@dataclass(frozen=True, slots=True)
class Pointed:
    """The layers of the network in order, and those that are selected in the table, in the order of the network."""

    layers: tuple[Layer, ...] = ()
    selected: tuple[str, ...] = ()

    @property
    def pair(self) -> FeaturePair | None:
        """What the selection says: one layer is compared with itself, of two the first is the teacher's."""
        if len(self.selected) not in (1, 2):
            return None
        return FeaturePair(teacher=self.selected[0], student=self.selected[-1])


class PairsCard(QWidget):
    """`pairs_wanted(pairs)`: one added, changed or taken out, or all suggested anew."""

    pairs_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("feature_pairs")
        self.setAccessibleName(self.tr("Pairs of layers whose features are compared"))
        self._pairs: tuple[FeaturePair, ...] = ()
        self._pointed = Pointed()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(4)
        head = label(self.tr("Features"), "strong")
        head.setToolTip(self.tr("What comes out of the student's layer is to resemble what comes out of the teacher's"))
        column.addWidget(head)
        self.told = ElidedLabel(role="secondary", size=11)
        column.addWidget(self.told)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(6)
        column.addLayout(self._rows)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        self.add = Button(self.tr("Add selected"), "default", "", "")
        self.add.setObjectName("pair_add")
        self.add.clicked.connect(self._add)
        tip = self.tr("Replace the pairs by the last layer of each stage, where both networks have one of its size")
        self.suggest = Button(self.tr("Suggest"), "default", "", tip)
        self.suggest.setObjectName("pair_suggest")
        self.suggest.clicked.connect(self._suggest)
        buttons.addWidget(self.add)
        buttons.addWidget(self.suggest)
        buttons.addStretch(1)
        column.addLayout(buttons)

    @property
    def pairs(self) -> tuple[FeaturePair, ...]:
        return self._pairs

    def show_pairs(self, pairs: Sequence[FeaturePair], layers: Sequence[Layer], selected: Sequence[str]) -> None:
        """Show the planned pairs, and what the selection in the layer table would add."""
        names = [layer.name for layer in layers]
        wanted = Pointed(tuple(layers), tuple(name for name in names if name in set(selected)))
        if tuple(pairs) != self._pairs:
            self._pairs = tuple(pairs)
            self._build_rows()
        self._pointed = wanted
        self._show_add()
        self.told.set_text("" if self._pairs else self.tr("None: only answers are compared"))
        self.told.setVisible(not self._pairs)

    def _show_add(self) -> None:
        pair, words = self._pointed.pair, ""
        if pair is None:
            words = self.tr("Select one layer in the table, or two: the teacher's and the student's.")
        elif self._has(pair):
            words = self.tr("{0} and {1} are compared already.").format(pair.teacher, pair.student)
        tip = self.tr("Compare what comes out of {0} in the teacher with what comes out of {1} in the student")
        plain = tip.format(pair.teacher, pair.student) if pair else self.tr("Compare the features of what is selected")
        set_why_not(self.add, words, plain)

    def _has(self, pair: FeaturePair) -> bool:
        return (pair.teacher, pair.student) in {(one.teacher, one.student) for one in self._pairs}

    # ------------------------------------------------------------------ what the person wants

    def _add(self) -> None:
        pair = self._pointed.pair
        if pair is not None and not self._has(pair):
            self.pairs_wanted.emit((*self._pairs, pair))

    def _suggest(self) -> None:
        self.pairs_wanted.emit(suggested_pairs(self._pointed.layers, self._pointed.layers))

    def _without(self, place: int) -> Callable[[], None]:
        return lambda: self.pairs_wanted.emit((*self._pairs[:place], *self._pairs[place + 1 :]))

    def _weighted(self, place: int) -> Callable[[float], None]:
        def change(weight: float) -> None:
            pair = self._pairs[place].model_copy(update={"weight": weight})
            self.pairs_wanted.emit((*self._pairs[:place], pair, *self._pairs[place + 1 :]))

        return change

    # ------------------------------------------------------------------ rows

    def _build_rows(self) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for place, pair in enumerate(self._pairs):
            self._rows.addWidget(self._row(place, pair))

    def _row(self, place: int, pair: FeaturePair) -> QWidget:
        row = QWidget()
        row.setObjectName(f"pair_{place + 1}")
        grid = QGridLayout(row)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(0)
        told = self.tr("Teacher: {0}\nStudent: {1}\nDistance × {2:g}").format(pair.teacher, pair.student, pair.weight)
        lines = [pair.teacher] if pair.teacher == pair.student else [pair.teacher, f"→ {pair.student}"]
        for line, words in enumerate(lines):
            name = ElidedLabel(words, size=12)
            name.setToolTip(told)
            grid.addWidget(name, line, 0)
        weight = NumberField(0.0, MOST_WEIGHT, open_minimum=True, name=self.tr("Weight of {0}").format(pair.student))
        weight.setObjectName(f"pair_weight_{place + 1}")
        weight.set_help(self.tr("Factor of the pair's distance (0 to 4) in the loss"))
        weight.setFixedWidth(WEIGHT_WIDTH)
        weight.set_value(pair.weight)
        weight.edited.connect(self._weighted(place))
        remove = IconButton("close", self.tr("Compare {0} no more").format(pair.student))
        remove.setObjectName(f"pair_remove_{place + 1}")
        remove.clicked.connect(self._without(place))
        grid.addWidget(weight, 0, 1)
        grid.addWidget(remove, 0, 2)
        grid.setColumnStretch(0, 1)
        return row
