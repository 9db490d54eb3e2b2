"""Which sample goes through the network: by number, from the strip, from a file, or a text."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from secateur.engine.requests import Sample
from secateur.figures import thousands
from secateur.model.maps import Thumbnail
from secateur.session.following import takes_text
from secateur.session.state import SessionState
from secateur.ui.naming import named
from secateur.ui.panels.sample_strip import SampleStrip
from secateur.ui.widgets.button import Button, IconButton
from secateur.ui.widgets.card import label
from secateur.ui.widgets.number_field import NumberField
from secateur.ui.widgets.why_not import set_why_not

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".npy", ".npz", ".txt")
"""What can be dropped or chosen as a sample."""


class SampleChooser(QWidget):
    """`sample_wanted(sample)`, `samples_wanted(first)` for thumbnails."""

    sample_wanted = Signal(Sample)
    samples_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sample_chooser")
        self._sample = Sample()
        self._total = 0
        self._source: object = None
        self._no_thumbnails: dict[int, Thumbnail] = {}
        self.previous = IconButton("left", self.tr("Previous sample"))
        self.previous.setObjectName("previous_sample")
        self.next = IconButton("right", self.tr("Next sample"))
        self.next.setObjectName("next_sample")
        self.number = NumberField(0, 0, whole=True, name=self.tr("Number of the sample in the test split"))
        self.number.setObjectName("sample_number")
        self.number.setFixedWidth(64)
        self.number.set_help(self.tr("Number of the sample in the test split, which is never trained or calibrated on"))
        self.of = label("", "secondary")
        self.file = Button(
            self.tr("File…"), "default", "open", self.tr("Take an image, an array or a text as the sample")
        )
        self.file.setObjectName("sample_file")
        self.text = named(QLineEdit(), "sample_text")
        self.text.setPlaceholderText(self.tr("A text, then Return"))
        self.text.setAccessibleName(self.tr("A text as the sample"))
        self.text.setToolTip(self.tr("Goes through the tokenizer that lies beside the model"))
        self.strip = SampleStrip()
        self._row = QHBoxLayout()
        self._row.setSpacing(4)
        for widget in (self.previous, self.number, self.next, self.of):
            self._row.addWidget(widget)
        self._row.addSpacing(4)
        self._row.addWidget(self.file)
        self._row.addWidget(self.text, 1)
        self._row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(self._row)
        column.addWidget(self.strip)
        self._connect()

    def _connect(self) -> None:
        self.previous.clicked.connect(lambda: self._go(self._sample.index - 1))
        self.next.clicked.connect(lambda: self._go(self._sample.index + 1))
        self.number.edited.connect(lambda value: self._go(round(value)))
        self.file.clicked.connect(self._choose_file)
        self.text.returnPressed.connect(self._take_text)
        self.strip.sample_chosen.connect(self._go)
        self.strip.samples_wanted.connect(self.samples_wanted)

    def add_trailing(self, widget: QWidget) -> None:
        """Put something at the right of the row."""
        self._row.addWidget(widget)

    def show_state(self, state: SessionState, sample: Sample) -> None:
        """Show which sample is chosen; the strip where data is open."""
        self._sample = sample
        followed = state.followed
        has_data = state.data is not None
        self._total = state.data.test if state.data is not None else 0
        from_data = not (sample.file or sample.text)
        for widget in (self.previous, self.next, self.number, self.of, self.strip):
            widget.setVisible(has_data)
        self.number.set_range(0, max(self._total - 1, 0))
        self.number.set_value(sample.index)
        self.of.setText(self.tr("of {0}").format(thousands(self._total)))
        at_start, at_end = from_data and sample.index <= 0, from_data and sample.index >= self._total - 1
        first = self.tr("This is the first sample of the test split.") if at_start else ""
        last = self.tr("This is the last sample of the test split.") if at_end else ""
        set_why_not(self.previous, first, self.tr("Previous sample"))
        set_why_not(self.next, last, self.tr("Next sample"))
        self.text.setVisible(takes_text(state))
        is_known = followed.data == state.data_source and bool(followed.total)
        source = (state.model.source if state.model else None, state.data_source)
        if source != self._source:  # else the same: what could not be read is not asked for with every state
            self._source, self._no_thumbnails = source, {}
        thumbnails = followed.thumbnails if is_known else self._no_thumbnails
        self.strip.show_samples(thumbnails, self._total, sample.index if from_data else None)

    def _go(self, index: int) -> None:
        if self._total:
            self.sample_wanted.emit(Sample(min(max(index, 0), self._total - 1)))

    def _take_text(self) -> None:
        if self.text.text().strip():
            self.sample_wanted.emit(Sample(text=self.text.text().strip()))

    def _choose_file(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        path, _ = QFileDialog.getOpenFileName(
            self, self.tr("A sample"), "", f"{self.tr('Samples')} ({patterns});;{self.tr('All files')} (*)"
        )
        if path:
            self.sample_wanted.emit(Sample(file=path))
