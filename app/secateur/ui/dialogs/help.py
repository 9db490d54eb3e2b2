"""F1: what the panel with the keyboard does, and all shortcuts."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QGridLayout, QScrollArea, QWidget

from secateur.ui.actions import ACTIONS
from secateur.ui.dialogs.frame import DialogFrame
from secateur.ui.help_texts import help_of
from secateur.ui.widgets.card import label, rule


class HelpDialog(DialogFrame):
    """The panel's own words, then the keys."""

    def __init__(self, panel: QWidget, parent: QWidget) -> None:
        title = panel.accessibleName() or "Secateur"
        super().__init__("help", title, help_of(panel), parent)
        self.body.addWidget(rule())
        self.body.addWidget(label("Keys", "title"))
        grid_box = QWidget()
        grid = QGridLayout(grid_box)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(4)
        for row, entry in enumerate(entry for entry in ACTIONS if entry.keys):
            keys = " or ".join(QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in entry.keys)
            grid.addWidget(label(keys, "strong"), row, 0, Qt.AlignmentFlag.AlignTop)
            place = " (in the table)" if entry.where == "layers" else ""
            grid.addWidget(label(f"{entry.text.rstrip('…')}{place}", "secondary"), row, 1)
        grid.setColumnStretch(1, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(grid_box)
        area.setMinimumHeight(320)
        self.body.addWidget(area, 1)
        self.add_button("help_close", "Close", "primary").clicked.connect(self.close)
