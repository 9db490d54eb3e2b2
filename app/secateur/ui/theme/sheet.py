"""The one style sheet, made from the role table.

A widget says what it is through the dynamic property `role`: `card`, `well`, `panel`, `window`, `primary`,
`outline`, `ghost`, `link`, `icon`; a label says its size and weight through `kind` (`caption`, `secondary`,
`title`, `card-title`, `subject`, `metric`, `strong`, `figure`) and its meaning through `tone`.
"""

from functools import cache
from pathlib import Path

from PySide6.QtCore import QRect, Qt, QTemporaryDir
from PySide6.QtGui import QColor, QPainter, QPixmap

from secateur.ui.theme import icons
from secateur.ui.theme.palette import Theme


@cache
def _folder() -> QTemporaryDir:
    return QTemporaryDir()


@cache
def _picture(name: str, colour: str, size: int) -> str:
    """Path of a small picture of an icon: a style sheet takes pictures only from files."""
    path = Path(_folder().filePath(f"{name}-{colour[1:]}.png"))
    for scale, target in ((1, path), (2, path.with_name(f"{path.stem}@2x.png"))):
        pixmap = QPixmap(size * scale, size * scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        icons.paint_icon(painter, QRect(0, 0, size * scale, size * scale), name, QColor(colour))
        painter.end()
        pixmap.save(str(target))
    return path.as_posix()


def style_sheet(t: Theme, small: float, body: float) -> str:
    """The style sheet of theme `t`; `small` and `body` are sizes of text in points."""
    return _base(t, small, body) + _buttons(t, body) + _fields(t) + _labels(t, small, body) + _views(t, small)


def _base(t: Theme, small: float, body: float) -> str:
    return f"""
QWidget[role="window"], QMainWindow {{ background: {t.window}; }}
QWidget[role="panel"] {{ background: {t.panel}; }}
QFrame[role="card"] {{ background: {t.card}; border: 1px solid {t.border}; border-radius: 6px; }}
QFrame[role="well"] {{ background: {t.raised}; border: 1px solid {t.border}; border-radius: 6px; }}
QFrame[role="step"] {{ background: {t.raised}; border: 1px solid {t.border}; border-radius: 4px; }}
QFrame[role="step"]:hover {{ background: {t.hover}; }}
QFrame[role="step"][state="chosen"] {{ background: {t.selection}; border-color: {t.accent}; }}
QFrame[role="drop"] {{ background: {t.accent}; }}
QFrame[role="step"]:focus {{ border: 2px solid {t.accent}; }}
QFrame[role="line"] {{ background: {t.border}; border: none; }}
QToolTip {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.button_border}; padding: 4px 6px;
  font-size: {small}pt; }}
QMenu {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.button_border}; padding: 4px; }}
QMenu::item {{ padding: 5px 20px 5px 10px; border-radius: 4px; }}
QMenu::item:selected {{ background: {t.selection}; }}
QMenu::item:disabled {{ color: {t.disabled}; }}
QMenu::separator {{ height: 1px; background: {t.border}; margin: 4px 6px; }}
QMenu::icon {{ padding-left: 6px; }}
QTreeView::item {{ padding: 3px 4px 3px 3px; }}
QSplitter::handle {{ background: {t.border}; }}
QScrollArea {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {t.strong_border}; border-radius: 3px; margin: 2px; }}
QScrollBar::handle:vertical {{ min-height: 28px; }}
QScrollBar::handle:horizontal {{ min-width: 28px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QProgressBar {{ background: {t.groove}; border: none; border-radius: 2px; max-height: 4px; }}
QProgressBar::chunk {{ background: {t.accent}; border-radius: 2px; }}
QDialog {{ background: {t.panel}; }}
"""


def _buttons(t: Theme, body: float) -> str:
    face = t.raised if t.is_dark else t.panel
    return f"""
QPushButton {{ background: {face}; color: {t.text}; border: 1px solid {t.button_border}; border-radius: 5px;
  padding: 0 12px; min-height: 26px; max-height: 26px; font-size: {body}pt; font-weight: 500; }}
QPushButton:hover {{ background: {t.hover}; }}
QPushButton:pressed, QPushButton:checked {{ background: {t.pressed}; }}
QPushButton:disabled {{ color: {t.disabled}; background: transparent; border-color: {t.border}; }}
QPushButton:focus {{ border: 2px solid {t.accent}; padding: 0 11px; min-height: 24px; max-height: 24px; }}
QPushButton[role="primary"] {{ background: {t.accent_fill}; color: {t.on_accent};
  border-color: {t.accent_fill}; }}
QPushButton[role="primary"]:hover {{ background: {t.accent_hover}; border-color: {t.accent_hover}; }}
QPushButton[role="primary"]:pressed {{ background: {t.accent_pressed}; border-color: {t.accent_pressed}; }}
QPushButton[role="primary"]:focus {{ border-color: {t.text}; }}
QPushButton[role="primary"]:disabled {{ color: {t.disabled};
  background: transparent; border-color: {t.border}; }}
QPushButton[role="outline"] {{ border-color: {t.strong_border}; }}
QPushButton[role="outline"]:focus {{ border-color: {t.accent}; }}
QPushButton[role="ghost"], QPushButton[role="icon"] {{ background: transparent; border-color: transparent; }}
QPushButton[role="ghost"]:hover, QPushButton[role="icon"]:hover {{ background: {t.hover}; }}
QPushButton[role="ghost"]:pressed, QPushButton[role="icon"]:pressed, QPushButton[role="icon"]:checked {{
  background: {t.pressed}; }}
QPushButton[role="ghost"]:focus, QPushButton[role="icon"]:focus {{ border: 2px solid {t.accent}; }}
QPushButton[role="icon"] {{ padding: 0; min-width: 26px; max-width: 26px; }}
QPushButton[role="icon"]:focus {{ padding: 0; min-width: 24px; max-width: 24px; }}
QPushButton[role="link"] {{ background: transparent; border: none; color: {t.accent}; padding: 0;
  min-height: 20px; max-height: 20px; }}
QPushButton[role="link"]:hover {{ text-decoration: underline; }}
QPushButton[role="link"]:focus {{ border: 2px solid {t.accent}; padding: 0;
  min-height: 16px; max-height: 16px; }}
QPushButton[role="link"]:disabled {{ color: {t.disabled}; }}
QToolButton {{ background: transparent; color: {t.text}; border: 1px solid transparent; border-radius: 5px;
  padding: 3px; }}
QToolButton:hover {{ background: {t.hover}; }}
QToolButton:pressed, QToolButton:checked {{ background: {t.pressed}; }}
QToolButton:focus {{ border-color: {t.accent}; }}
QToolButton:disabled {{ color: {t.disabled}; }}
"""


def _fields(t: Theme) -> str:
    down, down_off = _picture("down", t.secondary, 12), _picture("down", t.disabled, 12)
    check = _picture("check", t.on_accent, 12)
    return f"""
QLineEdit, QSpinBox, QDoubleSpinBox, QPlainTextEdit, QTextEdit {{ background: {t.input}; color: {t.text};
  border: 1px solid {t.button_border}; border-radius: 5px; padding: 0 8px;
  selection-background-color: {t.accent_fill}; selection-color: {t.on_accent}; }}
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox {{ min-height: 26px; max-height: 26px; }}
QPlainTextEdit, QTextEdit {{ padding: 6px; }}
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QPlainTextEdit:focus, QTextEdit:focus,
QComboBox:focus {{
  border: 2px solid {t.accent}; padding: 0 7px; }}
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus {{
  min-height: 24px; max-height: 24px; }}
QLineEdit[tone="negative"], QComboBox[tone="negative"] {{ border-color: {t.negative}; }}
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {{ color: {t.disabled};
  border-color: {t.border}; }}
QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button,
QDoubleSpinBox::down-button {{ width: 0; border: none; }}
QComboBox {{ background: {t.raised if t.is_dark else t.input}; color: {t.text};
  border: 1px solid {t.button_border};
  border-radius: 5px; padding: 0 8px; }}
QComboBox:hover {{ background: {t.hover}; }}
QComboBox::drop-down {{ border: none; width: 20px; }}
QComboBox::down-arrow {{ image: url({down}); width: 12px; height: 12px; }}
QComboBox::down-arrow:disabled {{ image: url({down_off}); }}
QComboBox QAbstractItemView {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.button_border};
  selection-background-color: {t.selection}; selection-color: {t.text}; outline: none; padding: 2px; }}
QCheckBox {{ color: {t.text}; spacing: 6px; }}
QCheckBox:disabled {{ color: {t.disabled}; }}
QCheckBox::indicator {{ width: 12px; height: 12px; border: 1px solid {t.strong_border}; border-radius: 3px;
  background: {t.input}; }}
QCheckBox::indicator:checked {{ background: {t.accent_fill}; border-color: {t.accent_fill};
  image: url({check}); }}
QCheckBox::indicator:focus {{ border-color: {t.accent}; }}
QCheckBox::indicator:checked:disabled {{ background: {t.disabled}; border-color: {t.disabled}; }}
"""


def _labels(t: Theme, small: float, body: float) -> str:
    px = small / 11
    return f"""
QLabel {{ background: transparent; color: {t.text}; }}
QLabel:disabled {{ color: {t.disabled}; }}
QLabel[kind="secondary"] {{ color: {t.secondary}; }}
QLabel[kind="caption"] {{ color: {t.secondary}; font-size: {small}pt; }}
QLabel[kind="card-title"] {{ font-size: {body}pt; font-weight: 600; }}
QLabel[kind="title"] {{ font-size: {13 * px}pt; font-weight: 600; }}
QLabel[kind="subject"] {{ font-size: {16 * px}pt; font-weight: 600; }}
QLabel[kind="drop-title"] {{ font-size: {18 * px}pt; font-weight: 600; }}
QLabel[kind="metric"] {{ font-size: {22 * px}pt; font-weight: 600; }}
QLabel[kind="strong"] {{ font-weight: 600; }}
QLabel[kind="figure"] {{ font-size: {13 * px}pt; font-weight: 600; }}
QLabel[kind="disabled"] {{ color: {t.disabled}; }}
QLabel[tone="secondary"] {{ color: {t.secondary}; }}
QLabel[tone="positive"] {{ color: {t.positive}; }}
QLabel[tone="warn"] {{ color: {t.warn}; }}
QLabel[tone="negative"] {{ color: {t.negative}; }}
QLabel[tone="accent"] {{ color: {t.accent}; }}
"""


def _views(t: Theme, small: float) -> str:
    return f"""
QAbstractItemView {{ background: {t.panel}; color: {t.text}; border: none; outline: none;
  selection-background-color: {t.selection}; selection-color: {t.text}; }}
QHeaderView {{ background: {t.panel}; }}
QHeaderView::section {{ background: {t.panel}; color: {t.secondary}; border: none;
  border-bottom: 1px solid {t.border}; padding: 0 6px; font-size: {small}pt; font-weight: 500; }}
QHeaderView[role="plain"]::section {{ padding: 0 3px; }}
QTableView[role="in-card"], QTableView[role="in-card"] QHeaderView,
QTableView[role="in-card"] QHeaderView::section {{ background: {t.card}; }}
QHeaderView::section:hover {{ color: {t.text}; }}
QTabBar {{ background: {t.panel}; }}
QTabBar::tab {{ background: transparent; color: {t.secondary}; padding: 0 4px; margin: 0 12px; height: 38px;
  border-bottom: 2px solid transparent; font-weight: 500; }}
QTabBar::tab:hover {{ color: {t.text}; }}
QTabBar::tab:selected {{ color: {t.text}; border-bottom-color: {t.accent}; font-weight: 600; }}
QTabBar::tab:disabled {{ color: {t.disabled}; }}
QTabWidget::pane {{ border: none; }}
"""
