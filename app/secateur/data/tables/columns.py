"""Which columns of a table are text, features and target: as a person said it, or guessed with a reason."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from secateur.data.guesses import Guess
from secateur.data.tables.table import Cell, Table, is_blank, number, told_columns
from secateur.errors import UserError

Column = str | int
Said = Mapping[str, tuple[Column, ...]]
"""Role → columns, as they stand in a data.yaml."""

ROLES: Final = ("text", "features", "one_hot", "target")
"""What a column can be: `one_hot` columns of words become a number of 0 or 1 for each word they hold."""

TARGET_NAMES = re.compile(r"^(target|label|class|y|score|similarity|category|species|outcome|rating|gold)s?$", re.I)
NUMBERING = re.compile(r"^(id|idx|index|row|number|no|unnamed.*|guid|genre|file(name)?|year|split|dataset)$", re.I)
"""Names of columns that count or sort rows: they are no features."""

WORDS_IN_TEXT = 1.5
"""Cells of more words than this, on average, are text; those of fewer are the names of classes."""


@dataclass(frozen=True)
class Columns:
    """Places in a table, by role."""

    text: tuple[int, ...] = ()
    features: tuple[int, ...] = ()
    one_hot: tuple[int, ...] = ()
    target: tuple[int, ...] = ()

    def said(self, table: Table) -> dict[str, object]:
        """As a data.yaml would say it: names where the table has them; one column without a list."""
        found: dict[str, object] = {}
        for role in ROLES:
            places: tuple[int, ...] = getattr(self, role)
            names = [table.columns[place] if table.has_header else place for place in places]
            if names:
                found[role] = names[0] if len(names) == 1 else names
        return found


def parse_columns(document: object, where: str) -> dict[str, tuple[Column, ...]]:
    """`{text: [0, 1], target: 2}` from a data.yaml; UserError names the role or the column that does not fit."""
    if not isinstance(document, dict):
        raise UserError(f"{where}: columns is no mapping.", "Write columns: {text: [0, 1], target: 2}.")
    unknown = next((str(key) for key in document if key not in ROLES), None)
    if unknown is not None:
        raise UserError(f"{where}: columns has the unknown role {unknown!r}.", f"Known roles: {', '.join(ROLES)}.")
    found: dict[str, tuple[Column, ...]] = {}
    for role, value in document.items():
        columns = value if isinstance(value, list | tuple) else [value]
        if not columns or not all(isinstance(c, str | int) and not isinstance(c, bool) for c in columns):
            raise UserError(
                f"{where}: columns has {role}: {value!r}.",
                "Give the name or the number of a column, or a list of them.",
            )
        found[str(role)] = tuple(columns)
    return found


def named_in(said: Said) -> tuple[str, ...]:
    """Columns that are called by name: their table must have a row of names."""
    return tuple(column for columns in said.values() for column in columns if isinstance(column, str))


def resolve_columns(
    table: Table, said: Said, *, is_text: bool, width: int | None
) -> tuple[Columns, tuple[Guess, ...], tuple[str, ...]]:
    """(columns, what was guessed of them, notes).

    `is_text` says whether the network takes text, else it takes `width` numbers (None: any number of them). Roles
    that a person said go first, and their columns are none of the others. UserError where the inputs cannot be found.
    """
    stated = {role: tuple(table.place(column) for column in columns) for role, columns in said.items()}
    if is_text and (stated.get("features") or stated.get("one_hot")):
        raise UserError(f"{table.name} is to give features, and the network takes text.", "Name the columns of text.")
    if not is_text and stated.get("text"):
        raise UserError(
            f"{table.name} is to give text, and the network takes {width or 'any'} numbers.", "Name its features."
        )
    kinds = _Kinds(table)
    taken = {place for places in stated.values() for place in places}
    guesses: dict[str, tuple[tuple[int, ...], str]] = {}
    if "target" not in stated:
        guesses["target"] = kinds.target(taken, is_text=is_text)
    target = stated["target"] if "target" in stated else guesses["target"][0]
    free = [place for place in range(len(table.columns)) if place not in {*taken, *target}]
    left: list[int] = []
    if is_text and "text" not in stated:
        guesses["text"] = kinds.texts(free)
    elif not is_text and not stated.keys() & {"features", "one_hot"}:
        found, left = kinds.features(free, width)
        guesses |= found
    columns = Columns(**{**stated, **{role: places for role, (places, _) in guesses.items()}})
    named = {role: places for role, (places, _) in guesses.items() if places}
    told = Columns(**named).said(table)
    reasons = [why for role, (places, why) in guesses.items() if places]
    notes = [f"{told_columns([table.said(place) for place in left])} of {table.name}: not used."] if left else []
    return columns, (Guess("columns", told, ", and ".join(reasons)),) if named else (), tuple(notes)


class _Kinds:
    """What the columns of a table hold, by their first rows."""

    def __init__(self, table: Table) -> None:
        self._table = table
        rows = table.head()
        self._cells = [[row[n] for row in rows if not is_blank(row[n])] for n in range(len(table.columns))]

    def is_number(self, place: int) -> bool:
        cells = self._cells[place]
        return bool(cells) and all(number(cell) is not None for cell in cells)

    def is_text(self, place: int) -> bool:
        cells = self._cells[place]
        if not cells or self.is_number(place):
            return False
        return _mean(len(str(cell).split()) for cell in cells) > WORDS_IN_TEXT

    def target(self, taken: Iterable[int], *, is_text: bool) -> tuple[tuple[int, ...], str]:
        """The column that answers are compared with, and why it is that one; none where no column can be it."""
        free = [n for n in range(len(self._table.columns)) if n not in set(taken) and self._cells[n]]
        named = [n for n in free if self._table.has_header and TARGET_NAMES.match(self._table.columns[n])]
        if named:
            return (named[-1],), f"the target is the column that is called {self._table.columns[named[-1]]}"
        free = [n for n in free if not self._numbers_rows(n)]
        if is_text:
            numbers = [n for n in free if self.is_number(n)]
            short = [n for n in free if not self.is_text(n)]
            if numbers:
                which = "the only" if len(numbers) == 1 else "the last"
                return (numbers[-1],), f"{self._table.said(numbers[-1])} is {which} one of numbers"
            if short:
                return (short[-1],), f"{self._table.said(short[-1])} holds words, not sentences"
            return (), ""
        return ((free[-1],), f"{self._table.said(free[-1])} is the last column") if len(free) > 1 else ((), "")

    def texts(self, free: Sequence[int]) -> tuple[tuple[int, ...], str]:
        found = [place for place in free if self.is_text(place)]
        if not found or len(found) > 2:
            names = told_columns([self._table.said(n) for n in range(len(self._table.columns))])
            many = f"{len(found)} columns hold" if found else "no column holds"
            raise UserError(
                f"{self._table.name} has the columns {names}: {many} sentences.",
                "Say which are text: columns: {text: [0, 1], target: 2}.",
            )
        hold = "holds" if len(found) == 1 else "hold"
        return tuple(found), f"{' and '.join(self._table.said(n) for n in found)} {hold} sentences"

    def features(
        self, free: Sequence[int], width: int | None
    ) -> tuple[dict[str, tuple[tuple[int, ...], str]], list[int]]:
        """Roles of the inputs with reasons, and the columns that are left over."""
        numbers = [place for place in free if self.is_number(place)]
        words = [place for place in free if place not in numbers and self._cells[place] and not self.is_text(place)]
        kinds = sum(len(set(self._cells[place])) for place in words)
        for taken in ([place for place in numbers if not self._numbers_rows(place)], numbers):
            if taken and width in {None, len(taken)}:
                why = f"these hold numbers{f', and the network takes {width}' if width else ''}"
                return {"features": (tuple(taken), why)}, [place for place in free if place not in taken]
            if words and len(taken) + kinds == width:
                why = f"{len(taken)} hold numbers and the others {kinds} words, and the network takes {width}"
                found = {"features": (tuple(taken), why), "one_hot": (tuple(words), "each word becomes a 0 or 1")}
                return found, [place for place in free if place not in {*taken, *words}]
        held = f"{len(numbers)} columns of numbers" + (f" and {len(words)} of words" if words else "")
        raise UserError(
            f"{self._table.name} has {held} besides the target, and the network takes {width or 'some'} numbers.",
            "Say which are fed: columns: {features: [age, height], one_hot: [colour], target: species}.",
        )

    def _numbers_rows(self, place: int) -> bool:
        return self._table.has_header and bool(NUMBERING.match(self._table.columns[place]))


def _mean(values: Iterable[int]) -> float:
    found = list(values)
    return sum(found) / max(1, len(found))


def words_of(cells: Iterable[Cell]) -> tuple[str, ...]:
    """The different values of a column, in alphabetical order."""
    return tuple(sorted({str(cell) for cell in cells}))
