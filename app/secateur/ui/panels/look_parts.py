"""What the views of a weight have in common: the choice of an order, and words for it."""

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from secateur.ui.theme.style import metrics
from secateur.ui.widgets.segmented import Segmented

ORDERS: Final[tuple[tuple[str, str, str], ...]] = (
    ("network", "Network", "As they stand in the network"),
    ("norm", "Norm", "The largest Euclidean norm first"),
    (
        "similarity",
        "Similarity",
        (
            "Like beside like, by the cosine of their weights: each is followed by the most similar of those left, "
            "more than 4,096 along their first principal component"
        ),
    ),
)


def order_control(name: str, title: str) -> Segmented:
    """A choice of the order of rows, columns or filters."""
    made = Segmented([(key, text) for key, text, _ in ORDERS], title)
    made.setObjectName(name)
    made.set_value("network")
    for key, _, tip in ORDERS:
        made.set_tooltip(key, f"{tip} (S)")
    return made


def foot_label(name: str) -> QLabel:
    """Two lines at the foot of a view, which stay two lines: what is above does not move when the words change."""
    made = QLabel()
    made.setObjectName(name)
    made.setProperty("kind", "caption")
    made.setWordWrap(True)
    made.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    made.setFixedHeight(2 * metrics(11).lineSpacing() + 2)
    return made


def order_words(order: str) -> str:
    """What an order is, as a phrase."""
    return next((tip for key, _, tip in ORDERS if key == order), "")
