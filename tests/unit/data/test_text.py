"""Text through a tokenizer.json: token numbers, masks and types, each to the port of its name."""

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer as Encoder
from tokenizers import models, pre_tokenizers, processors

from secateur.data.source import takes_text
from secateur.data.tables.opening import open_table
from secateur.data.text.feed import TextFeed, fixed_length, parts_of
from secateur.data.text.tokenizer import find_tokenizer, open_tokenizer, stated_pooling
from secateur.errors import UserError
from secateur.model.description import Port

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "man", "dog", "barks", "dances"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a tokenizer of a few words, as BERT's: [CLS] … [SEP] … [SEP]."""
    encoder = Encoder(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    encoder.pre_tokenizer = pre_tokenizers.Whitespace()
    encoder.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    encoder.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "pairs.csv").write_text("a man dances,a dog,5.0\na dog,a dog barks,0.5\n")
    return tmp_path


def ports(*names: str, length: int | None = None, dtype: str = "int64") -> tuple[Port, ...]:
    return tuple(Port(name, dtype, (None, length)) for name in names)


def feed(folder: Path, taken: tuple[Port, ...], *, is_joined: bool = False) -> TextFeed:
    table, length = open_table(folder / "pairs.csv"), fixed_length(taken)
    return TextFeed(table, (0, 1), open_tokenizer(folder, None, length), taken, parts_of(taken), is_joined, length)


def test_the_texts_of_a_pair_are_two_rows_padded_to_the_longest_and_masked(folder: Path) -> None:
    made = feed(folder, ports("input_ids", "attention_mask", "token_type_ids"))
    fed = made.read(np.array([0, 1]))
    assert list(fed) == ["input_ids", "attention_mask", "token_type_ids"]
    assert made.passes == 2
    assert fed["input_ids"].tolist() == [[2, 4, 5, 8, 3], [2, 4, 6, 3, 0], [2, 4, 6, 3, 0], [2, 4, 6, 7, 3]]
    assert fed["attention_mask"].tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 1, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert not fed["token_type_ids"].any()


def test_samples_are_as_long_as_the_longer_of_their_texts_and_all_alike_where_the_network_takes_one_length(
    folder: Path,
) -> None:
    assert feed(folder, ports("input_ids")).lengths(np.array([1, 0])).tolist() == [5, 5]
    assert feed(folder, ports("input_ids"), is_joined=True).lengths(np.array([0, 1])).tolist() == [8, 8]
    (folder / "pairs.csv").write_text("a man dances,a dog,5.0\na dog,a,0.5\n")
    assert feed(folder, ports("input_ids")).lengths(np.array([1, 0])).tolist() == [4, 5]
    assert feed(folder, ports("input_ids", length=9)).lengths(np.array([1, 0])).tolist() == [9, 9]


def test_joined_texts_are_one_row_told_apart_by_their_types(folder: Path) -> None:
    made = feed(folder, ports("input_ids", "token_type_ids", dtype="int32"), is_joined=True)
    fed = made.read(np.array([0]))
    assert made.passes == 1
    assert fed["input_ids"].tolist() == [[2, 4, 5, 8, 3, 4, 6, 3]]
    assert fed["token_type_ids"].tolist() == [[0, 0, 0, 0, 0, 1, 1, 1]]
    assert fed["input_ids"].dtype == np.int32


def test_a_network_of_one_length_gets_that_length(folder: Path) -> None:
    fed = feed(folder, ports("input_ids", "attention_mask", length=4)).read(np.array([0]))
    assert fed["input_ids"].tolist() == [[2, 4, 5, 3], [2, 4, 6, 3]]
    longer = feed(folder, ports("input_ids", "attention_mask", length=7)).read(np.array([0]))
    assert longer["input_ids"].shape == (2, 7)
    assert longer["attention_mask"].sum(axis=1).tolist() == [5, 4]


def test_an_empty_text_is_refused_with_its_row(folder: Path) -> None:
    (folder / "pairs.csv").write_text("a man dances,a dog,5.0\na dog,,0.5\n")
    with pytest.raises(UserError, match="Row 2"):
        feed(folder, ports("input_ids")).read(np.array([0, 1]))


def test_an_input_that_no_text_can_fill_is_named() -> None:
    assert parts_of(ports("tokens")) == {"tokens": "input_ids"}
    assert takes_text(ports("tokens"))
    assert not takes_text((Port("x", "float32", (None, 5)),))
    with pytest.raises(UserError, match="position_ids"):
        parts_of(ports("input_ids", "position_ids"))


def test_the_longest_text_comes_from_a_person_the_network_or_the_files_in_that_order(folder: Path) -> None:
    assert open_tokenizer(folder, 5, 9).most == 5
    assert open_tokenizer(folder, None, 9).most == 9
    usual = open_tokenizer(folder)
    assert (usual.most, usual.guesses[0].key) == (512, "max_length")
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 64}))
    assert open_tokenizer(folder).most == 64
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 32}))
    stated = open_tokenizer(folder)
    assert stated.most == 32
    assert "sentence_bert_config.json" in stated.guesses[0].sentence
    with pytest.raises(UserError, match="max_length = 2"):
        open_tokenizer(folder, 2)


def test_a_tokenizer_is_found_beside_the_network_and_above_an_onnx_folder(folder: Path) -> None:
    (folder / "onnx").mkdir()
    (folder / "other").mkdir()
    expected = folder / "tokenizer.json"
    assert find_tokenizer([folder / "model.safetensors"]) == find_tokenizer([folder]) == expected
    assert find_tokenizer([folder / "onnx" / "model.onnx"]) == expected
    assert find_tokenizer([folder / "other" / "model.onnx"]) is None


@pytest.mark.parametrize("content", [None, "{}", "nothing"])
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match=r"tokenizer") as caught:
        open_tokenizer(tmp_path)
    assert caught.value.hint


def test_padding_and_truncation_that_the_file_states_are_followed(folder: Path) -> None:
    encoder = Encoder.from_file(str(folder / "tokenizer.json"))
    encoder.enable_padding(direction="left", pad_id=7, length=40)
    encoder.enable_truncation(6)
    encoder.save(str(folder / "tokenizer.json"))
    tokenizer = open_tokenizer(folder)
    assert tokenizer.most == 6
    tokens = tokenizer.encode(["a man dances", "a"])
    assert tokens.ids.tolist() == [[2, 4, 5, 8, 3], [7, 7, 2, 4, 3]]  # as long as the longest, whatever the file says
    assert tokens.mask.tolist() == [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]]
    assert tokenizer.pieces([4, 5]) == ("a", "man")


def test_the_pooling_of_sentence_transformers_is_read(tmp_path: Path) -> None:
    assert stated_pooling([tmp_path]) is None
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    guess = stated_pooling([tmp_path / "model.safetensors"])
    assert guess is not None
    assert guess.value == "cls"
