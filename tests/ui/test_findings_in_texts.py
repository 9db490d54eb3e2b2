"""The check of painted texts can fail: it sees what is cut, collides or is shortened wrongly, and nothing else."""

from PySide6.QtCore import QPoint
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from text_findings import findings

from secateur.ui.widgets.elided_label import ElidedLabel


def found_in(qtbot, widget: QWidget) -> list[str]:
    qtbot.addWidget(widget)
    widget.show()  # not waited for: a widget without room is never exposed
    return [str(finding) for finding in findings(widget)]


class Texts(QWidget):
    """Paints texts at places."""

    def __init__(self, *texts: tuple[str, int, int], clip: QPoint | None = None) -> None:
        super().__init__()
        self._texts, self._clip = texts, clip
        self.setObjectName("painted")
        self.resize(300, 100)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._clip is not None:
            painter.setClipRect(0, 0, self._clip.x(), self._clip.y())
        for text, left, baseline in self._texts:
            painter.drawText(QPoint(left, baseline), text)
        painter.end()


def test_the_check_sees_a_label_that_is_cut(qtbot):
    host = QWidget()
    label = QLabel("A long text in a small box", host)
    label.setGeometry(10, 10, 40, 20)
    (found,) = found_in(qtbot, host)
    assert found.startswith("cut: 'A long text in a small box' in QLabel")


def test_the_check_sees_a_button_that_is_cut(qtbot):
    host = QWidget()
    button = QPushButton("A long text in a small box", host)
    button.setGeometry(10, 10, 40, 24)
    (found,) = found_in(qtbot, host)
    assert found.startswith("cut: 'A long text in a small box' in QPushButton")


def test_the_check_sees_a_label_that_its_parent_cuts(qtbot):
    host = QWidget()
    inner = QWidget(host)
    inner.setGeometry(0, 0, 30, 40)
    QLabel("A long text", inner).setGeometry(0, 0, 200, 20)
    (found,) = found_in(qtbot, host)
    assert found.startswith("cut: 'A long text'")


def test_the_check_sees_a_label_that_has_no_room_at_all(qtbot):
    host = QWidget()
    QLabel("Gone", host).setGeometry(0, 0, 0, 20)
    assert found_in(qtbot, host) == ["cut: 'Gone' in QLabel (no room)"]


def test_the_check_sees_painted_text_that_leaves_its_clip_or_its_widget(qtbot):
    assert found_in(qtbot, Texts(("1,234,567", 10, 20), clip=QPoint(40, 40)))[0].startswith(
        "cut: '1,234,567' in painted"
    )
    assert found_in(qtbot, Texts(("1,234,567", 280, 20)))[0].startswith("cut: '1,234,567' in painted")
    assert not found_in(qtbot, Texts(("1,234,567", 10, 20)))


def test_the_check_sees_painted_texts_that_lie_on_each_other(qtbot):
    (found,) = found_in(qtbot, Texts(("one text", 10, 20), ("another", 40, 22)))
    assert found.startswith("collision: 'one text | another' in painted")
    assert not found_in(qtbot, Texts(("one text", 10, 20), ("another", 10, 40)))


def test_the_check_sees_labels_of_two_widgets_that_lie_on_each_other(qtbot):
    host = QWidget()
    QLabel("one text", host).setGeometry(0, 0, 100, 20)
    QLabel("another", host).setGeometry(20, 0, 100, 20)
    (found,) = found_in(qtbot, host)
    assert found.startswith("collision: 'one text | another'")


def test_what_an_opaque_panel_covers_is_not_seen(qtbot):
    host = QWidget()
    QLabel("one text", host).setGeometry(0, 0, 100, 20)
    above = QLabel("another", host)
    above.setGeometry(0, 0, 150, 40)
    above.setAutoFillBackground(True)
    assert not found_in(qtbot, host)


def test_the_check_sees_two_rows_that_are_shortened_to_the_same_name(qtbot):
    host = QWidget()
    for row, name in enumerate(("features.1.depthwise.conv", "features.2.depthwise.conv")):
        ElidedLabel(name, parent=host).setGeometry(0, 20 * row, 80, 20)
    (found,) = found_in(qtbot, host)
    assert found.startswith("shortened:")
    assert found.endswith("(2 rows alike)")


def test_the_check_sees_a_number_and_a_word_that_are_shortened(qtbot):
    host = QWidget()
    ElidedLabel("1,234,567,890", parent=host).setGeometry(0, 0, 40, 20)
    ElidedLabel("ConvTranspose2d", parent=host).setGeometry(0, 20, 60, 20)
    number, word = found_in(qtbot, host)
    assert number.endswith("(a number)")
    assert word.endswith("(a word)")


def test_an_ellipsis_that_is_meant_is_none(qtbot):
    host = QWidget()
    QPushButton("Open…", host).setGeometry(0, 0, 120, 28)
    assert not found_in(qtbot, host)
