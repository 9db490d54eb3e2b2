"""Tables made ready for a network: rows of text through a tokenizer, or rows of numbers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from secateur.data.content import Content, Later, Made
from secateur.data.description_file import Wish
from secateur.data.guesses import Guess
from secateur.data.source import takes_text
from secateur.data.splits import Indices
from secateur.data.tables.columns import Columns, named_in, resolve_columns
from secateur.data.tables.features import standardisation_guess, table_feed, targets_of, width_of
from secateur.data.tables.joined import JoinedTable, part_of, parts_beside
from secateur.data.tables.opening import open_table
from secateur.data.tables.table import Table
from secateur.data.text.feed import TextFeed, fixed_length, parts_of
from secateur.data.text.tokenizer import find_tokenizer, open_tokenizer, stated_pooling
from secateur.errors import UserError
from secateur.model.description import Port

Ports = tuple[Port, ...]


def read_tabular(path: Path, wish: Wish, inputs: Ports, outputs: Ports, beside: tuple[Path, ...]) -> Content:
    """The table at `path` for a network with these ports; `beside` are the network's own files.

    UserError where its columns, its tokenizer or its cells do not fit.
    """
    table, parts, guesses = _open_parts(path, named_in(wish.columns))
    is_text = takes_text(inputs) and not {"features", "one_hot"} & wish.columns.keys()
    if not is_text and len(inputs) > 1:
        names = ", ".join(port.name for port in inputs)
        raise UserError(
            f"The network takes {len(inputs)} inputs ({names}), and a table feeds one.",
            "Give an .npz with an array for each input, or own code that yields a mapping.",
        )
    width = None if is_text else width_of(inputs[0])
    columns, guessed, notes = resolve_columns(table, wish.columns, is_text=is_text, width=width)
    targets = targets_of(table, columns.target, wish.classes)
    guesses = (*guesses, *guessed)
    content = Content(
        path.name,
        Later(len(table), _features(table, columns, inputs[0], wish)),
        targets.values if targets else None,
        targets.classes if targets else (),
        parts.get("train"),
        parts.get("test"),
        parts.get("validation"),
        notes=(*notes, *(targets.notes if targets else ())),
        guesses=guesses,
        said={"columns": columns.said(table)},
    )
    return _text(content, table, columns, wish, inputs, outputs, beside) if is_text else content


def _open_parts(path: Path, named: tuple[str, ...]) -> tuple[Table, dict[str, NDArray[np.intp]], tuple[Guess, ...]]:
    """The table with what belongs to it, and which rows are which part where files of their own say it."""
    found = parts_beside(path)
    if not found:
        table = open_table(path, named)
        if part_of(path) not in {"validation", "test"}:
            return table, {}, ()
        reason = f"{path.name} is by its name a part to judge by, and no part to train on lies beside it"
        return table, {"test": np.arange(len(table), dtype=np.intp)}, (Guess("source", {"test": path.name}, reason),)
    table = JoinedTable([open_table(file, named) for file in found.values()])
    rows = {part: np.arange(table.starts[n], table.starts[n + 1], dtype=np.intp) for n, part in enumerate(found)}
    value = {part: file.name for part, file in sorted(found.items(), key=lambda item: item[0] != "train")}
    reason = f"they lie beside each other and {path.name} is by its name a part of them"
    return table, rows, (Guess("source", value, reason),)


def _features(table: Table, columns: Columns, port: Port, wish: Wish) -> Callable[[Indices], Made]:
    def feed(train: Indices) -> Made:
        made = table_feed(table, columns, port, wish.preprocessing, train)
        guess = standardisation_guess(made, wish.preprocessing, len(columns.features))
        return made, (guess,) if guess else ()

    return feed


# ---------------------------------------------------------------------- text


def _text(
    content: Content,
    table: Table,
    columns: Columns,
    wish: Wish,
    inputs: Ports,
    outputs: Ports,
    beside: tuple[Path, ...],
) -> Content:
    """The table's texts through a tokenizer: for a similarity one after the other, else joined."""
    if wish.preprocessing:
        raise UserError(f"{table.name} is text, and preprocessing is for images and numbers.", "Leave it out.")
    if not 1 <= len(columns.text) <= 2:
        raise UserError(f"{table.name} is to give {len(columns.text)} texts for a sample.", "Name one column or two.")
    parts, fixed = parts_of(inputs), fixed_length(inputs)
    place, guessed = _tokenizer_place(wish, beside)
    tokenizer = open_tokenizer(place, wish.max_length, fixed)
    suggested = _task(wish, columns, content, outputs, beside)
    found = {guess.key: guess.value for guess in suggested}
    task = wish.task or found.get("task")
    is_joined = len(columns.text) == 2 and task != "similarity"
    notes = []
    if len(columns.text) == 2:
        notes = [f"The two texts of a row go through the network {'as one' if is_joined else 'one after the other'}."]
    if is_joined and "token_type_ids" not in parts.values():
        notes.append("It takes no token_type_ids: only the tokens between the two texts tell them apart.")
    feed = TextFeed(table, columns.text, tokenizer, inputs, parts, is_joined, fixed)
    return replace(
        content,
        reader=feed,
        task=str(task) if task else None,
        parameters={key: value for key, value in found.items() if key == "pooling"},
        notes=(*content.notes, *notes),
        guesses=(*content.guesses, *guessed, *tokenizer.guesses, *suggested),
        said={**content.said, "tokenizer": str(place), "max_length": tokenizer.most},
    )


def _tokenizer_place(wish: Wish, beside: tuple[Path, ...]) -> tuple[Path, tuple[Guess, ...]]:
    if wish.tokenizer:
        return Path(wish.tokenizer), ()
    found = find_tokenizer((*beside, Path(wish.path)))
    if found is None:
        raise UserError(
            "The network takes token numbers, and there is no tokenizer.json beside it.",
            "Name the one that it was trained with in a data.yaml: tokenizer: minilm/ (a folder or a tokenizer.json).",
        )
    return found, (Guess("tokenizer", found.name, f"it lies in {found.parent.name}, beside the network or the data"),)


LEAST_WIDTH = 32
"""Fewer numbers than this are scores of classes, and no vector that stands for a text."""


def _task(
    wish: Wish, columns: Columns, content: Content, outputs: Ports, beside: tuple[Path, ...]
) -> tuple[Guess, ...]:
    """What two texts and a number are for, and how the network's tokens become a vector."""
    is_pair = len(columns.text) == 2
    if not is_pair or wish.task not in {None, "similarity"} or content.labels is None:
        return ()
    widths = [port.shape[-1] for port in outputs if len(port.shape) == 2]
    has_tokens = any(len(port.shape) == 3 for port in outputs)
    has_vector = any(width is None or width >= LEAST_WIDTH for width in widths)
    found = []
    if wish.task is None:
        if content.classes or not (has_tokens or has_vector):
            return ()
        answers = "a vector for each token" if has_tokens else "a vector for each text"
        reason = f"each row has two texts and a number, and the network answers with {answers}"
        found.append(Guess("task", "similarity", reason))
    if "pooling" not in wish.parameters:
        plain = Guess("pooling", "mean", "the network answers with a vector for each token")
        if not has_tokens:
            plain = Guess("pooling", "output", "the network answers with a vector for each text")
        found.append((stated_pooling(beside) if has_tokens else None) or plain)
    return tuple(found)
