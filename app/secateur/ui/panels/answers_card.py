"""Softened answers: one held-out sample, and what teacher and student say about it at a temperature."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from secateur.engine.events import SoftAnswers
from secateur.ui.plots.answers import AnswerBars, softmax
from secateur.ui.plots.legend import Entry, Legend
from secateur.ui.widgets.card import Card, label
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.icon_button import IconButton
from secateur.ui.widgets.slider import RatioSlider

HOTTEST = 20.0


class AnswersCard(Card):
    """`show_answers(answers, classes, temperature)`; the slider and the arrows change only what is looked at."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Softened answers"), "", parent=parent)
        self.setObjectName("answers_card")
        self._answers: SoftAnswers | None = None
        self._classes: tuple[str, ...] = ()
        self._sample = 0
        self._planned = 0.0
        self._compact = True
        self.legend = Legend([Entry(self.tr("teacher"), "original"), Entry(self.tr("student"), "result")])
        self.add_trailing(self.legend)
        self.slider = RatioSlider(1.0, HOTTEST, step=0.5, ticks=(5, 10, 15), name=self.tr("Temperature of the view"))
        self.slider.setObjectName("answers_temperature")
        self.slider.setToolTip(self.tr("Look at the answers at another temperature; the plan keeps its own"))
        self.slider.setFixedWidth(120)
        self.slider.moved.connect(lambda _: self._draw())
        self.value = label("", "strong")
        self.value.setFixedWidth(34)
        self.earlier = IconButton("left", self.tr("Previous sample"))
        self.earlier.setObjectName("answers_previous")
        self.later = IconButton("right", self.tr("Next sample"))
        self.later.setObjectName("answers_next")
        self.earlier.clicked.connect(lambda: self._step(-1))
        self.later.clicked.connect(lambda: self._step(1))
        for widget in (label("T", "secondary"), self.slider, self.value, self.earlier, self.later):
            self.add_trailing(widget)
        self._build_body()
        self.show_answers(None, (), 4.0)

    def _build_body(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(12)
        left = QVBoxLayout()
        left.setSpacing(4)
        self.image = SampleImage()
        self.sample_text = ElidedLabel(size=11, role="secondary")
        self.label_text = ElidedLabel(size=11, weight=600)
        left.addWidget(self.image)
        caption = QHBoxLayout()
        caption.addWidget(self.sample_text, 1)
        caption.addWidget(self.label_text)
        left.addLayout(caption)
        left.addStretch(1)
        self.bars = AnswerBars("answer_bars", self.tr("Softened answers"))
        row.addLayout(left)
        row.addWidget(self.bars, 1)
        self.waiting = label(self.tr("They appear with the first evaluation of the training."), "secondary", wrap=True)
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pane = QWidget()
        self._pane.setLayout(row)
        row.setContentsMargins(0, 0, 0, 0)
        self.body.addWidget(self._pane, 1)
        self.body.addWidget(self.waiting, 1)

    def show_answers(
        self, answers: SoftAnswers | None, classes: tuple[str, ...], temperature: float, why_not: str = ""
    ) -> None:
        """Show the latest answers; the view follows the plan's temperature until the slider is moved.

        `why_not` is why there never are any.
        """
        known = answers is not None and len(answers.student) > 0
        self._answers, self._classes = (answers if known else None), classes
        if temperature != self._planned:
            self._planned = temperature
            self.slider.set_value(temperature)
        for widget in (self._pane, self.earlier, self.later):
            widget.setVisible(known)
        self.set_compact(self._compact)
        self.waiting.setText(why_not or self.tr("They appear with the first evaluation of the training."))
        self.waiting.setVisible(not known)
        self._draw()

    def set_compact(self, compact: bool) -> None:
        """Without the explanation and the legend, where there is little room."""
        self._compact = compact
        self.set_title(self.tr("Softened answers"), "" if compact else self.tr("probability of each class at T"))
        taught = self._answers is not None and self._answers.teacher is not None
        self.legend.setVisible(not compact and taught)

    def _step(self, direction: int) -> None:
        if self._answers is not None:
            self._sample = (self._sample + direction) % len(self._answers.student)
            self._draw()

    @property
    def sample(self) -> int:
        """Number of the shown sample."""
        return self._sample

    def _draw(self) -> None:
        temperature = self.slider.value()
        self.value.setText(f"{temperature:.1f}")
        if self._answers is None:
            return
        self._sample = min(self._sample, len(self._answers.student) - 1)
        student = softmax(self._answers.student[self._sample], temperature)
        taught = self._answers.teacher
        teacher = softmax(taught[self._sample], temperature) if taught is not None else None
        previews = self._answers.previews
        preview = previews[self._sample] if self._sample < len(previews) else None
        self.image.setVisible(preview is not None)
        self.image.show_pixels(preview.image if preview else None)
        true = preview.label if preview else ""
        self.sample_text.set_text(self.tr("sample {0}").format(self._sample + 1))
        self.label_text.set_text(true)
        self.bars.show_answers(self._classes, teacher, student, true)


class SampleImage(QWidget):
    """A square picture of a sample, small ones with their pixels kept sharp."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self.setAccessibleName(self.tr("Sample"))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)

    def show_pixels(self, pixels: NDArray[np.uint8] | None) -> None:
        """Show uint8 (h, w, 3)."""
        if pixels is None:
            self._image = QImage()
        else:
            sharp = np.ascontiguousarray(pixels)
            height, width = sharp.shape[:2]
            # a copy: QImage does not keep the array alive
            self._image = QImage(sharp.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(136, 136)

    def minimumSizeHint(self) -> QSize:
        return QSize(136, 64)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._image.isNull():
            return
        side = float(min(self.width(), self.height()))
        scale = side / max(self._image.width(), self._image.height())
        box = QRectF(0, 0, self._image.width() * scale, self._image.height() * scale)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < 1)
        path = QPainterPath()
        path.addRoundedRect(box, 4, 4)
        painter.setClipPath(path)
        painter.drawImage(box, self._image)
        painter.end()
