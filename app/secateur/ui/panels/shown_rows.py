"""Which layers the table shows: what other pictures of all layers follow. No Qt."""

from typing import NamedTuple


class ShownRows(NamedTuple):
    """`names`: the pinned ones first, then in network order those that pass the filter; `filter` as it was typed."""

    names: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    filter: str = ""
    is_empty: bool = False
    """Whether no layer passes the filter: then there are pinned ones at most."""
