"""Applies a theme to the application, and answers what colour, font or icon to use now.

Fusion, a full palette for its three groups, and one style sheet, all from the role table.
"""

import os
import sys

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory, QWidget

from secateur.ui.theme import icons
from secateur.ui.theme.fonts import interface_family
from secateur.ui.theme.palette import DARK, LIGHT, Theme
from secateur.ui.theme.sheet import style_sheet


class _Notifier(QObject):
    theme_changed = Signal()


notifier = _Notifier()
"""`theme_changed` tells whoever keeps pixmaps of its own to make them again."""

_current: Theme = DARK
_POINTS_PER_PIXEL = 1.0 if sys.platform == "darwin" else 0.75
_colours: dict[str, QColor] = {}
_fonts: dict[tuple[float, int], QFont] = {}
_metrics: dict[tuple[float, int], QFontMetrics] = {}


def apply_theme(app: QApplication, theme: Theme) -> None:
    """Dress the whole application in `theme`; every shown widget repaints."""
    global _current  # noqa: PLW0603 - the one theme of the one application
    _current = theme
    _colours.clear()
    _fonts.clear()
    _metrics.clear()
    given = os.environ.get("QT_STYLE_OVERRIDE", "").lower() == "fusion"  # asking Qt for its style takes 15 ms
    if not given and not app.property("has_fusion"):
        app.setStyle(QStyleFactory.create("Fusion"))
        app.setProperty("has_fusion", True)
    app.setFont(font(12))
    app.setPalette(_palette(theme))
    app.setStyleSheet(style_sheet(theme, points(11), points(12)))
    notifier.theme_changed.emit()


def current_theme() -> Theme:
    return _current


def other_theme() -> Theme:
    """The theme that the sun or moon switches to."""
    return LIGHT if _current.is_dark else DARK


def color(role: str) -> QColor:
    """The colour of a role in the current theme. Do not change it: copies are cheap."""
    if role not in _colours:
        _colours[role] = QColor(_current.role(role))
    return _colours[role]


def tinted(role: str, share: float) -> QColor:
    """The colour of a role with an opacity of `share` (0..1)."""
    colour = QColor(color(role))
    colour.setAlphaF(share)
    return colour


def mixed(role: str, share: float, ground: str) -> QColor:
    """What `tinted(role, share)` looks like on the role `ground`, opaque: blending many pixels takes long."""
    over, under = color(role), color(ground)
    return QColor.fromRgbF(
        share * over.redF() + (1 - share) * under.redF(),
        share * over.greenF() + (1 - share) * under.greenF(),
        share * over.blueF() + (1 - share) * under.blueF(),
    )


def points(size_px: float) -> float:
    """Points of a size given in pixels at 96 dpi, so that the system's text scale holds."""
    return size_px * _POINTS_PER_PIXEL


def font(size_px: float = 12, weight: int = 400) -> QFont:
    """The interface font with tabular figures. Every font made by hand must come from here."""
    known = _fonts.get((size_px, weight))
    if known is None:
        known = _fonts[(size_px, weight)] = _make_font(size_px, weight)
    return QFont(known)


def metrics(size_px: float = 12, weight: int = 400) -> QFontMetrics:
    """The measures of `font(size_px, weight)`, made once: making them takes longer than measuring a text."""
    known = _metrics.get((size_px, weight))
    if known is None:
        known = _metrics[(size_px, weight)] = QFontMetrics(font(size_px, weight))
    return known


def _make_font(size_px: float, weight: int) -> QFont:
    made = QFont(interface_family())
    made.setPointSizeF(points(size_px))
    made.setWeight(QFont.Weight(weight))
    made.setFeature(QFont.Tag("tnum"), 1)
    return made


def icon(name: str, role: str = "secondary", size: int = 16) -> QIcon:
    """An icon by our name or Phosphor's, in a role's colour. `size` is a hint: it is sharp at any."""
    icons.glyph(name)
    return QIcon(icons.GlyphEngine(name, role, color))


def repolish(widget: QWidget) -> None:
    """Make a changed dynamic property (`role`, `tone`) count in the style sheet."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.update()


def set_role(widget: QWidget, role: str, key: str = "role") -> None:
    """Set a dynamic property that the style sheet reads, and repaint if it changed."""
    if widget.property(key) != role:
        widget.setProperty(key, role)
        repolish(widget)


def _palette(theme: Theme) -> QPalette:
    role = QPalette.ColorRole
    colours = {
        role.Window: theme.panel,
        role.WindowText: theme.text,
        role.Base: theme.panel,
        role.AlternateBase: theme.raised,
        role.Text: theme.text,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.BrightText: theme.negative,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.PlaceholderText: theme.secondary,
        role.Highlight: theme.selection,
        role.HighlightedText: theme.text,
        role.Accent: theme.accent_fill,
        role.Link: theme.accent,
        role.LinkVisited: theme.accent,
        role.Light: theme.hover,
        role.Midlight: theme.border,
        role.Mid: theme.border,
        role.Dark: theme.border,
        role.Shadow: theme.window,
    }
    palette = QPalette()
    group = QPalette.ColorGroup
    for key, colour in colours.items():
        for each in (group.Active, group.Inactive, group.Disabled):
            palette.setColor(each, key, QColor(colour))
    for key in (role.WindowText, role.Text, role.ButtonText, role.PlaceholderText, role.HighlightedText):
        palette.setColor(group.Disabled, key, QColor(theme.disabled))
    return palette
