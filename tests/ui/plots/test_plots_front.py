"""The plot of the front: where plans and runs stand, what they say, and how they are taken."""

import pytest
from PySide6.QtCore import Qt

from secateur.data.metrics import kind_of
from secateur.recipe.front import FrontPoint
from secateur.session.explaining import FrontPlace
from secateur.ui.plots.front_plot import FrontPlot, FrontShown, _amount

TOP1 = kind_of("top1")


def places(count: int = 5) -> tuple[FrontPlace, ...]:
    """Each twice as large as the one before, half as slow to compute, and ten times less harmful; the last harmless."""
    made = []
    for n in range(count):
        damage = 10.0 ** (-n) if n < count - 1 else 0.0
        point = FrontPoint(
            {"a": "int8", "b": "int4" if n else "int8"}, 1000 * 2**n, 500, 1.0 * 2**n, damage, 1000 * 2**n
        )
        made.append(FrontPlace(point, point.latency_ms, 0.9 - 0.1 * damage))
    return tuple(made)


@pytest.fixture
def plot(qtbot, qapp):
    made = FrontPlot()
    qtbot.addWidget(made)
    made.resize(560, 260)
    made.show()
    return made


@pytest.mark.parametrize("axis", ["bytes", "latency_ms"])
@pytest.mark.parametrize("kind", [None, TOP1])
def test_all_plans_are_in_view_and_what_loses_less_stands_higher(plot, axis, kind):
    plot.show_front(FrontShown(axis, places(), (3000.0, 0.5), (), kind, 0.9, "nats"))
    at = [plot.place_of(number) for number in range(5)]
    assert all(plot.area.contains(place) for place in at)
    assert [p.x() for p in at] == sorted(p.x() for p in at)
    assert [p.y() for p in at] == sorted((p.y() for p in at), reverse=True)


def test_a_run_that_is_better_than_the_original_is_in_view_too(plot):
    plot.show_front(FrontShown("bytes", places(), None, (("best", 1500.0, 0.95),), TOP1, 0.9))
    assert plot.area.contains(plot.pixel(*plot._measured(("best", 1500.0, 0.95))))


def test_the_mouse_says_what_a_plan_takes_and_a_click_takes_it(plot, qtbot):
    plot.show_front(FrontShown("bytes", places(), None, (), TOP1, 0.9, "nats"))
    qtbot.mouseMove(plot.viewport(), plot.place_of(1).toPoint())
    words = plot._reading_of(1).words
    assert words.title.replace("\u00a0", " ") == "2.00 kB  ·  89.0 %"
    assert ("8-bit static", "1 of 2 layers") in words.rows
    with qtbot.waitSignal(plot.taken) as taken:
        qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=plot.place_of(1).toPoint())
    assert taken.args == [places()[1]]


def test_a_click_beside_the_plans_takes_none(plot, qtbot):
    plot.show_front(FrontShown("bytes", places()))
    with qtbot.assertNotEmitted(plot.taken):
        qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=plot.area.topLeft().toPoint())


def test_without_plans_there_is_nothing_to_read_or_take(plot, qtbot):
    plot.show_front(FrontShown())
    qtbot.keyClick(plot, Qt.Key.Key_Return)
    assert plot.chosen == -1
    assert plot.table() is None


def test_the_numbers_can_be_copied(plot):
    plot.show_front(FrontShown("bytes", places()))
    assert plot.table().rows[0][:2] == (1000, 500)


def test_ticks_are_written_as_all_numbers_are():
    texts = [_amount(value) for value in (2e-7, 5e-5, 1e-3, 0.02, 0.5, 2.0, 20.0, 5000.0)]
    assert texts == ["2×10⁻⁷", "5×10⁻⁵", "10⁻³", "0.02", "0.5", "2", "20", "5,000"]
