"""The channels as a table: sorting, what is recorded of each, the plan in it; by mouse and keys."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication

from secateur.engine.events import ActivationsRecorded, Finished
from secateur.engine.requests import RecordActivations
from secateur.figures import share
from secateur.methods.facts import Facts
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.model.weight_views import ChannelActivity
from secateur.ui.models.channel_table import KEYS
from secateur.ui.panels.weights_channels import ChannelRows

LEFT = Qt.MouseButton.LeftButton


def heading(rows: ChannelRows, key: str) -> QPoint:
    section = KEYS.index(key)
    rows.scrollTo(rows.model().index(0, section))
    return QPoint(rows.columnViewportPosition(section) + 20, 10)


def test_a_heading_sorts_largest_first_then_smallest_then_as_the_channels_stand(looked):
    looked.show("channels")
    rows = looked.find(ChannelRows, "channel_table")
    table, header = rows.model(), rows.horizontalHeader().viewport()
    norms = np.linalg.norm(looked.weights["conv"].reshape(12, 45), axis=1)
    seen = []
    for _ in range(3):
        looked.shown.qtbot.mouseClick(header, LEFT, pos=heading(rows, "norm"))
        seen.append([table.channel_at(row) for row in range(12)])
    assert seen == [np.argsort(-norms).tolist(), np.argsort(norms).tolist(), list(range(12))]


def test_the_selected_channel_goes_with_the_sorting_and_arrows_move_on_from_it(looked):
    looked.show("channels")
    rows = looked.find(ChannelRows, "channel_table")
    rows.setFocus()
    looked.shown.qtbot.mouseClick(rows.viewport(), LEFT, pos=rows.visualRect(rows.model().index(2, 0)).center())
    looked.shown.until(lambda: looked.channel is not None and looked.channel.channel == 2)
    looked.shown.qtbot.keyClick(rows, Qt.Key.Key_S)
    looked.shown.qtbot.keyClick(rows, Qt.Key.Key_S)  # by the column of the cell, the channel itself: last first
    assert rows.model().channel_at(rows.currentIndex().row()) == 2
    here = rows.currentIndex().row()
    looked.shown.qtbot.keyClick(rows, Qt.Key.Key_Up)
    looked.shown.until(lambda: looked.channel.channel == rows.model().channel_at(here - 1))


def test_the_table_says_what_is_not_recorded_and_shows_it_once_it_is(looked):
    looked.show("channels")
    rows = looked.find(ChannelRows, "channel_table")
    table = rows.model()
    assert table.text(3, "mean") == "–"
    tip = table.data(table.index(3, KEYS.index("mean")), Qt.ItemDataRole.ToolTipRole)
    assert "Record activations" in tip
    activity = ChannelActivity(np.arange(12, dtype=np.float32), np.linspace(0, 1, 12).astype(np.float32))
    job = looked.shown.session.submit(RecordActivations(looked.model.source, None))
    looked.answered.add(job)
    looked.shown.engine.say(Finished(job, ActivationsRecorded({}, 64, {"conv": activity})))
    looked.shown.until(lambda: table.text(3, "mean") == "3.00")
    assert table.text(11, "dead") == share(1.0)


def test_similarity_and_the_nearest_channel_are_named(looked):
    looked.show("channels")
    table = looked.find(ChannelRows, "channel_table").model()
    assert (table.text(4, "similarity"), table.text(4, "nearest")) == ("1.000", "9")
    assert table.text(9, "nearest") == "4"


@pytest.mark.display
def test_ctrl_c_copies_all_channels_as_csv_in_the_order_shown(looked):
    looked.show("channels")
    rows = looked.find(ChannelRows, "channel_table")
    rows.setFocus()
    rows.sort_by("norm")
    looked.shown.qtbot.keyClick(rows, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert len(lines) == 13
    assert lines[1].split(",")[0] == "2"
    assert float(lines[1].split(",")[1]) == pytest.approx(np.linalg.norm(looked.weights["conv"][2]), rel=1e-5)


def test_what_the_plan_prunes_stands_in_the_table(looked):
    looked.show("channels")
    looked.plan("conv", MagnitudePruning(ratio=0.5))
    table = looked.find(ChannelRows, "channel_table").model()
    after = MagnitudePruning(ratio=0.5).perturb(looked.weights["conv"], Facts())[7]
    assert table.text(7, "plan") == f"{share(float((after == 0).mean()))} pruned"
