"""The charts of depth: what is known of a sample at each layer of the network."""

import numpy as np
import pytest
from charts_with_data import LEFT
from PySide6.QtCore import QPoint

from secateur.model.maps import AnswerAt
from secateur.ui.plots.depth_charts import AnswerDepth


def test_an_axis_without_data_has_no_ticks(qtbot):
    chart = AnswerDepth("depth", "Depth")
    qtbot.addWidget(chart)
    chart.resize(300, 160)
    chart.show_answers(("a", "b"), (), "a", "score")
    chart.show()
    chart.grab()
    assert chart.left_axis.is_blank


def test_the_card_of_a_chart_of_depth_speaks_of_the_sample_that_is_shown(qtbot):
    chart = AnswerDepth("depth", "Depth")
    qtbot.addWidget(chart)
    chart.show_answers(("a",), [AnswerAt("", 0.9, 2.0, 3), AnswerAt("a", 0.5, 1.0, 3)], "a", "score")
    chart.read(chart.reading_at(0.0, 0.0))
    before = chart.reading
    chart.show_answers(("a",), [AnswerAt("", 0.9, 2.0, 3), AnswerAt("a", 0.7, 1.0, 3)], "a", "score")
    assert chart.reading == chart.reading_at(0.0, 0.0) != before


def test_a_click_in_a_chart_of_depth_selects_the_layer_and_a_lone_release_of_the_button_does_not(qtbot):
    chart, chosen = AnswerDepth("depth", "Depth"), []
    qtbot.addWidget(chart)
    chart.resize(300, 160)
    chart.layer_selected.connect(chosen.append)
    chart.show_answers(("a", "b"), [AnswerAt("", 0.9, 2.0, 3), AnswerAt("a", 0.5, 1.0, 3)], "a", "score")
    chart.show()
    place = QPoint(round(chart.pixel(1.0, 0.0).x()), round(chart.area.center().y()))
    qtbot.mouseRelease(chart.viewport(), LEFT, pos=place)
    assert chosen == []
    qtbot.mouseClick(chart.viewport(), LEFT, pos=place)
    assert chosen == ["b"]


def test_an_answer_without_bounds_is_left_out_of_its_chart(qtbot):
    chart = AnswerDepth("depth", "Depth")
    qtbot.addWidget(chart)
    chart.resize(300, 160)
    answers = [AnswerAt("", 1.0, np.inf, 3), AnswerAt("a", 0.5, 4.0, 3), AnswerAt("b", 0.5, np.nan, 3)]
    chart.show_answers(("a", "b"), answers, "", "margin")
    chart.show()
    assert not chart.grab().isNull()
    assert chart.full[1] == pytest.approx((0.0, 4.24))
