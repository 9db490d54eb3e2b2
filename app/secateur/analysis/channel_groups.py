"""Layers that lose channels together have one cell: its damage is that of all of them, and stands in each row."""

from collections.abc import Mapping, Sequence

from secateur.methods.offers import Option
from secateur.model.documents import SensitivityRow


def shared(
    rows: Sequence[SensitivityRow], options: Sequence[Option], groups: Mapping[str, tuple[str, ...]]
) -> list[SensitivityRow]:
    """The rows in which the layers of a group have one damage of what takes channels: the mean of their own."""
    narrowing = {option.id for option in options if option.method.changes_widths}
    known: dict[tuple[tuple[str, ...], str], list[float]] = {}
    for row in rows:
        if row.option in narrowing and row.damage is not None:
            known.setdefault((groups.get(row.layer, (row.layer,)), row.option), []).append(row.damage)

    def of_group(row: SensitivityRow) -> SensitivityRow:
        own = known.get((groups.get(row.layer, (row.layer,)), row.option))
        if own is None or row.unavailable or row.option not in narrowing:
            return row
        return row.model_copy(update={"damage": sum(own) / len(own)})

    return list(map(of_group, rows))
