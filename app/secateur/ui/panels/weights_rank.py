"""How few directions would do for a layer: its singular values, with the cut that low rank makes."""

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from secateur.figures import MINUS, decibels, macs, share, size
from secateur.methods import handle_for
from secateur.methods.factorize.low_rank import largest_rank, lost_at, sides
from secateur.methods.facts import Facts
from secateur.model.description import Layer
from secateur.session.state import SessionState
from secateur.ui.plots.read_out import ReadOut
from secateur.ui.plots.singular_curve import SingularCurve
from secateur.ui.widgets.card import Card, label


class RankView(QWidget):
    """`rank_wanted(rank, merge)`: the cut was moved; the steps of one drag share `merge`."""

    rank_wanted = Signal(float, str)
    channel_chosen = Signal(int)
    look_wanted = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("weights_rank")
        self.setAccessibleName(self.tr("Singular values"))
        self._gesture = 0
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self._card = Card(self.tr("Singular values"), self.tr("dashed: energy kept"))
        self.note = label("", "caption", wrap=True)
        self.note.setObjectName("rank_note")
        self.curve = SingularCurve("singular_values", self.tr("Singular values of the weight"))
        self.curve.setToolTip(self.tr("Drag the line to choose the rank of the two layers that take this one's place"))
        self.curve.rank_moved.connect(lambda rank: self.rank_wanted.emit(rank, f"cut {self._gesture}"))
        self.curve.rank_settled.connect(self._on_settled)
        self._card.body.addWidget(self.note)
        self._card.body.addWidget(self.curve, 1)
        column.addWidget(self._card, 1)

    def _on_settled(self, rank: float) -> None:
        self.rank_wanted.emit(rank, f"cut {self._gesture}")
        self._gesture += 1

    def show_layer(self, layer: Layer, state: SessionState) -> None:
        """Show the singular values of a layer, and the rank that the plan keeps of them."""
        facts = state.facts[layer.name]
        owner, _ = handle_for("singular_values", "cut")
        planned = next((method for method in state.steps_of(layer.name) if isinstance(method, owner)), None)
        refused = owner().supports(layer) or (state.model and owner().why_not_for(state.model)) or ""
        values = facts.singular_values
        if not refused and values is None:
            refused = self.tr("This weight is so large that its singular values are not worked out by themselves.")
        elif not refused and planned is not None:
            refused = planned.why_not(layer, facts) or ""
        self.note.setText(refused)
        self.note.setVisible(bool(refused))
        rows, columns = sides(layer)
        most = 0 if owner().supports(layer) else largest_rank(rows, columns)
        rank = None if planned is None else planned.cut_at(layer, facts)
        cut = None if rank is None else min(rank, most)
        self.curve.show_values(values, cut, most, partial(cut_words, layer, facts))


def cut_words(layer: Layer, facts: Facts, rank: int) -> ReadOut:
    """What a cut at this rank means: energy kept, bytes, multiplications, SQNR."""
    owner, handle = handle_for("singular_values", "cut")
    method = owner().dragged(handle, float(max(rank, 1)))
    rows, columns = sides(layer)
    title = f"rank {rank} of {min(rows, columns)}"
    if method is None or method.supports(layer):
        return ReadOut(title, ())
    effect, lost = method.predict(layer, facts), lost_at(facts.singular_values, rank)
    known = () if lost is None else (("energy kept", share(1.0 - lost)), ("SQNR", decibels(effect.sqnr_db)))
    saved = 1.0 - effect.costs.bytes / max(layer.size_bytes, 1)
    return ReadOut(
        title,
        (
            *known,
            ("size", f"{size(effect.costs.bytes)} ({MINUS}{share(saved)})" if saved >= 0 else size(effect.costs.bytes)),
            ("MACs", macs(effect.costs.macs)),
        ),
    )
