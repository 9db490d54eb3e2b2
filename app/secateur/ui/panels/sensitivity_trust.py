"""The chip of the Sensitivity tab: how far a table can be trusted, and of a part of one, how much of it there is."""

from PySide6.QtWidgets import QWidget

from secateur.engine.requests import ScoreSensitivity
from secateur.figures import duration, thousands
from secateur.model.documents import SensitivityTable, WithinOptionCorrelation
from secateur.session.state import SessionState
from secateur.ui.widgets.chip import Chip


class TrustChip(Chip):
    """Of a measurement: how well the data-free estimate orders its layers. Of an estimate: how well itself does."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setObjectName("sensitivity_trust")

    def show_trust(self, state: SessionState, depth: str, *, narrow: bool) -> None:
        """What is known of the table of this depth; hidden where that is nothing."""
        table = state.tables.get(depth) if depth == "estimate" else state.tables.get("measure")
        within = table.within_option_correlation if table is not None else None
        self.setVisible(table is not None and (bool(table.pending) or within is not None))
        if table is None:
            return
        if table.pending:
            self._show_part(state, table, narrow=narrow)
        elif within is not None:
            words, meaning = self._of_estimate(table, within) if depth == "estimate" else self._of_free(table, within)
            kind = "positive" if within.tells_layers else "warn"
            self.set_content(kind, f"ρ = {within.mean:.2f}" if narrow else words)
            self.setToolTip(meaning)

    def _show_part(self, state: SessionState, table: SensitivityTable, *, narrow: bool) -> None:
        count, whole = thousands(len(table.rows)), thousands(len(table.rows) + table.pending)
        known = self.tr("{0} of {1} cells measured").format(count, whole)
        self.set_content("info", self.tr("{0} of {1}").format(count, whole) if narrow else known)
        running = any(isinstance(job.request, ScoreSensitivity) for job in state.jobs)
        kept = self.tr("They are kept: Continue measures the others. Plans use the estimate until all are there.")
        if table.depth == "estimate":
            kept = self.tr("They are kept: Estimate measures the others.")
        self.setToolTip(known if running else f"{known}. {kept}")

    def _of_free(self, table: SensitivityTable, within: WithinOptionCorrelation) -> tuple[str, str]:
        """What the chip says of a measurement, and at length."""
        figure = _figure(within)
        if within.tells_layers:
            words = self.tr("estimate orders layers, {0}").format(figure)
            meaning = self.tr("The data-free estimate orders the layers of an option as the measurement does.")
        else:
            words = self.tr("knows options, not layers, {0}").format(figure)
            meaning = self.tr("The estimate knows the options, not the layers: measure before you decide.")
        lines = [
            meaning,
            self.tr("Mean rank correlation within an option, with its 95 % interval: {0}").format(figure),
            _each(within),
        ]
        if table.rank_correlation is not None:
            pooled = self.tr("Over all cells, options among each other included: {0:.2f}")
            lines.append(pooled.format(table.rank_correlation))
        return words, "\n".join(lines)

    def _of_estimate(self, table: SensitivityTable, within: WithinOptionCorrelation) -> tuple[str, str]:
        """What the chip says of an estimate, and at length."""
        figure, counts = _figure(within), sorted(row.samples for row in table.rows if row.samples)
        if within.tells_layers:
            words = self.tr("orders layers, {0}").format(figure)
            meaning = self.tr("These few samples order the layers of an option nearly as all would.")
        else:
            words = self.tr("layers not told apart, {0}").format(figure)
            meaning = self.tr("These samples are too few to tell the layers of an option apart: measure on more.")
        lines = [
            meaning,
            self.tr("Mean rank correlation with endless samples, told by splitting these: {0}").format(figure),
            _each(within),
        ]
        if counts:
            span = (
                thousands(counts[0]) if counts[0] == counts[-1] else f"{thousands(counts[0])}–{thousands(counts[-1])}"
            )
            lines.append(self.tr("{0} samples a cell, {1}").format(span, duration(table.seconds)))
        return words, "\n".join(lines)


def _figure(within: WithinOptionCorrelation) -> str:
    return f"ρ = {within.mean:.2f} ({within.low:.2f} … {within.high:.2f})".replace("-", "−")


def _each(within: WithinOptionCorrelation) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in within.by_option.items())
