"""The cards of the plan panel: one for each family of methods, with switch, variants, form and reason."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from secateur.figures import counted
from secateur.graph.context import LeftOut
from secateur.methods.base import Family, Method
from secateur.methods.fields import carried
from secateur.methods.left_out import sentences_about
from secateur.methods.offers import Variant
from secateur.model.description import Layer
from secateur.session.state import SessionState
from secateur.targets import target_named
from secateur.targets.channel_steps import liking
from secateur.ui.panels.plan_families import TITLES, reason_against, summary, variants
from secateur.ui.panels.plan_form import MethodForm
from secateur.ui.theme.style import notifier
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import Card, label
from secateur.ui.widgets.segmented import Segmented
from secateur.ui.widgets.switch import Switch
from secateur.ui.widgets.why_not import set_why_not


class FamilyCard(Card):
    """The step of one family on the selected layers. `wanted(method | None, merge)`; None takes it out."""

    wanted = Signal(object, str)

    def __init__(self, family: Family, parent: QWidget | None = None) -> None:
        super().__init__(TITLES[family], "", family, parent)
        self.setObjectName(f"card_{family}")
        self.family = family
        self.variants = variants(family)
        self._variant = self._preferred = self.variants[0]
        self._last: dict[str, Method] = {}
        self._channel_step = 0
        self.switch = Switch(TITLES[family])
        self.switch.setObjectName(f"switch_{family}")
        self.switch.setToolTip(summary(type(self._variant.method)))
        self.switch.toggled.connect(self._switched)
        self.add_trailing(self.switch)
        self.segments = Segmented([(v.key, v.label) for v in self.variants], TITLES[family])
        self.segments.setObjectName(f"variants_{family}")
        for variant in self.variants:
            self.segments.set_tooltip(variant.key, summary(type(variant.method)))
        self.segments.chosen.connect(self._variant_chosen)
        self.body.addWidget(self.segments)
        self._forms = {variant.key: self._form(variant) for variant in self.variants}
        self.note = label("", "caption", wrap=True)
        self.note.setObjectName(f"note_{family}")
        self.body.addWidget(self.note)
        notifier.theme_changed.connect(self._draw_icon)

    def _form(self, variant: Variant) -> MethodForm:
        form = MethodForm(type(variant.method), self)
        form.setObjectName(f"form_{variant.key}")
        form.edited.connect(self._edited)
        self.body.addWidget(form)
        return form

    # ------------------------------------------------------------------ the model moves the widgets

    def show_layers(self, state: SessionState, layers: Sequence[Layer]) -> None:
        """Show what is planned for these layers, or why nothing can be."""
        self._channel_step = state.channel_step
        planned = [state.step_of(layer.name, self.family) for layer in layers]
        methods = [method for method in planned if method is not None]
        method = methods[0] if methods else None
        against = {v.key: reason_against(v.method, state.model, layers) for v in self.variants}
        self._variant = next((v for v in (self._preferred, *self.variants) if not against[v.key]), self._preferred)
        reason = against[self._variant.key]
        if method is not None:
            self._variant = self._preferred = next((v for v in self.variants if v.is_of(method)), self._variant)
            self._last[self._variant.key] = method
            self._forms[self._variant.key].show_method(method)
        is_on = method is not None
        self.switch.set_value(is_on)
        set_why_not(self.switch, "" if is_on else reason)
        self.set_off(bool(reason) and not is_on)
        self.segments.setVisible(is_on and len(self.variants) > 1)
        self.segments.set_value(self._variant.key if is_on else "")
        for key, form in self._forms.items():
            form.setVisible(is_on and key == self._variant.key)
        self._show_mixed(planned)
        self._show_note(reason, state, layers, is_on)
        self._draw_icon()

    def _show_mixed(self, planned: Sequence[Method | None]) -> None:
        """Several layers with different steps: say so, an edit then makes them equal."""
        mixed = len(set(planned)) > 1
        count = sum(method is not None for method in planned)
        self.set_title(TITLES[self.family], f"{count} of {len(planned)}" if mixed else "")

    def _show_note(self, reason: str, state: SessionState, layers: Sequence[Layer], is_on: bool) -> None:
        text = reason or (self._advice(state, layers) if is_on else "")
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _advice(self, state: SessionState, layers: Sequence[Layer]) -> str:
        """What a person should know about the chosen step: left-out layers, coupled layers, missing data."""
        method = self._method(self._variant)
        reasons = [(layer.name, method.supports(layer)) for layer in layers]
        left_out = [LeftOut(name, reason) for name, reason in reasons if reason]
        lines = [*sentences_about(left_out, len(layers), method.title)]
        coupled = sorted({name for layer in layers for name in layer.coupled} - {layer.name for layer in layers})
        if method.changes_widths and coupled:
            more = f" and {len(coupled) - 1} more" if len(coupled) > 1 else ""
            verb = "lose" if more else "loses"
            lines.append(f"{coupled[0]}{more} {verb} the same channels: they belong together.")
            self.note.setToolTip(", ".join(coupled))
        blocks = {layer.channel_block for layer in layers if not layer.fixed_channels} - {1}
        if method.changes_widths and blocks:
            lines.append(f"Channels go in blocks of {' or '.join(map(str, sorted(blocks)))}.")
        elif self.family == "quantize" and len(self.variants) > 1:
            lines.append(summary(type(method)))
        if method.changes_widths:
            lines.append(liking(target_named(state.target), state.channel_step))
        if method.wants_data and state.data is None:
            lines.append("Needs samples to run: open the data first.")
        return " ".join(lines)

    def _draw_icon(self) -> None:
        on, off = self.switch.isChecked(), not self.switch.isEnabled()
        self.set_icon(self.family, "disabled" if off else "badge:" + self.family if on else "secondary")

    # ------------------------------------------------------------------ the widgets move the model

    def _switched(self, on: bool) -> None:
        self.wanted.emit(self._method(self._variant) if on else None, "")

    def _variant_chosen(self, key: str) -> None:
        self._variant = self._preferred = next(v for v in self.variants if v.key == key)
        self.wanted.emit(self._method(self._variant), "")

    def _method(self, variant: Variant) -> Method:
        """What was planned of a variant last; before, as it is proposed for the target."""
        return self._last.get(variant.key) or variant.method.suited(self._channel_step)

    def _edited(self, method: Method, merge: str) -> None:
        self._last[self._variant.key] = method
        self.wanted.emit(method, merge)


class ModelCard(Card):
    """A step that concerns the whole model: on or off here, its form in a tab of its own."""

    wanted = Signal(object)
    tab_wanted = Signal(str)

    def __init__(self, family: Family, tab: str, parent: QWidget | None = None) -> None:
        super().__init__(TITLES[family], "whole model", family, parent)
        self.setObjectName(f"card_{family}")
        self.family, self._tab = family, tab
        self.variants = {variant.key: variant for variant in variants(family)}
        self._last = next(iter(self.variants.values())).method
        self.switch = Switch(TITLES[family])
        self.switch.setObjectName(f"switch_{family}")
        self.switch.setToolTip(summary(type(self._last)))
        self.switch.toggled.connect(lambda on: self.wanted.emit(self._last if on else None))
        self.add_trailing(self.switch)
        self._holder = QWidget()
        column = QVBoxLayout(self._holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        self.segments = Segmented([(v.key, v.label) for v in self.variants.values()], TITLES[family])
        self.segments.setObjectName(f"variants_{family}")
        for variant in self.variants.values():
            self.segments.set_tooltip(variant.key, summary(type(variant.method)))
        self.segments.chosen.connect(lambda key: self.wanted.emit(carried(self.variants[key].method, self._last)))
        self.summary = label("", "caption", wrap=True)
        self.summary.setObjectName(f"summary_{family}")
        self.link = Button(self.tr("Settings and curves"), "link")
        self.link.setObjectName(f"link_{family}")
        self.link.clicked.connect(lambda: self.tab_wanted.emit(self._tab))
        column.addWidget(self.segments)
        column.addWidget(self.summary)
        column.addWidget(self.link, 0, Qt.AlignmentFlag.AlignLeft)
        self.body.addWidget(self._holder)
        notifier.theme_changed.connect(self._draw_icon)

    def show_state(self, state: SessionState) -> None:
        method = state.model_step(self.family)
        untrainable = state.model is not None and not state.model.trainable
        self._last = method or self._last
        self.switch.set_value(method is not None)
        lacking = f"Needs a trainable network. {state.model.reason}".strip() if untrainable and state.model else ""
        set_why_not(self.switch, "" if method is not None else lacking)
        self.set_off(untrainable and method is None)
        self.link.setVisible(method is not None)
        self.segments.setVisible(method is not None and len(self.variants) > 1)
        self.segments.set_value(next((v.key for v in self.variants.values() if method and v.is_of(method)), ""))
        if lacking and method is None:
            self.summary.setText(lacking)
        elif method is None:
            self.summary.setText(self.tr("Off. Train after pruning to win back accuracy."))
        else:
            self.summary.setText(self._words(method))
        self._draw_icon()

    def _words(self, method: Method) -> str:
        values = method.model_dump()
        length = [counted(values["epochs"], "epoch")] if "epochs" in values else []
        shown = [("temperature", "temperature {}"), ("alpha", "label weight {}")]
        return " · ".join(length + [text.format(f"{values[name]:g}") for name, text in shown if name in values])

    def _draw_icon(self) -> None:
        on = self.switch.isChecked()
        self.set_icon(self.family, "badge:" + self.family if on else "secondary")
