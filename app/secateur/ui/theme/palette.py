"""The one table of colours: every role of the window, dark and light, and badge colours.

Widgets, style sheet, delegates, plots and icons all read it, so that a colour has one meaning everywhere.
Plain strings: no Qt, and no numpy, for the first frame is drawn without it.
"""

from dataclasses import dataclass, field, fields
from typing import Final, Literal

BadgeFamily = Literal["quantize", "weight_pruning", "channel_pruning", "low_rank", "distil", "float"]


@dataclass(frozen=True)
class Theme:
    """A colour (`#rrggbb`) for every role; `badges` maps a method family to (text, tint)."""

    name: Literal["dark", "light"]
    window: str
    panel: str
    raised: str
    input: str
    hover: str
    pressed: str
    border: str
    strong_border: str
    button_border: str
    text: str
    secondary: str
    disabled: str
    accent: str
    accent_fill: str
    accent_hover: str
    accent_pressed: str
    on_accent: str
    selection: str
    positive: str
    positive_tint: str
    warn: str
    warn_tint: str
    negative: str
    negative_tint: str
    original: str
    result: str
    third: str
    pruned: str
    grid: str
    axis: str
    card: str
    """Fill of a card: raised in the dark, the panel's own colour (with a border) in the light."""
    well: str
    """Trough of a segmented control: darker than a card, or raised in the light."""
    groove: str
    knob: str
    diverging_middle: str
    badges: dict[BadgeFamily, tuple[str, str]] = field(hash=False)

    @property
    def is_dark(self) -> bool:
        return self.name == "dark"

    def role(self, name: str) -> str:
        """The colour of a role, or of a badge's words (`badge:quantize`); KeyError where there is none."""
        if name.startswith("badge:"):
            return {f"badge:{family}": ink for family, (ink, _) in self.badges.items()}[name]
        if name not in ROLES:
            raise KeyError(name)
        return str(getattr(self, name))


DARK: Final = Theme(
    name="dark",
    window="#121417",
    panel="#181b1f",
    raised="#20242a",
    input="#0f1114",
    hover="#262b32",
    pressed="#2c323a",
    border="#2a2f36",
    strong_border="#69737f",
    button_border="#2a2f36",
    text="#e8eaed",
    secondary="#a4acb7",
    disabled="#737c88",
    accent="#6aa5ff",
    accent_fill="#2f6fdb",
    accent_hover="#2e6ee0",
    accent_pressed="#2a62c0",
    on_accent="#ffffff",
    selection="#1e3352",
    positive="#4cc38a",
    positive_tint="#16301f",
    warn="#f0b03f",
    warn_tint="#352812",
    negative="#ff7f76",
    negative_tint="#3d1d1c",
    original="#8d97a5",
    result="#6aa5ff",
    third="#e59ad3",
    pruned="#f0a04b",
    grid="#262b31",
    axis="#59626e",
    card="#20242a",
    well="#0f1114",
    groove="#2c323a",
    knob="#e8eaed",
    diverging_middle="#9aa0a8",
    badges={
        "quantize": ("#c3b1ff", "#2c2548"),
        "weight_pruning": ("#f5b36b", "#3a2a16"),
        "channel_pruning": ("#ff9db8", "#3f1f2b"),
        "low_rank": ("#5fd6c6", "#12332f"),
        "distil": ("#8fd0ff", "#15303f"),
        "float": ("#a4acb7", ""),
    },
)

LIGHT: Final = Theme(
    name="light",
    window="#f2f4f6",
    panel="#ffffff",
    raised="#f5f6f8",
    input="#ffffff",
    hover="#eef0f3",
    pressed="#e3e6ea",
    border="#dde1e6",
    strong_border="#7f8894",
    button_border="#c9ced6",
    text="#1a1d21",
    secondary="#57606b",
    disabled="#89919c",
    accent="#1b62d1",
    accent_fill="#1f66d6",
    accent_hover="#1d6cea",
    accent_pressed="#1a56b5",
    on_accent="#ffffff",
    selection="#dce8fc",
    positive="#17734a",
    positive_tint="#e0f4e9",
    warn="#8a5600",
    warn_tint="#fdf1d8",
    negative="#c0272d",
    negative_tint="#fde7e6",
    original="#77818e",
    result="#1b62d1",
    third="#a13a8c",
    pruned="#c2680c",
    grid="#eceff2",
    axis="#98a1ac",
    card="#ffffff",
    well="#f5f6f8",
    groove="#dde1e6",
    knob="#ffffff",
    diverging_middle="#e4e6ea",
    badges={
        "quantize": ("#5b3cc4", "#ece7fd"),
        "weight_pruning": ("#8f4d05", "#fdebd6"),
        "channel_pruning": ("#ad2452", "#fde5ec"),
        "low_rank": ("#0c6b60", "#dbf3f0"),
        "distil": ("#14608f", "#dff0fb"),
        "float": ("#57606b", ""),
    },
)

ROLES: Final = frozenset(f.name for f in fields(Theme)) - {"name", "badges"}


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, 0..1 (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours, 1..21 (WCAG 2.2)."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
