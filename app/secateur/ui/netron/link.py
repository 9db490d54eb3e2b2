"""Keeps two selections the same, the layer table's and the page's, without sending either its own words back."""


class SelectionLink:
    """Remembers the layer that both sides show. Whatever arrives twice, or as an echo, changes nothing."""

    def __init__(self) -> None:
        self._layer = ""

    def from_table(self, layer: str) -> bool:
        """Whether the page has to be told of the layer that is selected in the table."""
        return self._take(layer)

    def from_page(self, layer: str) -> bool:
        """Whether the table has to be told of the layer whose node is selected in the page."""
        return self._take(layer)

    def forget(self) -> None:
        """The page is new and shows nothing as selected."""
        self._layer = ""

    def _take(self, layer: str) -> bool:
        if not layer or layer == self._layer:
            return False
        self._layer = layer
        return True
