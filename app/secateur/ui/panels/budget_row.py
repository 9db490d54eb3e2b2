"""One limit of the budget: a caption, what the plan keeps within, and the slider that it is dragged with."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QLabel, QWidget

from secateur import figures
from secateur.recipe.recipe import Recipe
from secateur.ui.theme.style import set_role
from secateur.ui.widgets.card import label
from secateur.ui.widgets.slider import RatioSlider
from secateur.ui.widgets.why_not import set_why_not

BINDS = "The {} budget binds: with more of it, a layer would have a choice that does less damage."
UNMET = "No plan keeps within this {} budget: the plan that stands is the one before."
FIGURE_WIDTH, SLIDER_WIDTH, NARROW_SLIDER_WIDTH = 72, 160, 96


class BudgetRow(QObject):
    """`wish` is what a person dragged the slider to; it stands until the plan is changed by hand.

    `moved` while it is dragged, `settled` once let go. The widgets are laid out by the bar that holds the row.
    """

    moved = Signal()
    settled = Signal()

    def __init__(self, title: str, short: str, name: str, write: Callable[[float], str], parent: QWidget) -> None:
        """`title` for screen readers and where there is room, `short` where there is not; `name` of the slider."""
        super().__init__(parent)
        self._title, self._short, self._write = title, short, write
        self.wish: float | None = None
        self._is_narrow = self._is_binding = self._is_unmet = False
        self._recipe: Recipe | None = None
        self.caption = label(title, "caption")
        self.figure: QLabel = label("", "figure")
        self.figure.setObjectName(f"{name}_figure")
        self.figure.setFixedWidth(FIGURE_WIDTH)
        self.figure.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.slider = RatioSlider(1.0, 2.0, step=0.01, logarithmic=True, name=title)
        self.slider.setObjectName(f"{name}_slider")
        self.slider.moved.connect(self._moved)
        self.slider.settled.connect(lambda _value: self.settled.emit())
        self.set_narrow(False)

    def set_narrow(self, on: bool) -> None:
        self._is_narrow = on
        self._show_caption()
        self.slider.setFixedWidth(NARROW_SLIDER_WIDTH if on else SLIDER_WIDTH)

    def set_binding(self, on: bool, *, is_unmet: bool = False) -> None:
        """Say whether it is this limit that keeps a layer from a better choice, or that no plan is within it."""
        self._is_binding = on and not is_unmet
        self._is_unmet = is_unmet and self.wish is not None
        self._show_caption()
        told = UNMET if self._is_unmet else BINDS if self._is_binding else ""
        for part in (self.caption, self.figure):
            part.setToolTip(told.format(self._short.lower()))
        self.figure.setAccessibleDescription(self.caption.toolTip())

    def _show_caption(self) -> None:
        words, tone = self._short if self._is_narrow else self._title, ""
        if self._is_binding or self._is_unmet:
            words = (self.tr("{} not met") if self._is_unmet else self.tr("{} binds")).format(self._short)
            tone = "warn" if self._is_unmet else "accent"
        self.caption.setText(words)
        set_role(self.caption, tone, "tone")

    def caption_width(self, *, narrow: bool) -> int:
        """Pixels that the caption takes at most: nothing moves when a limit begins to bind, or cannot be met."""
        words = [self._short if narrow else self._title, self.tr("{} not met").format(self._short)]
        return max(self.caption.fontMetrics().horizontalAdvance(text) for text in words)

    def show_budget(
        self,
        recipe: Recipe,
        solved: Recipe | None,
        predicted: float | None,
        limits: tuple[float, float] | None,
        shares: Sequence[float],
        texts: tuple[str, str],
    ) -> None:
        """`limits` are (least, the original's), ticks stand at `shares` of it; `solved` is a budget's last plan.

        `texts` are what dragging does, and why it cannot be dragged where there are no limits.
        """
        drag, missing = texts
        usable = limits is not None and 0 < limits[0] < limits[1]
        set_why_not(self.slider, "" if usable else missing, drag)
        if not usable or limits is None:
            self.wish = None
            self._show_figure(predicted)
            return
        low, high = limits
        self.slider.set_range(low, high, [high * share for share in shares if high * share > low])
        if self.wish is not None and (self._recipe is None or recipe == solved):
            self._recipe = recipe
        if self._recipe != recipe:
            self.wish = None  # the plan was changed by hand: the knob shows where it stands
        if self.wish is None and predicted is not None:
            self.slider.set_value(predicted)
        self._show_figure(predicted)

    def follow(self) -> None:
        """Another row was dragged: the plan that comes is this one's as well."""
        self._recipe = None

    def take(self, wish: float | None) -> None:
        """Stand where a plan was taken without a drag; None for a limit that it does not have."""
        self.wish, self._recipe = wish, None
        if wish is not None:
            self.slider.set_value(wish)

    def _moved(self, value: float) -> None:
        self.wish, self._recipe = value, None
        self._show_figure(None)
        self.moved.emit()

    def _show_figure(self, predicted: float | None) -> None:
        if self.wish is not None:
            self.figure.setText(f"≤{figures.SPACE}{self._write(self.wish)}")
        else:
            self.figure.setText(self._write(predicted) if predicted is not None else figures.UNKNOWN)
