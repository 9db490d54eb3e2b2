"""The sample, the answers of both networks, and where along the network the answer starts to change."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from secateur.figures import number, share, span
from secateur.model.maps import AnswerAt, Guess, TakenSample
from secateur.session.followed import Followed
from secateur.ui.plots.depth_charts import AnswerDepth, OutputDepth, flip_of
from secateur.ui.plots.map_colours import image_of
from secateur.ui.theme.style import color
from secateur.ui.widgets.card import Card, label, set_tone
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.segmented import Segmented
from secateur.ui.widgets.text_pieces import TextPieces

PICTURE = 60
MOST_PORTS = 3
"""Ports that have a picture of their own."""
SHOWN = 3


class SamplePicture(QWidget):
    """The sample as the network is fed, with hard pixels where it is small."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sample_picture")
        self.setFixedSize(PICTURE, PICTURE)
        self._pixels: NDArray[np.uint8] | None = None
        self._image: QImage | None = None

    def show_image(self, pixels: NDArray[np.uint8] | None, words: str) -> None:
        self.setAccessibleName(words)
        self.setToolTip(words)
        if pixels is not self._pixels:
            self._pixels = pixels
            self._image = None if pixels is None else image_of(pixels)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._image is None:
            painter.fillRect(self.rect(), color("well"))
        else:
            size = self._image.size().scaled(QSize(PICTURE, PICTURE), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(self.rect().topLeft(), size)
            target.moveCenter(self.rect().center())
            small = self._image.width() < PICTURE
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not small)
            painter.drawImage(target, self._image)
            painter.setPen(color("border"))  # white pixels on a white card have an edge
            painter.drawRect(target.adjusted(0, 0, -1, -1))
        painter.end()


class SamplePictures(QWidget):
    """The sample as a picture: one, or one for each port under its name."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(8)
        self._places: list[tuple[SamplePicture, ElidedLabel]] = []
        self._shown: object = None

    @property
    def names(self) -> tuple[str, ...]:
        """The ports whose pictures are shown; empty for the one picture of the only port."""
        return tuple(name.text() for _, name in self._places if name.text())

    def show_sample(self, taken: TakenSample | None) -> None:
        """Show what this sample is fed; nothing of a text, which is read."""
        if taken is self._shown and self._places:
            return
        self._shown = taken
        inputs = taken.inputs[:MOST_PORTS] if taken else ()
        self._make(max(1, len(inputs)))
        title = taken.title if taken else ""
        if not inputs:
            picture, name = self._places[0]
            picture.show_image(taken.image if taken else None, title)
            name.set_text("")
            name.hide()
            return
        for (picture, name), fed in zip(self._places, inputs, strict=True):
            shape = " × ".join(str(size) for size in fed.shape) or "1"
            read = ", ".join(number(value) for value in fed.numbers) or span(fed.low, fed.high)
            picture.show_image(fed.image, f"{fed.port} ({shape}): {read}")
            name.set_text(fed.port)
            name.setVisible(True)

    def _make(self, count: int) -> None:
        while len(self._places) < count:
            picture, name = SamplePicture(), ElidedLabel(size=11, role="secondary")
            name.setFixedWidth(PICTURE)
            column = QVBoxLayout()
            column.setSpacing(2)
            column.addWidget(picture)
            column.addWidget(name)
            column.addStretch(1)
            self._row.addLayout(column)
            self._places.append((picture, name))
        for place, (picture, name) in enumerate(self._places):
            picture.setVisible(place < count)
            name.setVisible(place < count)
            if place >= count:
                name.set_text("")


class SampleAnswer(Card):
    """`layer_selected(name)` from the curves."""

    layer_selected = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setObjectName("sample_answer")
        self._kind = "score"
        self.set_title(self.tr("Where the answer starts to change"))
        self.kind = Segmented(
            [("score", self.tr("Share")), ("margin", self.tr("Margin")), ("deviation", self.tr("Distance"))],
            self.tr("What is shown of the answer"),
        )
        self.kind.setObjectName("answer_kind")
        self.kind.set_value("score")
        self.kind.set_tooltip("score", self.tr("Softmax of the class that the original answers"))
        self.kind.set_tooltip("margin", self.tr("Lead of that class's score over the best other one"))
        self.kind.set_tooltip("deviation", self.tr("Distance of all outputs from the original's, relative to them"))
        self.kind.chosen.connect(self._choose_kind)
        self.pictures = SamplePictures()
        self.texts = TextPieces("sample_texts")
        self.texts.hide()
        self.title = ElidedLabel(size=12, weight=600)
        self.label = ElidedLabel(size=11, role="secondary")
        self._guesses = [ElidedLabel(size=12) for _ in range(SHOWN)]
        self.verdict = label("", "secondary", wrap=True)
        self.verdict.setObjectName("answer_verdict")
        self.answers = AnswerDepth("answer_depth", self.tr("The answer along the network"))
        self.errors = OutputDepth("output_depth", self.tr("Output SQNR along the network, for this sample"))
        self._assemble()
        self._followed = Followed()
        self._selected = ""

    def _assemble(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.title)
        words.addWidget(self.label)
        words.addSpacing(2)
        for guess in self._guesses:
            words.addWidget(guess)
        words.addStretch(1)
        self._head = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._head.setSpacing(12)
        self._head.addWidget(self.pictures, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._head.addLayout(words, 1)
        self.body.addLayout(self._head)
        self.body.addWidget(self.texts)
        self.body.addWidget(self.kind)
        self.errors.share_x(self.answers)  # a closer look at one is a closer look at both
        for chart, stretch in ((self.answers, 3), (self.errors, 2)):
            chart.setMinimumHeight(80)
            chart.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
            chart.layer_selected.connect(self.layer_selected)
            self.body.addWidget(chart, stretch)
        self.body.addWidget(self.verdict)

    def _choose_kind(self, kind: str) -> None:
        self._kind = kind
        self._show_curves()

    # ------------------------------------------------------------------ state in

    def show_followed(self, followed: Followed, selected: str) -> None:
        """Show the sample, its answers, and the curves with this layer banded."""
        self._followed, self._selected = followed, selected
        taken = followed.taken
        self.pictures.show_sample(taken)
        directions = QBoxLayout.Direction
        has_several = taken is not None and len(taken.inputs) > 1  # they leave no room beside them for the answers
        self._head.setDirection(directions.TopToBottom if has_several else directions.LeftToRight)
        self.texts.show_texts(taken.texts if taken else (), taken.tokens if taken else ())
        self.texts.setVisible(bool(self.texts.texts))
        self.pictures.setHidden(bool(self.texts.texts))
        self.title.set_text(taken.title if taken else "")
        self.label.set_text(self.tr("labelled {0}").format(taken.label) if taken and taken.label else "")
        end = followed.end
        for place, words in enumerate(_guess_words(end.original, end.compressed) if end else ("",) * SHOWN):
            self._guesses[place].set_text(words)
            self._guesses[place].setToolTip(words)
            self._guesses[place].setVisible(bool(words) or not (taken and taken.texts))
        scored = any(answer.score is not None for answer in followed.answers)
        unscored = bool(followed.answers) and not scored
        if unscored and self._kind != "deviation":
            self._kind = "deviation"
            self.kind.set_value("deviation")
        reason = self.tr("The outputs are no class scores.")
        self.kind.set_enabled_keys(("deviation",) if unscored else ("score", "margin", "deviation"), reason)
        self._show_curves()
        self._show_verdict()

    def _show_curves(self) -> None:
        followed = self._followed
        layers = followed.taken.layers if followed.taken else ()
        self.answers.show_answers(layers, followed.answers, self._selected, self._kind)
        self.errors.show_maps(layers, [followed.maps.get(layer) for layer in layers], self._selected)

    def _show_verdict(self) -> None:
        followed = self._followed
        beside = followed.taken.beside if followed.taken else ""
        if followed.taken is None:
            words = ""
        elif not beside:
            words = self.tr("Nothing is planned: the original alone. Plan a method, or choose a run.")
        elif followed.end is not None and followed.end.unsaid and len(followed.answers) <= 1:
            words = followed.end.unsaid
        else:
            rule = self.tr("At each layer: the layers up to it from {0}, the rest from the original.").format(beside)
            parts = [_verdict(followed.answers), rule, followed.end.unsaid if followed.end else ""]
            words = " ".join(part for part in parts if part)
        set_tone(self.verdict, "")
        if self.verdict.text() != words:
            self.verdict.setText(words)
        self.verdict.setVisible(bool(words))


def _guess_words(original: Sequence[Guess], compressed: Sequence[Guess]) -> tuple[str, ...]:
    """`cat  98.2 % → 91.0 %` for the classes that the original finds likeliest, and the one that took its place."""
    after = {guess.name: guess.score for guess in compressed}
    shown = list(original[:SHOWN])
    first = compressed[0].name if compressed else ""
    if first and all(guess.name != first for guess in shown):
        before = next((guess.score for guess in original if guess.name == first), None)
        shown = [*shown[: SHOWN - 1], Guess(first, -1.0 if before is None else before)]
    words = []
    for guess in shown:
        said = share(None) if guess.score < 0 else share(guess.score)
        words.append(f"{guess.name}: {said}" + (f" → {share(after.get(guess.name))}" if compressed else ""))
    return (*words, *[""] * (SHOWN - len(words)))


def _verdict(answers: Sequence[AnswerAt]) -> str:
    known = [answer for answer in answers if answer.answer is not None]
    if len(known) < 2:
        return ""
    flip = flip_of(answers)
    if flip:
        back = known[-1].answer == known[0].answer
        return f"Another class is answered from {flip} on{', and the first one again at the end' if back else ''}."
    tried = "at every layer" if len(known) == len(answers) else "wherever it could be tried"
    return f"The class that is answered is the original's {tried}."
