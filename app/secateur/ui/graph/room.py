"""How large a drawing can be shown in the view, without its nodes lying under what lies over the graph. No Qt."""

from dataclasses import dataclass

from secateur.ui.graph.drawing import Drawing

CORNER = (244.0, 122.0)
"""Pixels at the lower right that the map and the zoom buttons take."""
TOP = 70.0
"""Pixels at the top that the search box and the legend take."""
MARGIN = 24.0
SMALLEST = (300.0, 200.0)


@dataclass(frozen=True)
class Room:
    """Pixels of the view that a drawing may fill: without margins, and without the strip at the top."""

    width: float
    height: float

    @classmethod
    def of_view(cls, width: float, height: float) -> "Room":
        return cls(max(width - 2 * MARGIN, SMALLEST[0]), max(height - TOP - MARGIN, SMALLEST[1]))

    def zoom_for(self, drawing: Drawing) -> float:
        """The largest zoom, at most 1, at which all of `drawing` is in sight."""
        width, height = max(drawing.width, 1.0), max(drawing.height, 1.0)
        zoom = min(self.width / width, self.height / height, 1.0)
        if self._is_corner_free(drawing, zoom):
            return zoom
        return min(self.width / width, (self.height - CORNER[1] + MARGIN) / height, 1.0)

    def left(self, drawing: Drawing, zoom: float) -> float:
        """Where the drawing's left edge lies: in the middle where there is room to spare."""
        return max((self.width - drawing.width * zoom) / 2, 0.0)

    def _is_corner_free(self, drawing: Drawing, zoom: float) -> bool:
        left = self.left(drawing, zoom)
        right, below = self.width + MARGIN - CORNER[0], self.height + MARGIN - CORNER[1]
        return all(
            left + (x + width) * zoom < right or (y + height) * zoom < below
            for x, y, width, height in drawing.places.values()
        )
