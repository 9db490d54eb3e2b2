"""What colour the nodes of layers have in Netron's page: its own, by operator, or ours, by damage."""

from secateur.session.state import SessionState
from secateur.ui.graph.colouring import DAMAGE, colouring
from secateur.ui.plots.heat_paint import ink_on, map_color
from secateur.ui.theme.style import color

OPTION = "int4"
"""The damage of 4 bits tells layers apart best; the Graph tab colours by all the others."""


def damage_fills(state: SessionState) -> dict[str, tuple[str, str]]:
    """(fill, ink) of each layer's node by what 4 bits do to the model: dark is harmless, bright is harmful.

    The empty name stands for every other node: the colours of its operators would be mistaken for damage.
    """
    colours = colouring(state, f"{DAMAGE}{OPTION}")
    fills = {layer: map_color(colours.share(value)) for layer, value in colours.values.items()}
    plain = {"": (color("pressed").name(), color("text").name())}
    return plain | {layer: (fill.name(), ink_on(fill).name()) for layer, fill in fills.items()}
