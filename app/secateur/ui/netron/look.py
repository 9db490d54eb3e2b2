"""What Netron's page wears: the window's colours behind the graph, its accent on what is selected."""

from secateur.ui.theme.palette import Theme


def style_of(theme: Theme) -> str:
    """Rules that stand behind Netron's own style sheets."""
    return f"""
        :root {{ color-scheme: {theme.name}; }}
        .default, .default body, .target, .welcome, .welcome body {{ background-color: {theme.panel}; }}
        .select > .node.node-border {{ stroke: {theme.accent}; stroke-width: 3px; }}
        .select.edge-path {{ stroke: {theme.accent}; }}
        .sidebar {{ background-color: {theme.raised}; color: {theme.text}; border-left: 1px solid {theme.border}; }}
        .menu {{ background-color: {theme.raised}; }}
    """
