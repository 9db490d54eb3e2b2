"""The Distil tab: the parameters of the planned training, and the training while it runs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from secateur.data.metrics import kind_of
from secateur.engine.events import CurvePoint
from secateur.engine.requests import Compress
from secateur.figures import count, counted, duration, number, share, thousands
from secateur.methods import first_of
from secateur.methods.base import Method
from secateur.methods.distil.pairs import FeaturePair, pairs_of, with_pairs
from secateur.methods.distil.training import Training
from secateur.methods.fields import carried
from secateur.session.state import SessionState
from secateur.ui.panels.answers_card import AnswersCard
from secateur.ui.panels.curve_data import CurveData, Floats
from secateur.ui.panels.pairs_card import PairsCard
from secateur.ui.panels.plan_families import summary, variants
from secateur.ui.panels.plan_form import MethodForm
from secateur.ui.panels.role_card import RoleCard
from secateur.ui.panels.tab_view import GAP, TabView
from secateur.ui.plots.curves import CurvePlot, Series
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import Card, label
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.progress_line import ProgressLine
from secateur.ui.widgets.segmented import Segmented

WINDOW = 41
"""Steps in the running mean of the loss."""
TERMS = (("third", True), ("original", False), ("third", False), ("original", True))
"""Colour of the terms of a loss in their order, and whether they are dashed; the total has its own."""
CHOOSING = ("classification", "none")
"""Tasks whose answer is the largest of a row of scores."""
NARROW = 900
FORM = (248, 316)


class DistilTab(TabView):
    """`distillation_wanted(method | None, merge)`: parameters changed, the step added, or taken out."""

    shows: ClassVar[frozenset[str]] = frozenset(
        {
            "answers",
            "baseline",
            "chosen_step",
            "curve",
            "data",
            "jobs",
            "model",
            "progress",
            "recipe",
        }
    )

    distillation_wanted = Signal(object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("distil", "Distil", parent)
        self._data = CurveData()
        self._loss_words = ""
        self.missing.wanted.connect(lambda: self.distillation_wanted.emit(first_of("distil"), ""))
        self._build_head()
        row = QHBoxLayout()
        row.setSpacing(GAP)
        self._forms: dict[type[Method], MethodForm] = {}
        self._form_card = Card(first_of("distil").title)
        self._build_form(self._form_card)
        self._form_card.setFixedWidth(FORM[0])
        row.addWidget(self._form_card)
        right = QVBoxLayout()
        right.setSpacing(GAP)
        right.addLayout(self._build_curves(), 1)
        self.answers = AnswersCard()
        right.addWidget(self.answers, 1)
        row.addLayout(right, 1)
        self.column.addLayout(row, 1)

    # ------------------------------------------------------------------ building

    def _build_head(self) -> None:
        self.head = QWidget()
        row = QHBoxLayout(self.head)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        self.title = label("", "title")
        self.title.setObjectName("distil_progress")
        self.detail = ElidedLabel(role="secondary")
        self.line = ProgressLine(self.tr("Progress of the training"))
        self.line.setMaximumWidth(250)
        self.percent = label("", "strong")
        row.addWidget(self.title)
        row.addWidget(self.detail, 1)
        row.addWidget(self.line)
        row.addWidget(self.percent)
        self.column.addWidget(self.head)

    def _build_form(self, card: Card) -> None:
        self.kinds = {variant.key: variant for variant in variants("distil")}
        self.kind = Segmented([(v.key, v.label) for v in self.kinds.values()], self.tr("Way to train"))
        self.kind.setObjectName("distil_kind")
        for variant in self.kinds.values():
            self.kind.set_tooltip(variant.key, summary(type(variant.method)))
        self.kind.chosen.connect(self._change_kind)
        card.body.addWidget(self.kind)
        roles = QHBoxLayout()
        roles.setSpacing(8)
        self.teacher = RoleCard("original", self.tr("Teacher"))
        self.student = RoleCard("result", self.tr("Student"))
        roles.addWidget(self.teacher, 1)
        roles.addWidget(self.student, 1)
        card.body.addLayout(roles)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # what it holds is scrolled here, and does not make the whole tab taller than there is room
        scroll.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        scroll.setMinimumHeight(64)
        holder = QWidget()
        self._form_column = QVBoxLayout(holder)
        self._form_column.setContentsMargins(0, 4, 4, 0)
        self._form_column.addStretch(1)
        self.form = self._form_of(type(first_of("distil")))
        scroll.setWidget(holder)
        scroll.viewport().setAutoFillBackground(False)
        holder.setAutoFillBackground(False)
        card.body.addWidget(scroll, 1)
        self.pairs = PairsCard()
        self.pairs.pairs_wanted.connect(self._change_pairs)
        self._form_column.insertWidget(self._form_column.count() - 1, self.pairs)
        tip = self.tr("The other steps stay; they run without training afterwards")
        self.remove = Button(self.tr("Take out of the plan"), "ghost", "close", tip)
        self.remove.setObjectName("distil_remove")
        self.remove.clicked.connect(lambda: self.distillation_wanted.emit(None, ""))
        card.body.addWidget(self.remove, 0, Qt.AlignmentFlag.AlignLeft)

    def _form_of(self, kind: type[Method]) -> MethodForm:
        """The form of this way to train in place of the one that is shown; each is made once."""
        if kind not in self._forms:
            form = self._forms[kind] = MethodForm(kind)
            form.setObjectName("distil_form")
            form.edited.connect(self.distillation_wanted)
            self._form_column.insertWidget(0, form)
        for other, form in self._forms.items():
            form.setVisible(other is kind)
        self._form_card.set_title(kind.title)
        return self._forms[kind]

    def _build_curves(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GAP)
        self._loss_card, self._quality_card = Card(self.tr("Loss")), Card(self.tr("Quality"))
        self.loss = CurvePlot("loss_curve", self.tr("Loss"))
        self.quality = CurvePlot("quality_curve", self.tr("Quality"))
        self.quality.share_x(self.loss)  # a closer look at some epochs is one at both
        for card, plot in ((self._loss_card, self.loss), (self._quality_card, self.quality)):
            card.body.addWidget(plot, 1)
            row.addWidget(card, 1)
        return row

    # ------------------------------------------------------------------ state in

    def show_state(self, state: SessionState, selected: Sequence[str] = ()) -> None:
        """Show the planned distillation and the training so far; the selection would be another pair of layers."""
        method = state.model_step("distil")
        if not isinstance(method, Training):
            self._show_unplanned(state)
            return
        self.form = self._form_of(type(method))
        self.form.show_method(method)
        self.kind.set_value(next((v.key for v in self.kinds.values() if v.is_of(method)), ""))
        self.teacher.setVisible(method.has_teacher)
        self._show_roles(state)
        self._data.extend(state.curve)
        last = state.curve[-1] if state.curve else None
        self._show_head(state, last)
        self._show_pairs(method, state, selected)
        x_end = last.course_end if last else float(method.epochs)
        self._show_loss(x_end)
        self._show_quality(state, x_end)
        self._show_answers(state, method.softening)
        self.show_content()

    def _show_unplanned(self, state: SessionState) -> None:
        title = self.tr("No distillation planned")
        text = self.tr(
            "The compressed network learns the original's answers and wins back accuracy. Curves appear as it trains."
        )
        reason = "" if state.model else self.tr("Open a model first.")
        if state.model is not None and not state.model.trainable:
            reason = self.tr("It needs a trainable network. {0}").format(state.model.reason)
        self.show_missing("distil", title, text, self.tr("Add distillation to the plan"), why_not=reason)

    def _show_pairs(self, method: Method, state: SessionState, selected: Sequence[str]) -> None:
        pairs = pairs_of(method)
        self.pairs.setVisible(pairs is not None)
        layers = state.model.layers if state.model else ()
        self.pairs.show_pairs(pairs or (), layers, selected)

    def _change_kind(self, key: str) -> None:
        if (method := self.form.method) is not None:
            self.distillation_wanted.emit(carried(self.kinds[key].method, method), "")

    def _change_pairs(self, pairs: tuple[FeaturePair, ...]) -> None:
        if (method := self.form.method) is not None:
            self.distillation_wanted.emit(with_pairs(method, pairs), "")

    def _show_roles(self, state: SessionState) -> None:
        model = state.model
        metric = state.baseline.metric if state.baseline else None
        quality = kind_of(metric.name).write(metric.value) if metric else ""
        params = self.tr("{0} params").format(count(model.params)) if model else ""
        self.teacher.show_words(self.tr("original"), " · ".join(w for w in (params, quality) if w))
        planned = len(state.planned_layers)
        words = self.tr("{0} changed").format(counted(planned, self.tr("layer")))
        self.student.show_words(self.tr("from the plan"), words)

    def _show_head(self, state: SessionState, last: CurvePoint | None) -> None:
        job = next((job for job in state.jobs if isinstance(job.request, Compress)), None)
        if last is None:
            self.title.setText(self.tr("Not trained yet"))
            self.detail.set_text(self.tr("Run the plan to start: curves are drawn as it trains."))
        else:
            epoch = min(int(last.epoch) + 1, last.epochs)
            per_epoch = max(last.steps // max(last.epochs, 1), 1)
            step = min(last.step - (epoch - 1) * per_epoch, per_epoch)
            words = self.tr("Epoch {0} of {1}, step {2} of {3}")
            title = words.format(epoch, last.epochs, thousands(step), thousands(per_epoch))
            turn = self.tr("Round {0} of {1}").format(last.round, last.rounds) if last.rounds else ""
            self.title.setText(" · ".join(part for part in (turn, title) if part))
            self.detail.set_text(" · ".join(self._speed_words(last, running=job is not None)))
        done = last.step / last.steps if last and last.steps else 0.0
        self.line.set_share(done)
        self.line.setVisible(last is not None)
        self.percent.setText(f"{done * 100:.0f}\u00a0%" if last else "")

    def _speed_words(self, last: CurvePoint, *, running: bool) -> list[str]:
        if not running:
            return [self.tr("finished") if last.step >= last.steps else self.tr("stopped")]
        words = []
        if last.step and last.samples_per_second:
            method = self.form.method
            batch = method.batch_size if isinstance(method, Training) else 0
            seconds = (last.steps - last.step) * batch / last.samples_per_second
            words.append(self.tr("{0} of training left").format(duration(seconds)))
            words.append(self.tr("{0} samples/s").format(thousands(last.samples_per_second)))
        return words or [self.tr("starting")]

    def _show_loss(self, x_end: float) -> None:
        series = []
        for index, title in enumerate(self._data.terms):
            role, dashed = TERMS[index % len(TERMS)]
            series += self._loss_series(title, self._data.term(title), role, dashed=dashed)
        series[1:1] = self._loss_series(self.tr("total"), self._data.column("loss"), "result", raw=True)
        window = max((s.window for s in series), default=1)
        self._loss_words = self.tr("{0}-point mean over the raw curve").format(window) if window > 1 else ""
        self._shed()
        units = set(self._data.terms.values())
        quantity = self.tr("loss in {0}").format(*units) if len(units) == 1 and "" not in units else self.tr("loss")
        self.loss.show_series(series, x_end=x_end, quantity=quantity, rounds=self._data.rounds)

    @staticmethod
    def _loss_series(
        name: str, points: tuple[Floats, Floats], role: str, *, dashed: bool = False, raw: bool = False
    ) -> list[Series]:
        """The curve of the total or of a term, as a list of one; of none where there are no points."""
        x, y = points
        if not len(x):
            return []
        window = WINDOW if len(x) > 4 * WINDOW else max(len(x) // 8, 1)
        made = Series(name, x, y, role, "", dashed=dashed, raw=raw, window=window)
        return [replace(made, end=f"{number(float(made.mean[-1]))} {name}")]

    def _show_quality(self, state: SessionState, x_end: float) -> None:
        """Metric and agreement where both are shares, on one axis; else the metric alone, in its own unit."""
        metric = state.baseline.metric if state.baseline else None
        kind = kind_of(metric.name if metric else "")
        is_share = metric is None or kind.is_share
        write = share if is_share else kind.write
        curves = [("metric", kind.noun, "result", False)]
        if is_share:
            curves.insert(0, ("agreement", self.tr("agreement"), "third", True))
        series = []
        for column, words, role, dashed in curves:
            x, y = self._data.column(column)
            if len(x):
                series.append(Series(words, x, y, role, f"{write(float(y[-1]))} {words}", dashed=dashed))
        method = self.form.method
        taught = isinstance(method, Training) and method.has_teacher
        who = self.tr("teacher {0}") if taught else self.tr("original {0}")
        reference = (metric.value, who.format(write(metric.value))) if metric else None
        quantity = self.tr("share of held-out samples") if is_share else kind.noun
        self.quality.show_series(
            series, x_end=x_end, quantity=quantity, reference=reference, percent=is_share, rounds=self._data.rounds
        )

    def _show_answers(self, state: SessionState, temperature: float) -> None:
        data, why_not = state.data, ""
        if data is not None and data.task not in CHOOSING:
            why_not = self.tr("There are none: the answers of this data are no choice of one class.")
        self.answers.show_answers(state.answers, data.classes if data else (), temperature, why_not)

    # ------------------------------------------------------------------ arrangement

    def _shed(self) -> None:
        """Secondary words and pixels go before anything is shortened."""
        narrow = self.width() < NARROW
        self._loss_card.set_title(self.tr("Loss"), "" if narrow else self._loss_words)
        self._quality_card.set_title(self.tr("Quality"), "" if narrow else self.tr("on held-out samples"))
        self._form_card.setFixedWidth(FORM[0] if narrow else FORM[1])
        self.answers.set_compact(narrow)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._shed()
