"""A form made from the fields of a model (a method, the options of a format): type, default, range and title say which
control it is.

One choice of a few short ones is a segmented control, of more a combo box; a share or a small range is a
slider with a field; other numbers are fields; a bool is a switch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QWidget

from secateur.methods.base import Method
from secateur.methods.fields import control_of, fields_of
from secateur.ui.widgets.card import label
from secateur.ui.widgets.number_field import MOST_DIGITS, NumberField
from secateur.ui.widgets.segmented import Segmented
from secateur.ui.widgets.slider import RatioSlider
from secateur.ui.widgets.switch import Switch

LABEL_WIDTH = 68
FIELD_WIDTH = 62
SHORT_DIGITS = 3
"""What fits the field beside a slider; more would show the last digits and hide the first."""

_SHORT = 12
"""Letters of all choices together that still fit a segmented control beside a label."""

CHOICES = {
    "minmax": "Min and max",
    "percentile": "Percentile",
    "mse": "Least error",
    "entropy": "Entropy",
    "gptq": "GPTQ",
    "nearest": "Nearest",
    "l1": "L1",
    "l2": "L2",
    "taylor": "Taylor",
    "original": "The original",
    "none": "None",
    "symmetric": "Symmetric",
    "affine": "Affine",
    "energy": "Energy",
    "rank_ratio": "Rank ratio",
    "rank": "Rank",
}
"""How a choice is written; any other is shown as it stands in the recipe."""

Commit = Callable[[Any, bool], None]
"""Takes a new value, and whether it is part of a drag that goes on."""


@dataclass(frozen=True)
class Bounds:
    """Range of a number field; open ends exclude the bound itself."""

    low: float
    high: float
    open_low: bool
    open_high: bool

    @property
    def span(self) -> float:
        return self.high - self.low


def bounds(info: FieldInfo) -> Bounds:
    """The range that a field's annotations state; unbounded ends stand at a billion."""
    low, high, open_low, open_high = -1e9, 1e9, False, False
    for rule in info.metadata:
        match rule:
            case annotated_types.Ge(ge):
                low = float(ge)  # type: ignore[arg-type]
            case annotated_types.Gt(gt):
                low, open_low = float(gt), True  # type: ignore[arg-type]
            case annotated_types.Le(le):
                high = float(le)  # type: ignore[arg-type]
            case annotated_types.Lt(lt):
                high, open_high = float(lt), True  # type: ignore[arg-type]
    return Bounds(low, high, open_low, open_high)


def slider_step(info: FieldInfo) -> float | None:
    """The step of a slider for this field, None where a slider is too coarse or too long for it.

    A hundred steps at most, and the default must be one of them: so a learning rate stays a field.
    """
    span = bounds(info)
    if info.annotation is not float or span.open_low or span.span > 50:
        return None
    step = 0.01 if span.span <= 1 else 0.5
    default = (float(info.default) - span.low) / step
    return step if abs(default - round(default)) < 1e-9 else None


class FieldsForm(QWidget):
    """Rows for the fields of `fields_class`. `edited(values, merge)` on every change.

    `merge` is the same during one drag and empty otherwise, so that a drag is one step of undo.
    """

    edited = Signal(object, str)

    def __init__(
        self,
        fields_class: type[BaseModel],
        parent: QWidget | None = None,
        *,
        label_width: int = LABEL_WIDTH,
    ) -> None:
        super().__init__(parent)
        self.fields_class = fields_class
        self._values: BaseModel | None = None
        self._gesture = 0
        self._setters: dict[str, Callable[[Any], None]] = {}
        self._rows: dict[str, tuple[QLabel, QWidget]] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnMinimumWidth(0, label_width)
        self._grid.setColumnStretch(1, 1)
        for name, info in fields_of(fields_class).items():
            if has_control(info):
                self._add_row(name, info)

    def show_values(self, values: BaseModel) -> None:
        """Show these values without `edited`."""
        self._values = values
        for name, set_value in self._setters.items():
            set_value(getattr(values, name))
        for name, row in self._rows.items():
            for widget in row:
                widget.setVisible(self._concerns(values, name))

    @property
    def values(self) -> BaseModel | None:
        return self._values

    @property
    def has_fields(self) -> bool:
        return bool(self._rows)

    @staticmethod
    def _concerns(values: BaseModel, name: str) -> bool:
        """Whether a field counts: one named like a choice of another field counts only with that choice."""
        for other, info in type(values).model_fields.items():
            if other != name and name in get_args(info.annotation):
                return bool(getattr(values, other) == name)
        return True

    def _add_row(self, name: str, info: FieldInfo) -> None:
        title = info.title or name.replace("_", " ")
        caption = label(title, "secondary")
        caption.setToolTip(info.description or "")
        editor = self._editor(name, info, title, self._committer(name))
        editor.setToolTip(info.description or "")
        at = self._grid.rowCount()
        self._grid.addWidget(caption, at, 0, Qt.AlignmentFlag.AlignVCenter)
        self._grid.addWidget(editor, at, 1)
        self._rows[name] = (caption, editor)

    def _committer(self, name: str) -> Commit:
        def commit(value: Any, dragging: bool) -> None:
            if self._values is None:
                return
            merge = f"{self.fields_class.__name__}.{name}.{self._gesture}" if dragging else ""
            changed = self._values.model_copy(update={name: value})
            if changed != self._values:
                self.show_values(changed)
                self.edited.emit(changed, merge)

        return commit

    # ------------------------------------------------------------------ one control each

    def _editor(self, name: str, info: FieldInfo, title: str, commit: Commit) -> QWidget:
        if control_of(info) == "choice":
            return self._choice(name, get_args(info.annotation), title, commit)
        if info.annotation is bool:
            return self._switch(name, title, commit)
        step = slider_step(info)
        if step is not None:
            return self._slider(name, info, step, title, commit)
        return self._field(name, info, title, commit)

    def _choice(self, name: str, choices: tuple[Any, ...], title: str, commit: Commit) -> QWidget:
        words = [(str(c), CHOICES.get(str(c), str(c))) for c in choices]
        values = {str(c): c for c in choices}
        if len(choices) <= 4 and sum(len(text) for _, text in words) <= _SHORT:
            segments = Segmented(words, title)
            segments.setObjectName(f"field_{name}")
            segments.chosen.connect(lambda key: commit(values[key], False))
            self._setters[name] = lambda value: segments.set_value(str(value))
            return segments
        combo = QComboBox()
        combo.setObjectName(f"field_{name}")
        combo.setAccessibleName(title)
        for key, text in words:
            combo.addItem(text, key)
        combo.activated.connect(lambda index: commit(values[combo.itemData(index)], False))
        self._setters[name] = lambda value: combo.setCurrentIndex(combo.findData(str(value)))
        return combo

    def _switch(self, name: str, title: str, commit: Commit) -> QWidget:
        switch = Switch(title)
        switch.setObjectName(f"field_{name}")
        switch.toggled.connect(lambda on: commit(on, False))
        self._setters[name] = switch.set_value
        return _at_left(switch)

    def _slider(self, name: str, info: FieldInfo, step: float, title: str, commit: Commit) -> QWidget:
        span = bounds(info)
        high = span.high - step if span.open_high else span.high
        ticks = [span.low + span.span * quarter for quarter in (0.25, 0.5, 0.75)]
        slider = RatioSlider(span.low, high, step=step, ticks=ticks, name=title)
        slider.setObjectName(f"slider_{name}")
        field = _number_field(name, info, title, digits=SHORT_DIGITS)
        field.setFixedWidth(FIELD_WIDTH)
        slider.moved.connect(lambda value: commit(round(value, 6), True))
        slider.settled.connect(lambda _: self._end_gesture())
        field.edited.connect(lambda value: commit(value, False))
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(slider, 1)
        row.addWidget(field)

        def show(value: Any) -> None:
            slider.set_value(value)
            field.set_value(value)

        self._setters[name] = show
        return holder

    def _field(self, name: str, info: FieldInfo, title: str, commit: Commit) -> QWidget:
        field = _number_field(name, info, title)
        field.setFixedWidth(96)
        kind = int if info.annotation is int else float
        field.edited.connect(lambda value: commit(kind(value), False))
        self._setters[name] = field.set_value
        return _at_left(field)

    def _end_gesture(self) -> None:
        self._gesture += 1


class MethodForm(FieldsForm):
    """The form of a method's parameters. `edited(method, merge)` on every change."""

    def __init__(self, method_class: type[Method], parent: QWidget | None = None) -> None:
        super().__init__(method_class, parent)
        self.method_class = method_class

    def show_method(self, method: Method) -> None:
        """Show a method's parameters without `edited`."""
        self.show_values(method)

    @property
    def method(self) -> Method | None:
        return self.values if isinstance(self.values, Method) else None


def _number_field(name: str, info: FieldInfo, title: str, digits: int = MOST_DIGITS) -> NumberField:
    span = bounds(info)
    percent = name == "ratio" or name.endswith("_ratio")
    field = NumberField(
        span.low,
        span.high,
        whole=info.annotation is int,
        scale=0.01 if percent else 1.0,
        suffix="\u00a0%" if percent else "",
        open_minimum=span.open_low,
        open_maximum=span.open_high,
        name=title,
        digits=digits,
    )
    field.setObjectName(f"field_{name}")
    field.set_help(info.description or "")
    return field


def _at_left(widget: QWidget) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(widget)
    row.addStretch(1)
    return holder


def has_control(info: FieldInfo) -> bool:
    """Whether a field is shown: not where there is one choice only, nor where it says `form: False`."""
    return control_of(info) not in (None, "none")
