"""The question before a pickle's code is run: which names it wants, which of them are dangerous, and what is done."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QAbstractItemView, QCheckBox, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from secateur.ui.dialogs.frame import DialogFrame
from secateur.ui.naming import named
from secateur.ui.theme.style import icon
from secateur.ui.widgets.card import label, set_tone
from secateur.ui.widgets.why_not import set_why_not

if TYPE_CHECKING:
    from secateur.session.state import TrustQuestion

_EXPLAINED = (
    "This file is a whole pickled network: opening it runs code that it names. It would be loaded in a process of its "
    "own, without network, your files or other programs where this system allows that, and only plain files come back."
)


class TrustDialog(DialogFrame):
    """Lists what the pickle wants; `answered(trusted)` once, when a person decides or closes it."""

    answered = Signal(bool)

    def __init__(self, question: "TrustQuestion", parent: QWidget) -> None:
        super().__init__("trust_dialog", f"Run code from {Path(question.source.path).name}?", _EXPLAINED, parent)
        self.setMinimumWidth(640)
        self._is_answered = False
        dangerous = [wanted for wanted in question.wants if wanted.danger]
        said = label(_summary(len(question.wants), len(dangerous)), "strong", wrap=True)
        said.setObjectName("trust_said")
        set_tone(said, "negative" if dangerous else "")
        self.body.addWidget(said)
        self.names = self._list(question)
        self.body.addWidget(self.names, 1)
        self.known = named(QCheckBox("I know where this file comes from and want its code to run"), "trust_known")
        self.known.toggled.connect(self._allow)
        self.body.addWidget(self.known)
        cancel = self.add_button("trust_cancel", "Do not open", "primary", "Leave the file alone; nothing is run")
        cancel.clicked.connect(self.close)
        self.open_button = self.add_button(
            "trust_open", "Open in a confined process", tooltip="Run the file's code behind walls, and take its network"
        )
        self._allow(known=False)
        self.open_button.clicked.connect(self._accept)
        self.rejected.connect(self._decline)
        cancel.setFocus()

    def _list(self, question: "TrustQuestion") -> QTreeWidget:
        names = named(QTreeWidget(self), "trust_names")
        names.setAccessibleName("Names that the file wants to import")
        names.setHeaderLabels(["It wants to import", "What that can do"])
        names.setRootIsDecorated(False)
        names.setUniformRowHeights(True)
        names.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        names.setIconSize(QSize(16, 16))
        names.setMinimumHeight(240)
        for wanted in question.wants:
            row = QTreeWidgetItem([wanted.name, f"Dangerous: {wanted.danger}" if wanted.danger else ""])
            row.setToolTip(0, wanted.name)
            if wanted.danger:
                row.setIcon(0, icon("warn", "negative"))
            names.addTopLevelItem(row)
        names.setColumnHidden(1, not any(wanted.danger for wanted in question.wants))
        names.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        return names

    def _allow(self, known: bool) -> None:
        set_why_not(self.open_button, "" if known else "Say first that you know where the file comes from.")

    def _accept(self) -> None:
        self._answer(trusted=True)
        self.close()

    def _decline(self) -> None:
        self._answer(trusted=False)

    def _answer(self, *, trusted: bool) -> None:
        if not self._is_answered:
            self._is_answered = True
            self.answered.emit(trusted)


def _summary(count: int, dangerous: int) -> str:
    """How many names there are, and how many of them are dangerous."""
    names = "1 name" if count == 1 else f"{count} names"
    if not dangerous:
        return f"It wants {names}. None is known to be dangerous; what each does can still not be told for certain."
    one = "1 of them is" if dangerous == 1 else f"{dangerous} of them are"
    return f"It wants {names}. {one} dangerous: ordinary networks do not need such names."
