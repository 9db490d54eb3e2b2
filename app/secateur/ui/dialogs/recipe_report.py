"""What of a loaded recipe does not fit the open model, layer by layer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from secateur.ui.dialogs.frame import DialogFrame

if TYPE_CHECKING:
    from secateur.recipe.recipe import Recipe
    from secateur.session.misfits import Misfit

COLUMNS = ("Step", "Method", "Layer", "Why it is left out")


class RecipeReportDialog(DialogFrame):
    """One row for each layer, or pattern, that was left out."""

    def __init__(self, name: str, recipe: "Recipe", left_out: "Sequence[Misfit]", parent: QWidget) -> None:
        steps = "1 step" if len(recipe.steps) == 1 else f"{len(recipe.steps)} steps"
        what = "1 layer or pattern does" if len(left_out) == 1 else f"{len(left_out)} layers or patterns do"
        text = f"{steps} loaded. {what} not fit this model; the rest is the plan now, and can be undone."
        super().__init__("recipe_report", name, text, parent)
        self.table = QTableWidget(len(left_out), len(COLUMNS))
        self.table.setObjectName("recipe_misfits")
        self.table.setAccessibleName("What of the recipe does not fit")
        self.table.setHorizontalHeaderLabels(list(COLUMNS))
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setWordWrap(True)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setTabKeyNavigation(False)
        for row, misfit in enumerate(left_out):
            for column, words in enumerate((str(misfit.number), misfit.method, misfit.layer, misfit.reason)):
                item = QTableWidgetItem(words)
                item.setToolTip(words)
                item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(row, column, item)
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(len(COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.body.addWidget(self.table, 1)
        self.resize(760, 360)
        close = self.add_button("recipe_report_close", "Close", "primary")
        close.clicked.connect(self.close)
