"""The window's type is bundled: the same letters, of the same width, whatever fonts a machine has."""

import ast
from pathlib import Path

import pytest
from PySide6.QtGui import QFontInfo, QFontMetricsF, QRawFont
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

import secateur
from secateur.resources import resource
from secateur.ui.theme.fonts import FILES, interface_family
from secateur.ui.theme.palette import DARK
from secateur.ui.theme.style import apply_theme, font

PACKAGE = Path(secateur.__file__).parent
SHOWN = ("ui", "session", "recipe", "methods", "analysis", "figures.py")
"""Where the sentences come from that the window shows."""


@pytest.mark.parametrize(("weight", "file"), list(zip((400, 500, 600), FILES, strict=True)))
def test_each_weight_is_the_bundled_file(qapp: QApplication, weight: int, file: str) -> None:
    made = font(12, weight)
    bundled = QRawFont(str(resource(f"fonts/{file}")), QFontInfo(made).pixelSize())
    used = QRawFont.fromFont(made)
    assert used.familyName() == bundled.familyName() == interface_family() == "Inter"
    assert bytes(used.fontTable("head").data()) == bytes(bundled.fontTable("head").data())


def test_a_themed_widget_is_drawn_in_it(qapp: QApplication, qtbot: QtBot) -> None:
    apply_theme(qapp, DARK)
    label = QLabel("Weights")
    qtbot.addWidget(label)
    label.ensurePolished()
    assert QFontInfo(label.font()).family() == "Inter"


def test_all_figures_are_of_one_width(qapp: QApplication) -> None:
    measures = QFontMetricsF(font(12))
    assert len({measures.horizontalAdvance(figure) for figure in "0123456789"}) == 1


def test_the_font_has_every_character_that_the_window_writes(qapp: QApplication) -> None:
    sources = [p for name in SHOWN for p in ((PACKAGE / name).rglob("*.py") if "." not in name else [PACKAGE / name])]
    written: dict[str, set[str]] = {}
    for source in sources:
        tree = ast.parse(source.read_text(encoding="utf-8"))
        unshown = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        for node in ast.walk(tree):
            if node in unshown:
                continue
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for character in node.value:
                    if character.isprintable() and not character.isspace():
                        written.setdefault(character, set()).add(source.name)
    assert {"−", "×", "⁻", "≤"} <= set(written), "the search reads the sources"
    for file in FILES:
        raw = QRawFont(str(resource(f"fonts/{file}")), 12)
        missing = {c: sorted(names) for c, names in written.items() if not raw.supportsCharacter(ord(c))}
        assert not missing, file


def test_its_licence_is_bundled_beside_it() -> None:
    text = resource("fonts/OFL.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE" in text
    assert "Copyright 2016-2022 The Inter Project Authors" in text
