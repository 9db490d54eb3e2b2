"""One sample through the network: which one, what both networks answer, and every layer's maps side by side."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QWidget

from secateur.engine.requests import FollowSample, Sample
from secateur.recipe.recipe import Recipe
from secateur.session.followed import Followed
from secateur.session.following import takes_text, why_not_follow
from secateur.session.state import SessionState
from secateur.ui.panels.sample_answer import SampleAnswer
from secateur.ui.panels.sample_chooser import SUFFIXES, SampleChooser
from secateur.ui.panels.sample_layer import SampleLayer
from secateur.ui.panels.tab_view import GAP, TabView
from secateur.ui.widgets.card import label, set_tone
from secateur.ui.widgets.progress_line import ProgressLine
from secateur.ui.widgets.segmented import Segmented

BESIDE = 560
"""The width from which answer and maps stand side by side."""
SETTLE_MS = 350
"""A plan that is being changed is followed when it has stood still for so long."""


class SampleView(TabView):
    """`follow_wanted(sample, run)`, beside the plan where the run is empty; what a layer is asked for besides."""

    follow_wanted = Signal(Sample, str)
    samples_wanted = Signal(int)
    page_wanted = Signal(str, int)
    close_wanted = Signal(str, int)
    layer_selected = Signal(str)
    data_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("sample", "One sample", parent)
        self.setAcceptDrops(True)
        self._sample = Sample()
        self._state: SessionState | None = None
        self._source: object = None
        self._asked: FollowSample | None = None  # the state that is shown may not know of it yet
        self._pending: FollowSample | None = None
        self._waiting = QTimer(self, singleShot=True)
        self._waiting.timeout.connect(self._ask)
        self.missing.wanted.connect(self.data_wanted)
        self.chooser = SampleChooser()
        self.chooser.sample_wanted.connect(self.choose)
        self.chooser.samples_wanted.connect(self.samples_wanted)
        self.against = Segmented([("plan", self.tr("Plan")), ("run", self.tr("Run"))], self.tr("Beside the original"))
        self.against.setObjectName("sample_against")
        self.against.set_value("plan")
        self.against.set_tooltip("plan", self.tr("The original beside what is planned now, without its training"))
        self.against.chosen.connect(lambda _key: self._show_again())
        self.chooser.add_trailing(self.against)
        self.progress = ProgressLine()
        self.progress.setObjectName("sample_progress")
        self.status = label("", "secondary", wrap=True)
        self.status.setObjectName("sample_status")
        self.answer = SampleAnswer()
        self.answer.layer_selected.connect(self.layer_selected)
        self.layer = SampleLayer()
        self.layer.layer_selected.connect(self.layer_selected)
        self.layer.page_wanted.connect(self.page_wanted)
        self.layer.close_wanted.connect(self.close_wanted)
        for widget in (self.chooser, self.progress, self.status):
            self.column.addWidget(widget)
        self._beside = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._beside.setSpacing(GAP)
        self._beside.addWidget(self.answer, 2)
        self._beside.addWidget(self.layer, 3)
        self.answer.setMinimumWidth(236)
        self.layer.setMinimumWidth(276)
        self.column.addLayout(self._beside, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        directions = QBoxLayout.Direction
        wanted = directions.LeftToRight if self.width() >= BESIDE else directions.TopToBottom
        if self._beside.direction() != wanted:
            self._beside.setDirection(wanted)

    # ------------------------------------------------------------------ state in

    def show_state(self, state: SessionState, selected: Sequence[str]) -> None:
        """Show what is known of the sample; asks for it where nothing is known of this one, this plan, this run."""
        if state.followed.request is None:
            self._asked = None
        self._show(state, selected)

    def _show(self, state: SessionState, selected: Sequence[str]) -> None:
        source = (state.model.source if state.model else None, state.data_source)
        if source != self._source:
            self._source, self._sample = source, Sample()
        self._state, self._selected = state, tuple(selected)
        if self._show_what_is_missing(state):
            self._waiting.stop()
            self._pending = None
            return
        self._offer_run(state)
        wanted = self.wanted()
        followed = state.followed
        if wanted is not None and wanted not in (followed.request, self._asked):
            is_new = followed.request is None or followed.request.sample != wanted.sample
            if wanted != self._pending:  # asked for at once, or when the plan has stood still
                self._pending = wanted
                self._waiting.start(0 if is_new else SETTLE_MS)
        self.chooser.show_state(state, self._sample)
        self._show_status(state, followed)
        layer = selected[0] if selected else ""
        self.answer.show_followed(followed, layer)
        self.layer.show_followed(followed, layer, self._why_no_maps(followed, layer))
        self.show_content()

    def _show_what_is_missing(self, state: SessionState) -> bool:
        reason = why_not_follow(state)
        title = self.tr("No sample can be followed")
        if reason:
            self.show_missing("info", title, reason)
            return True
        if state.data is None and not self._sample.file and not takes_text(state):
            text = self.tr(
                "Shows every layer's output for one sample, beside the plan or a run. Choose data, or drop an image or "
                "an array (.npy, .npz) here."
            )
            self.show_missing("data", self.tr("No sample yet"), text, self.tr("Choose data"))
            return True
        return False

    def _offer_run(self, state: SessionState) -> None:
        run = state.run
        if run is None:
            self.against.set_enabled_keys(("plan",), self.tr("Run a plan first: then its result can be followed."))
            if self.against.value() == "run":
                self.against.set_value("plan")
        else:
            self.against.set_enabled_keys(("plan", "run"))
            self.against.set_tooltip(
                "run", self.tr("The original beside the run {0}, chosen in Compare").format(run.name)
            )

    @property
    def shown(self) -> Followed | None:
        """What is on the screen; None before anything was."""
        return self._state.followed if self._state is not None and self.is_filled else None

    def wanted(self) -> FollowSample | None:
        """The question that answers what is chosen here; None where there is no sample."""
        state = self._state
        if state is None or state.model is None:
            return None
        if not (self._sample.file or self._sample.text) and state.data is None:
            return None
        run = self._run()
        recipe = Recipe() if run else state.recipe
        return FollowSample(state.model.source, state.data_source, self._sample, recipe, run)

    def _run(self) -> str:
        state = self._state
        is_run = self.against.value() == "run" and state is not None and state.run is not None
        return state.run.run if is_run and state is not None and state.run is not None else ""

    def _ask(self) -> None:
        self._waiting.stop()  # what is asked now is not asked once more when the plan has stood still
        self._pending = None
        state, wanted = self._state, self.wanted()
        if state is None or wanted is None or not self.isVisible():
            return
        failed = bool(state.followed.problem[0])
        if wanted != self._asked or failed:
            self._asked = wanted
            self.follow_wanted.emit(self._sample, self._run())

    def _show_again(self) -> None:
        if self._state is not None:
            self._show(self._state, self._selected)
            self._ask()

    def _show_status(self, state: SessionState, followed: Followed) -> None:
        self.progress.setVisible(followed.is_running)
        layers = len(followed.taken.layers) if followed.taken else 0
        done = len(followed.maps) + max(len(followed.answers) - 1, 0)
        self.progress.set_share(done / (2 * layers) if layers and done else None)
        sentence, hint = followed.problem
        notes = [*(followed.taken.notes if followed.taken else ()), *(followed.end.notes if followed.end else ())]
        words = f"{sentence} {hint}".strip() or " ".join(notes)
        if not words and followed.is_running and not followed.maps:
            words = followed.doing or self.tr("Asking the engine …")
        set_tone(self.status, "warn" if sentence else "")
        if self.status.text() != words:
            self.status.setText(words)
        self.status.setVisible(bool(words))

    def _why_no_maps(self, followed: Followed, layer: str) -> str:
        if not layer:
            return self.tr("Select a layer to see its maps.")
        if followed.is_running:
            return self.tr("On their way …")
        if followed.problem[0]:
            return self.tr("There are no maps of this sample.")
        if followed.taken is None:
            return self.tr("Type a text, or drop a file, to see it go through the network.")
        return self.tr("The network does not compute {0} by itself for a sample.").format(layer)

    # ------------------------------------------------------------------ choosing, dropping

    def choose(self, sample: Sample) -> None:
        """Take another sample."""
        self._sample = sample
        self._show_again()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self._dropped(event) and self._state is not None and not why_not_follow(self._state):
            event.acceptProposedAction()
        else:
            event.ignore()  # the window opens models and data

    def dropEvent(self, event: QDropEvent) -> None:
        path = self._dropped(event)
        if path:
            event.acceptProposedAction()
            self.choose(Sample(file=path))
        else:
            event.ignore()

    @staticmethod
    def _dropped(event: QDropEvent) -> str:
        """The first file that can be a sample; empty where there is none."""
        paths = (url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile())
        return next((path for path in paths if Path(path).suffix.lower() in SUFFIXES), "")
