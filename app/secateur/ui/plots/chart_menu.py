"""What a right click on a chart offers: its picture, the data behind it, and the whole range again."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QMenu

from secateur.ui.plots.saving import Saving, saver
from secateur.ui.plots.table import copy_table
from secateur.ui.widgets.why_not import set_why_not

if TYPE_CHECKING:
    from secateur.ui.plots.chart import Chart


def _tr(text: str) -> str:
    return QCoreApplication.translate("Chart", text)


def make_chart_menu(chart: "Chart", *, can_zoom: bool) -> QMenu:
    """The menu of `chart`, less what its kind adds to it."""
    menu = QMenu(chart)
    menu.setToolTipsVisible(True)
    menu.addAction(_tr("Copy picture"), chart.copy_picture)
    menu.addAction(_tr("Save picture…"), lambda: saver.wanted.emit(Saving(chart)))
    table = chart.table()
    for text, call in (
        (_tr("Copy data as CSV"), lambda: copy_table(table) if table else None),
        (_tr("Save data as CSV…"), lambda: saver.wanted.emit(Saving(chart, table))),
    ):
        set_why_not(menu.addAction(text, call), "" if table is not None else _tr("There are no numbers yet."))
    if can_zoom:
        menu.addSeparator()
        whole = "" if chart.magnification > 1.0 + 1e-9 else _tr("The whole range is shown.")
        set_why_not(menu.addAction(_tr("Show the whole range"), chart.show_all), whole)
    return menu
