"""The running job: what it does, how far, how long still, its log, and Stop."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from secateur import figures
from secateur.session.state import JobState
from secateur.ui.theme.style import icon, notifier
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.progress_line import ProgressLine
from secateur.ui.widgets.why_not import set_why_not


def share_done(job: JobState) -> float | None:
    """How far the whole job is, 0..1; None until it can be told."""
    if job.share is not None:
        return job.share
    return min(job.done / job.total, 1.0) if job.total > 0 else None


def progress_words(job: JobState) -> str:
    """`62 % · 2 min 10 s left`, as much of it as is known; `at least 2 min left` where what follows is not."""
    share = share_done(job)
    words = [] if share is None else [f"{share * 100:.0f}{figures.SPACE}%"]
    if job.eta_s is not None:
        least = "at least " if job.eta_is_least else ""
        words.append(f"{least}{figures.duration(job.eta_s)} left")
    return " · ".join(words)


class JobCard(QFrame):
    """Shows a `JobState`; `stop_wanted(job)`, `log_wanted(shown)`."""

    stop_wanted = Signal(int)
    log_wanted = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("job_card")
        self.setProperty("role", "well")
        self._job = -1
        self._icon = QLabel()
        self._title = ElidedLabel("", weight=600)
        self._title.setObjectName("job_title")
        self._text = ElidedLabel("", role="secondary")
        self._text.setObjectName("job_text")
        self._figures = label("", "")
        self._figures.setObjectName("job_figures")
        self.progress = ProgressLine(self.tr("Progress of the job"))
        self.log = Button(self.tr("Log"), "ghost")
        self.log.setObjectName("job_log")
        self.log.setCheckable(True)
        self.log.setToolTip(self.tr("Show what the job has written, instead of the runs"))
        self.log.toggled.connect(self.log_wanted)
        self.stop = Button(self.tr("Stop"), "outline")
        self.stop.setObjectName("stop_job")
        self.stop.setToolTip(self.tr("Stop the job; what was there before it stays (Esc)"))
        self.stop.clicked.connect(lambda: self.stop_wanted.emit(self._job))
        self._assemble()
        notifier.theme_changed.connect(self._draw_icon)
        self._draw_icon()

    def _assemble(self) -> None:
        outer = QHBoxLayout(self)
        outer.setContentsMargins(14, 8, 12, 8)
        outer.setSpacing(10)
        outer.addWidget(self._icon)
        column = QVBoxLayout()
        column.setSpacing(4)
        words = QHBoxLayout()
        words.setSpacing(10)
        words.addWidget(self._title)
        words.addWidget(self._text)
        words.addStretch(1)
        column.addLayout(words)
        bar = QHBoxLayout()
        bar.setSpacing(14)
        bar.addWidget(self.progress, 1, Qt.AlignmentFlag.AlignVCenter)
        bar.addWidget(self._figures)
        column.addLayout(bar)
        outer.addLayout(column, 1)
        outer.addWidget(self.log)
        outer.addWidget(self.stop)

    def show_job(self, job: JobState, waiting: int = 0) -> None:
        """Show a job; `waiting` others come after it."""
        self._job = job.job
        self._title.set_text(job.title)
        text = job.text or self.tr("starting")
        self._text.set_text(f"{text} · {waiting} waiting" if waiting else text)
        self._figures.setText(progress_words(job))
        self.progress.set_share(share_done(job))
        set_why_not(self.log, "" if job.log else self.tr("This job has said nothing yet."))

    def _draw_icon(self) -> None:
        self._icon.setPixmap(icon("job", "accent").pixmap(QSize(16, 16), self.devicePixelRatioF()))
