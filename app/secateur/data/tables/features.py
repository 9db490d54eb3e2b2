"""Columns as numbers: features with their standardisation, words as 0 and 1, and targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.data.guesses import Guess
from secateur.data.preview import Shown
from secateur.data.splits import Indices
from secateur.data.tables.columns import Columns, words_of
from secateur.data.tables.table import Cell, Table, is_blank, number
from secateur.errors import UserError
from secateur.model.description import Port

MOST_WORDS = 1000
"""A column of more different words than this is no category."""

TOLD_STATISTICS = 4


@dataclass(frozen=True, eq=False)
class TableFeed:
    """Rows of numbers for the one port of a network: (value − mean) / std. `values` are float32 (rows, features)."""

    table: Table
    names: tuple[str, ...]
    values: NDArray[np.float32]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    port: Port

    @property
    def passes(self) -> int:
        return 1

    def __len__(self) -> int:
        return len(self.values)

    def show(self, sample: int) -> Shown:
        """The cells of one row as the network is fed."""
        fed = next(iter(self.read(np.array([sample])).values())).reshape(-1)
        return Shown(cells=tuple((name, float(value)) for name, value in zip(self.names, fed, strict=True)))

    def read(self, samples: Indices) -> Mapping[str, NDArray[Any]]:
        """(samples, features), in the shape that the network takes a row of numbers in."""
        dtype = np.dtype(self.port.dtype)
        fed = ((self.values[samples] - self.mean) / self.std).astype(dtype)
        return {self.port.name: fed.reshape(len(samples), *(1 for _ in self.port.shape[2:]), fed.shape[1])}


def width_of(port: Port) -> int | None:
    """How many numbers a port takes for a sample: its last axis; None where it takes any."""
    return port.shape[-1] if len(port.shape) > 1 else None


def table_feed(table: Table, columns: Columns, port: Port, wanted: Mapping[str, object], train: Indices) -> TableFeed:
    """The features of a table, standardised as `wanted` says (`mean` and `std`), else by the rows of `train`.

    Words are fed as 0 and 1 and never standardised. UserError where a cell is no number, or their count is not what
    the network takes.
    """
    unknown = next((key for key in wanted if key not in {"mean", "std"}), None)
    if unknown is not None:
        raise UserError(
            f"The preprocessing has {unknown}, and {table.name} is no image.", "A table knows mean and std."
        )
    numbers = numbers_of(table, columns.features)
    words, named = _one_hot(table, columns.one_hot)
    values = np.concatenate([numbers, words], axis=1)
    takes = width_of(port)
    if takes is not None and takes != values.shape[1]:
        raise UserError(
            f"{table.name} feeds {values.shape[1]} numbers, and the network's input {port.name} takes {takes}.",
            "Name as many columns: columns: {features: [age, height], target: species}.",
        )
    count, extra = numbers.shape[1], words.shape[1]
    mean, std = _statistic(wanted, "mean", count), _statistic(wanted, "std", count)
    if mean is None and std is None and count:
        mean, std = numbers[train].mean(axis=0), numbers[train].std(axis=0)
        std = np.where(std > 0, std, 1.0)
    mean = np.concatenate([np.zeros(count) if mean is None else mean, np.zeros(extra)])
    std = np.concatenate([np.ones(count) if std is None else std, np.ones(extra)])
    names = (*(table.said(place) for place in columns.features), *named)
    return TableFeed(table, names, values, mean.astype(np.float32), std.astype(np.float32), port)


def standardisation_guess(feed: TableFeed, wanted: Mapping[str, object], features: int) -> Guess | None:
    """That the training rows gave mean and std, with the first of them; None where a person said them."""
    if wanted.keys() & {"mean", "std"} or not features:
        return None
    value = {key: _first(getattr(feed, key)[:features]) for key in ("mean", "std")}
    return Guess(
        "preprocessing",
        value,
        f"these are the statistics of the training rows, by which the {features} features are standardised; "
        "mean: [0] and std: [1] feed them as they are",
    )


def _first(values: NDArray[np.float32]) -> list[object]:
    shown: list[object] = [float(value) for value in values[:TOLD_STATISTICS]]
    return [*shown, "…"] if len(values) > TOLD_STATISTICS else shown


def _statistic(wanted: Mapping[str, object], key: str, count: int) -> NDArray[np.float64] | None:
    given = wanted.get(key)
    if given is None:
        return None
    try:
        values = np.asarray(given, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise UserError(f"The preprocessing has {key} = {given!r}.", "Give numbers.") from None
    if len(values) not in {1, count}:
        raise UserError(
            f"The preprocessing has {len(values)} values for {key}, and the table has {count} features.",
            "Give one value, or one for each feature.",
        )
    if key == "std" and not (values > 0).all():
        raise UserError("The preprocessing has a std that is not greater than 0.", "Give positive numbers.")
    return np.broadcast_to(values, (count,))


def numbers_of(table: Table, places: Sequence[int]) -> NDArray[np.float32]:
    """float32 (rows, places) of columns of numbers; UserError names the first cell that is none."""
    found = np.empty((len(table), len(places)), dtype=np.float32)
    if not places:
        return found
    for row, cells in enumerate(table.scan(places)):
        for column, cell in enumerate(cells):
            value = number(cell)
            if value is None:
                raise _no_number(table, places[column], row, cell)
            found[row, column] = value
    return found


def _no_number(table: Table, place: int, row: int, cell: Cell) -> UserError:
    said = f"{table.said(place)} of {table.name}"
    if is_blank(cell):
        return UserError(f"Row {row + 1:,} has no value in {said}.", "Fill it in, or take the row out.")
    hint = "Name it under one_hot, so that each word is fed as a 0 or 1, or leave it out."
    return UserError(f"Row {row + 1:,} has {str(cell)[:40]!r} in {said}, which is no number.", hint)


def _one_hot(table: Table, places: Sequence[int]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """(float32 (rows, words), their names) of columns of words, each column's words in alphabetical order."""
    parts, names = [np.empty((len(table), 0), dtype=np.float32)], []
    for place in places:
        cells = [str(cell) for (cell,) in table.scan([place])]
        words = words_of(cells)
        if len(words) > MOST_WORDS:
            raise UserError(
                f"{table.said(place)} of {table.name} holds {len(words):,} different words.", "Leave it out."
            )
        places_of = {word: n for n, word in enumerate(words)}
        known = np.array([places_of[cell] for cell in cells])
        parts.append(np.eye(len(words), dtype=np.float32)[known])
        names += [f"{table.said(place)} = {word}" for word in words]
    return np.concatenate(parts, axis=1), tuple(names)


# ---------------------------------------------------------------------- targets


@dataclass(frozen=True, eq=False)
class Targets:
    """`values` are int64 or float32, (rows,) of one column and (rows, columns) of several; `classes` name the numbers
    where the cells are words.
    """

    values: NDArray[Any]
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def targets_of(table: Table, places: Sequence[int], classes: Sequence[str] = ()) -> Targets | None:
    """The targets of every row; None where there is no column of them.

    Numbers without a point are int64, others float32; words are classes, in the order of `classes`, else in
    alphabetical order. UserError where a cell is empty, or a word among numbers.
    """
    if not places:
        return None
    rows = list(table.scan(places))
    empty = next((n for n, row in enumerate(rows) if any(is_blank(cell) for cell in row)), None)
    if empty is not None:
        said = ", ".join(table.said(place) for place in places)
        raise UserError(f"Row {empty + 1:,} of {table.name} has no target ({said}).", "Fill it in or take it out.")
    if len(places) == 1 and any(number(row[0]) is None for row in rows):
        return _class_numbers(table, places[0], [str(row[0]) for row in rows], classes)
    numbers = numbers_of(table, places)
    is_whole = not any(_has_point(cell) for row in rows for cell in row)
    values: NDArray[Any] = numbers.astype(np.int64) if is_whole else numbers
    return Targets(values[:, 0] if len(places) == 1 else values)


def _has_point(cell: Cell) -> bool:
    return isinstance(cell, float) or (isinstance(cell, str) and not cell.strip().lstrip("+-").isdigit())


def _class_numbers(table: Table, place: int, cells: Sequence[str], order: Sequence[str]) -> Targets:
    words = [cell.strip() for cell in cells]
    names = tuple(order) or words_of(words)
    unknown = next((word for word in words if word not in names), None) if order else None
    if unknown is not None:
        raise UserError(
            f"{table.said(place)} of {table.name} holds {unknown[:40]!r}, which is not among the given classes.",
            f"Given are {', '.join(order)}.",
        )
    if len(names) > MOST_WORDS * 10 or len(names) == len(words):
        raise UserError(
            f"{table.said(place)} of {table.name} holds {len(names):,} different words: they are no classes.",
            "Name another column as target.",
        )
    numbers = {name: n for n, name in enumerate(names)}
    note = () if order else (f"The classes of {table.name} are numbered in alphabetical order.",)
    return Targets(np.array([numbers[word] for word in words], dtype=np.int64), names, note)
