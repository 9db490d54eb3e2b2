"""The distribution of what the selected layer puts out over the calibration samples."""

from collections.abc import Sequence
from functools import lru_cache

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from secateur.engine.requests import RecordActivations
from secateur.figures import count, duration, number, share, thousands
from secateur.methods.base import Method
from secateur.model.spectrum import Spectrum
from secateur.session.reasons import why_not
from secateur.session.state import SessionState
from secateur.ui.panels.statistics_row import StatisticsRow
from secateur.ui.panels.tab_view import TabView
from secateur.ui.plots.clip_lines import Clip
from secateur.ui.plots.grid_levels import Marker
from secateur.ui.plots.histogram import HistogramPlot
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import Card
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.segmented import Segmented
from secateur.ui.widgets.why_not import set_why_not

SAMPLES = 64
CUT = 0.999


class DistributionView(TabView):
    """`record_wanted` when the person asks for the recording, the first or a fresh one.

    `clip_wanted(percentile, merge)` when the range that int8 will cover was dragged: the percentile (50..100) of the
    values inside it; the steps of one drag share `merge`.
    """

    record_wanted = Signal()
    clip_wanted = Signal(float, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("distribution", "Distribution", parent)
        self._markers: tuple[Spectrum | None, tuple[Marker, ...]] = (None, ())
        self._drag = 0
        self.missing.wanted.connect(self.record_wanted)
        head = QHBoxLayout()
        head.setSpacing(12)
        self.name = ElidedLabel(size=16, weight=600)
        self.kind = ElidedLabel(size=12, role="secondary")
        self.again = Button(self.tr("Record again"), "ghost", "reset", self.tr("Run the calibration samples once more"))
        self.again.setObjectName("record_again")
        self.again.clicked.connect(self.record_wanted)
        head.addWidget(self.name)
        head.addWidget(self.kind, 1)
        head.addWidget(self.again)
        self.column.addLayout(head)
        self.statistics = StatisticsRow()
        self.column.addWidget(self.statistics)
        self._card = Card(self.tr("Output histogram"))
        self.scale = Segmented([("linear", self.tr("Linear")), ("log", self.tr("Log"))], self.tr("Count axis"))
        self.scale.setObjectName("activations_scale")
        self.scale.set_value("log")
        self._card.add_trailing(self.scale)
        self.histogram = HistogramPlot("activation_histogram", self.tr("Output histogram"))
        self.scale.chosen.connect(lambda key: self.histogram.set_log(key == "log"))
        self.histogram.clip_moved.connect(lambda percentile: self.clip_wanted.emit(percentile, f"clip {self._drag}"))
        self.histogram.clip_settled.connect(self._on_clip)
        self._card.body.addWidget(self.histogram, 1)
        self.column.addWidget(self._card, 1)

    def show_state(self, state: SessionState, selected: Sequence[str]) -> None:
        """Show the recorded output of the first selected layer, or what would record it."""
        if self._show_what_is_missing(state, selected):
            return
        recorded = state.activations
        values = recorded.spectra.get(selected[0]) if recorded else None
        if recorded is None or values is None:
            return
        self.name.set_name(selected[0], [row.name for row in state.rows])
        words = (
            self.tr("output over {0} calibration samples"),
            self.tr("{0} calibration samples"),
            self.tr("{0} samples"),
        )
        self.kind.set_variants([text.format(recorded.samples) for text in words])
        self.statistics.show_figures(_statistics(values))
        self._card.set_title(self.tr("Output histogram"), self.tr("{0} values").format(count(values.size)))
        if self._markers[0] is not values:
            self._markers = (values, clip_markers(values))
        clip = planned_clip(state.step_of(selected[0], "quantize"), values)
        markers = self._markers[1] if clip is None else ()  # the lines of the plan stand where the markers would
        self.histogram.show_values(values, self.tr("output"), markers, clip)
        reason = why_not(state, "record")
        set_why_not(self.again, reason, self.tr("Run the calibration samples once more"))
        self.show_content()

    def _on_clip(self, percentile: float) -> None:
        self.clip_wanted.emit(percentile, f"clip {self._drag}")
        self._drag += 1

    def _show_what_is_missing(self, state: SessionState, selected: Sequence[str]) -> bool:
        title = self.tr("No activations yet")
        job = next((job for job in state.jobs if isinstance(job.request, RecordActivations)), None)
        if job is not None:
            left = "" if job.eta_s is None else self.tr("{0} left. ").format(duration(job.eta_s))
            text = left + self.tr("Stop it in the jobs panel (Esc).")
            done = job.done / job.total if job.total else None
            self.show_missing("job", self.tr("Recording activations"), text, kind="busy", share=done)
        elif state.activations is None:
            text = self.tr(
                "Runs {0} calibration samples and counts every layer's output: the range that int8 has to cover."
            ).format(SAMPLES)
            button = self.tr("Record activations")
            self.show_missing("analyse", title, text, button, why_not=why_not(state, "record"))
        elif not selected:
            self.show_missing("analyse", self.tr("No layer selected"), self.tr("Select a layer to see its output."))
        elif selected[0] not in state.activations.spectra:
            text = self.tr("It was not run: no calibration sample reaches this layer.")
            self.show_missing("analyse", self.tr("No output of {0}").format(selected[0]), text)
        else:
            return False
        return True


@lru_cache(maxsize=64)
def planned_clip(method: Method | None, values: Spectrum) -> Clip | None:
    """The range of these values that a planned method will cover; None where it covers none."""
    covered = method.observed_range(values) if method is not None else None
    return None if covered is None else Clip(*covered)


def clip_markers(values: Spectrum) -> tuple[Marker, ...]:
    """Lines at the extremes and at the central 99.9 %, where a percentile observer would cut."""
    low, high = values.percentile(1 - CUT), values.percentile(CUT)
    markers = [Marker(values.maximum, "max"), Marker(high, "99.9 %")]
    if values.minimum < 0:
        markers += [Marker(values.minimum, "min"), Marker(low, "0.1 %")]
    return tuple(markers)


def _statistics(values: Spectrum) -> list[tuple[str, str]]:
    return [
        ("min", number(values.minimum)),
        ("max", number(values.maximum)),
        ("99.9 %", number(values.percentile(CUT))),
        ("mean", number(values.mean)),
        ("std", number(values.std)),
        ("zeros", share(values.sparsity)),
        ("values", thousands(values.size)),
    ]
