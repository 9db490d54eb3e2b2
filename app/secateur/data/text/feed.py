"""Texts of a table as a network is fed: token numbers, masks and types, each to the port of its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.data.preview import Shown
from secateur.data.splits import Indices
from secateur.data.tables.table import Table, is_blank
from secateur.data.text.tokenizer import Tokenizer, Tokens
from secateur.errors import UserError
from secateur.model.description import Port

NAMES = ("input_ids", "attention_mask", "token_type_ids")
"""Ports that texts can feed, by the names that all exporters of such networks keep."""


@dataclass(frozen=True, eq=False)
class TextFeed:
    """Texts at `places` of a table, tokenized batch by batch: nothing but a batch is ever in memory.

    `parts` says which part of the tokens each port is fed (one of NAMES). With `is_joined`, two texts make one row;
    without, they are `passes` rows, one after the other. `length` is the one length that the network takes, or None,
    where a batch is as long as its longest text.
    """

    table: Table
    places: tuple[int, ...]
    tokenizer: Tokenizer
    ports: tuple[Port, ...]
    parts: Mapping[str, str]
    is_joined: bool = False
    length: int | None = None

    def __len__(self) -> int:
        return len(self.table)

    @property
    def passes(self) -> int:
        return 1 if self.is_joined else len(self.places)

    def read(self, samples: Indices) -> Mapping[str, NDArray[Any]]:
        """By port: (samples × passes, tokens)."""
        return fed_of(self.tokenizer.encode(self._rows(samples), self.length), self.ports, self.parts)

    def lengths(self, samples: Indices) -> NDArray[np.intp]:
        """Tokens of the longer text of each sample; the same for all where the network takes one length."""
        if self.length is not None:
            return np.full(len(samples), self.length, dtype=np.intp)
        counts = np.array(self.tokenizer.counts(self._rows(samples)), dtype=np.intp)
        return np.asarray(counts.reshape(len(samples), self.passes).max(axis=1))

    def _rows(self, samples: Indices) -> list[str | tuple[str, str]]:
        texts = self.texts(samples)
        return [(one[0], one[1]) for one in texts] if self.is_joined else [text for one in texts for text in one]

    def texts(self, samples: Indices) -> list[tuple[str, ...]]:
        """The texts of these samples as they are stored; UserError where there is none."""
        found = []
        for sample, row in zip(samples, self.table.rows([int(n) for n in samples], self.places), strict=True):
            if any(is_blank(cell) for cell in row):
                raise UserError(
                    f"Row {int(sample) + 1:,} of {self.table.name} has no text.", "Fill it in or take it out."
                )
            found.append(tuple(str(cell) for cell in row))
        return found

    def show(self, sample: int) -> Shown:
        """The texts of one sample with the pieces that they became."""
        alone = np.array([sample])
        tokens = self.tokenizer.encode(self._rows(alone), self.length)
        return shown_of(self.texts(alone)[0], self.tokenizer, tokens)


PADDING = "padding"


def shown_of(texts: tuple[str, ...], tokenizer: Tokenizer, tokens: Tokens) -> Shown:
    """Texts with the pieces that each became, and the name of every place of the first row."""
    pieces = tuple(tokenizer.pieces(ids[mask > 0]) for ids, mask in zip(tokens.ids, tokens.mask, strict=True))
    named = zip(tokenizer.pieces(tokens.ids[0]), tokens.mask[0], strict=True)
    return Shown(texts, pieces, places=tuple(piece if is_read else PADDING for piece, is_read in named))


def fed_of(tokens: Tokens, ports: tuple[Port, ...], parts: Mapping[str, str]) -> Mapping[str, NDArray[Any]]:
    """By port, in its number type: the part of the tokens that `parts` says."""
    known = {"input_ids": tokens.ids, "attention_mask": tokens.mask, "token_type_ids": tokens.types}
    return {port.name: known[parts[port.name]].astype(np.dtype(port.dtype)) for port in ports}


def parts_of(ports: tuple[Port, ...]) -> dict[str, str]:
    """Which part of the tokens each port is fed; UserError names one that no text can fill.

    A network of a single port is fed the token numbers, whatever the port is called.
    """
    if len(ports) == 1:
        return {ports[0].name: "input_ids"}
    found = {port.name: port.name.casefold() for port in ports}
    foreign = next((name for name, part in found.items() if part not in NAMES), None)
    if foreign is not None:
        raise UserError(
            f"Text feeds {', '.join(NAMES)}, and the network also takes {foreign}.",
            "Export it with these inputs alone, or give own code that yields a mapping of all its inputs.",
        )
    return found


def fixed_length(ports: tuple[Port, ...]) -> int | None:
    """The one length of texts that a network takes; None where it takes any."""
    sides = {port.shape[1] for port in ports if len(port.shape) == 2}
    return next((side for side in sides if side is not None), None)
