"""The predicted effect of the plan on the selected layers: figures, verdicts, the reason in one sentence."""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLayout, QWidget

from secateur import figures
from secateur.data.metrics import kind_of
from secateur.session.session import LayerEffect
from secateur.ui.theme.style import metrics
from secateur.ui.widgets.card import Card, label
from secateur.ui.widgets.chip import Chip
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.figure_row import FigureRow

NOTHING_SELECTED = "Select a layer to see what its plan would do."
NOT_PREDICTED = "not predicted"
COUNTING = "Appears as soon as the weights of this layer are counted."


class EffectCard(Card):
    """Shows a `LayerEffect`; computes nothing but the differences of what stands in it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Predicted effect", "", parent=parent)
        self.setObjectName("effect_card")
        self.source = ElidedLabel("", size=11, role="secondary", mode=Qt.TextElideMode.ElideRight)
        self._source = ""
        self._faster: bool | None = None
        self._where = "here"
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(0)
        self._settling.timeout.connect(self._settle)
        self._room = 0
        self.add_trailing(self.source)
        self.body.setSpacing(0)
        self.rows = {name: FigureRow(name) for name in ("Size", "MACs", "Latency", "SQNR", "Metric", "Measured")}
        for name, row in self.rows.items():
            row.setObjectName(f"effect_{name.lower()}")
            self.body.addWidget(row)
        self.size_chip, self.speed_chip = Chip(), Chip()
        self.size_chip.setObjectName("chip_size")
        self.speed_chip.setObjectName("chip_speed")
        self._chips = QWidget()
        line = QHBoxLayout(self._chips)
        line.setContentsMargins(0, 8, 0, 0)
        line.setSpacing(6)
        line.addWidget(self.size_chip)
        line.addWidget(self.speed_chip)
        line.addStretch(1)
        self.body.addWidget(self._chips)
        self.coupled = label("", "caption", wrap=True)
        self.coupled.setObjectName("effect_coupled")
        self.body.addSpacing(4)
        self.body.addWidget(self.coupled)
        self.sentence = label("", "caption", wrap=True)
        self.sentence.setObjectName("effect_sentence")
        self.body.addSpacing(4)
        self.body.addWidget(self.sentence)
        self.why = label("", "caption", wrap=True)
        self.why.setObjectName("effect_why")
        self.why.hide()
        self.body.addSpacing(4)
        self.body.addWidget(self.why)

    def set_room(self, height: int) -> None:
        """How high it may be: sentences that have no room are told by its tooltip alone."""
        if height != self._room:
            self._room = height
            self._settling.start()

    def show_why(self, sentence: str) -> None:
        """Say why the layer is planned as it is; nothing where that is not known."""
        self.why.setText(sentence)
        self.why.setVisible(bool(sentence))
        self._settling.start()

    def show_effect(self, effect: LayerEffect | None, source: str, metric: str, *, is_selected: bool) -> None:
        """`source` says where the numbers come from, `metric` names the data's metric; None shows dashes and why."""
        self._source, self._faster = source if effect else "", None
        self.rows["Measured"].setVisible(effect is not None and effect.measured is not None)
        if effect is None:
            for row in self.rows.values():
                row.set_figures("", figures.UNKNOWN)
            self._chips.hide()
            self.coupled.hide()
            self.coupled.setText("")
            self.sentence.setText(COUNTING if is_selected else NOTHING_SELECTED)
            self._fit()
            self._settling.start()
            return
        self._show_costs(effect)
        self._show_quality(effect, metric)
        self._show_coupled(effect)
        self._show_verdicts(effect)
        self._fit()
        self._settling.start()

    def _show_costs(self, effect: LayerEffect) -> None:
        for name, pair, before, after in (
            ("Size", figures.size_pair, effect.bytes_before, effect.bytes_after),
            ("MACs", figures.macs_pair, effect.macs_before, effect.macs_after),
        ):
            change = figures.signed_share(before, after)
            self.rows[name].set_figures(*pair(before, after), change, tone(before, after))
        before_ms, after_ms = effect.latency_before_ms, effect.latency_after_ms
        self.rows["Latency"].set_figures(
            *figures.milliseconds_pair(before_ms, after_ms),
            figures.signed_share(before_ms, after_ms) if before_ms and after_ms is not None else "",
            tone(before_ms, after_ms),
        )

    def _show_quality(self, effect: LayerEffect, metric: str) -> None:
        self.rows["SQNR"].set_figures("", figures.decibels(effect.sqnr_db))
        before, after = effect.metric_before, effect.metric_after
        kind, change, tone_of_it = kind_of(metric), "", ""
        if before is not None and after is not None:
            change = kind.write_change(before, after)
            # two points of a share, a fiftieth of a number: less is seldom more than sampling noise
            limit = 0.02 if kind.is_share else 0.02 * abs(before)
            tone_of_it = "negative" if kind.gain(before, after) < -limit else ""
        pair, told = kind.write_pair(before, after), ""
        if effect.effects and after is None:
            pair, told = (pair[0], NOT_PREDICTED if before is not None else pair[1]), effect.metric_why_not
        elif effect.effects and effect.metric_interval is not None:
            told = f"{kind.title} is expected within {kind.write_range(*effect.metric_interval)}."
        row = self.rows["Metric"]
        row.set_figures(*pair, change, tone_of_it, name=kind.title)
        row.setToolTip(told)

        if (found := effect.measured) is not None and found.before is not None and found.after is not None:
            change = kind.write_change(found.before, found.after)
            self.rows["Measured"].set_figures(*kind.write_pair(found.before, found.after), change, name="Measured")
            ends = found.change_interval
            words = f", {' to '.join(kind.write_change(0.0, end) for end in ends)}" if ends else ""
            samples = figures.counted(found.samples, "validation sample")
            self.rows["Measured"].setToolTip(f"The plan as a whole, run on {samples}{words}.")
        else:
            self.rows["Measured"].hide()

    def _show_coupled(self, effect: LayerEffect) -> None:
        """What further layers save because channels leave the selected ones: it is in the plan bar's figures, too."""
        count = len(effect.coupled)
        self.coupled.setVisible(bool(count))
        if not count:
            self.coupled.setText("")
            return
        layers = "layer shrinks" if count == 1 else "layers shrink"
        saved = f"{figures.size(effect.coupled_bytes)} and {figures.macs(effect.coupled_macs)} MACs"
        self.coupled.setText(f"{count} further {layers} along: {saved} less.")
        self.coupled.setToolTip(", ".join(effect.coupled))

    def _show_verdicts(self, effect: LayerEffect) -> None:
        is_planned = bool(effect.effects)
        self._chips.setVisible(is_planned or effect.shrinks_along)
        if not is_planned and not effect.shrinks_along:
            self.sentence.setText("Stays float: nothing is planned here. Switch a step on above.")
            return
        before, after = effect.bytes_before, effect.bytes_after
        if after < before:
            self.size_chip.set_content("positive", f"Smaller, {figures.ratio(before, after)}")
        elif after > before:
            self.size_chip.set_content("negative", f"Larger, {figures.ratio(after, before)}")
        else:
            self.size_chip.set_content("warn", "Not smaller")
        self._where = effect.where
        measured = effect.latency_before_ms, effect.latency_after_ms
        self._faster = effect.macs_after < effect.macs_before or any(one.faster for _, one in effect.effects)
        if measured[0] is not None and measured[1] is not None:  # what was measured here has the last word
            self._faster = measured[1] < measured[0]
        sentences = list(dict.fromkeys(one.sentence for _, one in effect.effects))
        if not sentences:
            sentences = [
                "Nothing is planned here: it shrinks because channels leave layers that it belongs to or reads."
            ]
        self.sentence.setText(" ".join(sentences[:2]))

    # ------------------------------------------------------------------ shorter words in a narrow panel

    def _fit(self) -> None:
        room = self.width() - 26
        title = metrics(12, 600).horizontalAdvance("Predicted effect")
        fits = title + 24 + metrics(11).horizontalAdvance(self._source) <= room
        self.source.set_text(self._source if fits else self._source.rpartition(", ")[2])
        if self._faster is None:
            return
        kind, words = ("positive", "Faster") if self._faster else ("negative", "Not faster")
        self.speed_chip.set_content(kind, f"{words} {self._where}")
        if self.size_chip.sizeHint().width() + 6 + self.speed_chip.sizeHint().width() > room:
            self.speed_chip.set_content(kind, words)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()
        self._settling.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._settling.start()

    def _settle(self) -> None:
        """Take the height that the text needs at this width, once all of it has its size.

        Layouts that were hidden while the window changed its size keep the height of the earlier width. Sentences for
        which there is no room are left out, the longest story first.
        """
        layout, words = self.layout(), (self.why, self.sentence, self.coupled)
        for line in words:
            line.setText(line.text())
            line.setVisible(bool(line.text()))
        if layout is None or not self.isVisible():
            return
        left_out = []
        layout.activate()
        for line in words:
            if not self._room or self._wanted_height(layout) <= self._room:
                break
            if line.text():
                line.hide()
                left_out.append(line.text())
                layout.activate()
        self.setToolTip("\n".join(reversed(left_out)))
        self.setFixedHeight(self._wanted_height(layout))

    def _wanted_height(self, layout: QLayout) -> int:
        """What it takes at this width; without a wrapped line a layout has no height for a width."""
        has_lines = layout.hasHeightForWidth()
        return layout.totalHeightForWidth(self.width()) if has_lines else layout.totalSizeHint().height()


def tone(before: float | None, after: float | None) -> str:
    """`positive` where a cost falls, `negative` where it rises, plain where it stays or is unknown."""
    if before is None or after is None or before == after:
        return ""
    return "positive" if after < before else "negative"
