"""A `tokenizer.json`, found beside the network or named by a person, and what it makes of texts.

The package `tokenizers` alone reads it: no Python of the model is run, nothing is downloaded.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.data.guesses import Guess
from secateur.errors import UserError

FILE = "tokenizer.json"
USUAL_LENGTH = 512
"""Tokens of the longest text where nothing states another limit: the position table of BERT and most after it."""

LARGEST_FILE_BYTES = 1 << 28
PADS = ("[PAD]", "<pad>", "<|pad|>", "<|endoftext|>", "</s>")


@dataclass(frozen=True, eq=False)
class Tokens:
    """What a batch of texts became: int64 (rows, length) each; `mask` is 1 where there is a token and 0 where padding.

    `types` are 0 in the first and 1 in the second of two joined texts.
    """

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    types: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """Texts to token numbers, at most `most` of them with those that open and close a text."""

    path: Path
    most: int
    pad: int = 0
    pads_left: bool = False
    guesses: tuple[Guess, ...] = ()
    encoder: Any = field(default=None, repr=False)

    def encode(self, texts: Sequence[str | tuple[str, str]], length: int | None = None) -> Tokens:
        """Texts, or pairs of texts joined into one, padded to `length`, else to the longest of them."""
        found = self.encoder.encode_batch_fast(list(texts), add_special_tokens=True)
        width = length or max((len(one.ids) for one in found), default=1) or 1
        shape = (len(found), width)
        ids = np.full(shape, self.pad, dtype=np.int64)
        mask, types = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, one in enumerate(found):
            count = min(width, len(one.ids))
            place = slice(width - count, width) if self.pads_left else slice(count)
            ids[row, place], types[row, place], mask[row, place] = one.ids[:count], one.type_ids[:count], 1
        return Tokens(ids, mask, types)

    def counts(self, texts: Sequence[str | tuple[str, str]]) -> list[int]:
        """How many tokens each of these becomes."""
        return [len(one.ids) for one in self.encoder.encode_batch_fast(list(texts), add_special_tokens=True)]

    def pieces(self, ids: Sequence[int]) -> tuple[str, ...]:
        """Token numbers as the pieces of text that they stand for, for show."""
        return tuple(str(self.encoder.id_to_token(int(number)) or number) for number in ids)


def find_tokenizer(beside: Sequence[Path]) -> Path | None:
    """The `tokenizer.json` beside one of these files or folders, or one folder above it, as exports lie in `onnx/`."""
    for path in beside:
        folder = path if path.is_dir() else path.parent
        for place in (folder, folder.parent):
            if (place / FILE).is_file() and (place == folder or folder.name == "onnx"):
                return place / FILE
    return None


def open_tokenizer(path: Path, most: int | None = None, fixed: int | None = None) -> Tokenizer:
    """The tokenizer in a file, or of a folder that has one.

    `most` is the longest text in tokens that a person wants, `fixed` the length that the network takes, if it takes
    but one. UserError where the file is missing or no tokenizer.
    """
    from tokenizers import Tokenizer as Encoder

    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        hint = f"Name the folder that {FILE} lies in, or the file itself: tokenizer: minilm/"
        raise UserError(f"There is no tokenizer at {file}.", hint)
    if file.stat().st_size > LARGEST_FILE_BYTES:
        raise UserError(f"{file} is too large to be a tokenizer.", f"Name a {FILE}.")
    try:
        encoder = Encoder.from_file(str(file))
    except Exception as error:  # noqa: BLE001 - the package raises bare Exception for whatever it cannot parse
        raise UserError(f"{file} is no tokenizer ({error}).", "Copy or download it again.") from None
    length, guesses = _length(file, encoder, most, fixed)
    special = encoder.num_special_tokens_to_add(False)
    if length <= special:
        raise UserError(
            f"max_length = {length} leaves no token of the text: {special} open and close it.", "Give a longer one."
        )
    pad, is_left = _padding(encoder)
    encoder.no_padding()
    encoder.enable_truncation(length)
    return Tokenizer(file, length, pad, is_left, guesses, encoder)


def _length(file: Path, encoder: Any, most: int | None, fixed: int | None) -> tuple[int, tuple[Guess, ...]]:
    """Tokens of the longest text: a person's word, the network's, the files', else what is usual."""
    if most is not None:
        return (min(most, fixed) if fixed else most), ()
    if fixed is not None:
        return fixed, (Guess("max_length", fixed, f"the network takes texts of {fixed} tokens"),)
    stated = encoder.truncation
    if stated:
        length = int(stated["max_length"])
        return length, (Guess("max_length", length, f"{FILE} cuts texts there"),)
    for name, key in _SETTINGS:
        value = _setting(file.with_name(name), key)
        if value is not None:
            return value, (Guess("max_length", value, f"{name} says {key}"),)
    return USUAL_LENGTH, (Guess("max_length", USUAL_LENGTH, "nothing beside the tokenizer states a limit"),)


_SETTINGS = (
    ("sentence_bert_config.json", "max_seq_length"),
    ("tokenizer_config.json", "model_max_length"),
    ("config.json", "max_position_embeddings"),
)


def _setting(path: Path, key: str) -> int | None:
    """A length that a settings file beside the tokenizer states; those beyond any sense mean none."""
    try:
        value = json.loads(path.read_bytes()).get(key)
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return int(value) if isinstance(value, int) and 0 < value <= 1 << 20 else None


def _padding(encoder: Any) -> tuple[int, bool]:
    """(token number that fills up short texts, whether they are filled up on the left)."""
    stated = encoder.padding
    if stated:
        return int(stated["pad_id"]), stated["direction"] == "left"
    known = (encoder.token_to_id(token) for token in PADS)
    return next((number for number in known if number is not None), 0), False


def stated_pooling(beside: Sequence[Path]) -> Guess | None:
    """How sentence-transformers' own settings beside a network pool its tokens; None where they are not there."""
    for place in _pooling_files(beside):
        try:
            said = json.loads(place.read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        if not isinstance(said, dict):
            continue
        for key, pooling in (("pooling_mode_mean_tokens", "mean"), ("pooling_mode_cls_token", "cls")):
            if said.get(key) is True:
                return Guess("pooling", pooling, f"{place.parent.name}/{place.name} says {key}")
    return None


def _pooling_files(beside: Sequence[Path]) -> Iterator[Path]:
    for path in beside:
        yield from sorted((path if path.is_dir() else path.parent).glob("*_Pooling/config.json"))
