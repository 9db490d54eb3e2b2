"""Nothing open: every way to open a model, the recent ones, and what is dropped."""

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from secateur.ui.panels.empty import DropArea, EmptyPanel, Recent
from secateur.ui.panels.recent_row import RecentRow
from secateur.ui.theme.palette import LIGHT
from secateur.ui.theme.style import apply_theme

pytestmark = pytest.mark.display

RECENT = (
    Recent("/models/cifar/resnet20.safetensors", "safetensors", 1_090_000, "9 runs, best 145 kB", "today"),
    Recent("/work/vad/silero.onnx", "ONNX", None, "", "12 Nov", missing=True),
)


@pytest.fixture
def panel(qtbot: QtBot, qapp: QApplication) -> EmptyPanel:
    apply_theme(qapp, LIGHT)
    made = EmptyPanel()
    qtbot.addWidget(made)
    made.resize(1024, 652)
    made.show()
    return made


@pytest.mark.parametrize(
    ("name", "signal"),
    [
        ("open_file", "open_wanted"),
        ("open_folder", "folder_wanted"),
        ("open_sample", "sample_wanted"),
        ("open_code", "code_wanted"),
    ],
)
def test_every_button_says_what_is_wanted(qtbot: QtBot, panel: EmptyPanel, name: str, signal: str) -> None:
    button = panel.findChild(QPushButton, name)
    with qtbot.waitSignal(getattr(panel, signal), timeout=10_000):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert button.toolTip()


def test_a_recent_model_is_one_click_or_key_away(qtbot: QtBot, panel: EmptyPanel) -> None:
    panel.show_recent(RECENT)
    row = panel.findChild(RecentRow, "recent_0")
    with qtbot.waitSignal(panel.recent_wanted, timeout=10_000) as wish:
        qtbot.mouseClick(row, Qt.MouseButton.LeftButton)
    assert wish.args == [RECENT[0].path]
    with qtbot.waitSignal(panel.recent_wanted, timeout=10_000):
        qtbot.keyClick(row, Qt.Key.Key_Space)


def test_a_moved_file_stays_in_the_list_and_says_so(panel: EmptyPanel) -> None:
    panel.show_recent(RECENT)
    row = panel.findChild(RecentRow, "recent_1")
    assert "file has moved" in row.accessibleDescription()
    assert row.note_texts()[1] == "–"


def test_without_recent_models_the_list_is_not_there(qtbot: QtBot, panel: EmptyPanel) -> None:
    panel.show_recent(RECENT)
    assert panel.clear.isVisible()
    panel.show_recent(())
    assert not panel.clear.isVisible()


def test_showing_the_list_again_leaves_no_old_rows(qtbot: QtBot, panel: EmptyPanel) -> None:
    panel.show_recent(RECENT)
    panel.show_recent(RECENT[:1])
    qtbot.waitUntil(lambda: len(panel.findChildren(RecentRow)) == 1, timeout=10_000)


def test_the_list_can_be_cleared(qtbot: QtBot, panel: EmptyPanel) -> None:
    panel.show_recent(RECENT)
    with qtbot.waitSignal(panel.clear_recent_wanted, timeout=10_000):
        qtbot.mouseClick(panel.clear, Qt.MouseButton.LeftButton)


def drop(area: DropArea, url: str) -> QDropEvent:
    data = QMimeData()
    data.setUrls([QUrl(url)])
    event = QDropEvent(
        QPointF(QPoint(50, 50)),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    area.dropEvent(event)
    return event


def test_a_dropped_file_is_wanted_by_its_path(qtbot: QtBot, panel: EmptyPanel) -> None:
    with qtbot.waitSignal(panel.path_dropped, timeout=10_000) as wish:
        drop(panel.drop, "file:///models/net.onnx")
    assert wish.args == ["/models/net.onnx"]


def test_a_dropped_web_address_is_not_taken(qtbot: QtBot, panel: EmptyPanel) -> None:
    with qtbot.assertNotEmitted(panel.path_dropped):
        drop(panel.drop, "https://example.org/net.onnx")


def test_no_words_are_cut_at_the_smallest_window(panel: EmptyPanel, qapp: QApplication) -> None:
    panel.show_recent(RECENT * 4)
    qapp.processEvents()
    for button in panel.findChildren(QPushButton):
        assert button.fontMetrics().horizontalAdvance(button.text()) <= button.width(), button.text()
    for words in panel.findChildren(QLabel):
        assert words.fontMetrics().horizontalAdvance(words.text()) <= words.width(), words.text()
        assert words.mapTo(panel, QPoint(0, 0)).y() + words.height() <= panel.height()
