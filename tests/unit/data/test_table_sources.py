"""Tables opened for a network: pairs of texts, single texts, rows of numbers; what is guessed and why."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer as Encoder
from tokenizers import models, pre_tokenizers, processors

from secateur.data.dataset import Dataset
from secateur.data.describe import describe
from secateur.data.preview import previews
from secateur.data.source import DataSource
from secateur.data.sources import open_data
from secateur.errors import UserError
from secateur.model.description import Port

TEXT = tuple(Port(name, "int64", (None, None)) for name in ("input_ids", "attention_mask"))
TOKENS = (Port("last_hidden_state", "float32", (None, None, 64)),)
VECTOR = (Port("sentence_embedding", "float32", (None, 64)),)
SCORES = (Port("logits", "float32", (None, 2)),)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "man", "dog", "barks", "dances"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder with a tokenizer, and tables of its words beside it."""
    (tmp_path / "net").mkdir()
    encoder = Encoder(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    encoder.pre_tokenizer = pre_tokenizers.Whitespace()
    encoder.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    encoder.save(str(tmp_path / "net" / "tokenizer.json"))
    pairs = [f"a man dances,a dog {'barks ' * (n % 3)},{n % 6}.5" for n in range(20)]
    (tmp_path / "pairs.csv").write_text("\n".join(pairs) + "\n")
    words = ["text,label"] + [
        f"a {'dog barks' if n % 2 else 'man dances'},{'dog' if n % 2 else 'man'}" for n in range(20)
    ]
    (tmp_path / "single.csv").write_text("\n".join(words) + "\n")
    rows = ["length,width,species"] + [f"{n},{2 * n + 0.5},{'rose' if n % 2 else 'lily'}" for n in range(20)]
    (tmp_path / "flowers.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def opened(folder: Path, name: str, inputs=TEXT, outputs=TOKENS, **said: object) -> Dataset:
    return open_data(DataSource(str(folder / name), said=said), inputs, outputs=outputs, beside=(folder / "net",))


def test_pairs_with_a_number_are_a_similarity_where_tokens_come_out(folder: Path) -> None:
    data = opened(folder, "pairs.csv")
    assert (data.task.id, data.metric) == ("similarity", "spearman")
    batch = data.batch("test", range(3))
    assert batch.passes == 2
    assert batch.inputs["input_ids"].shape[0] == 6
    assert batch.targets.dtype == np.float32
    told = " ".join(data.guessed)
    for word in ("task is taken to be similarity", "pooling is taken to be mean", "columns is taken", "tokenizer"):
        assert word in told


def test_a_network_that_answers_with_a_vector_is_not_pooled(folder: Path) -> None:
    data = opened(folder, "pairs.csv", outputs=VECTOR)
    assert data.said["pooling"] == "output"


def test_pairs_for_a_network_of_scores_are_joined(folder: Path) -> None:
    batch = opened(folder, "pairs.csv", outputs=SCORES, task="regression").batch("test", range(2))
    assert batch.passes == 1
    assert (batch.inputs["input_ids"] == 3).sum(axis=1).tolist() == [2, 2]  # each text ends with [SEP]


def test_single_texts_with_words_are_a_classification(folder: Path) -> None:
    data = opened(folder, "single.csv", outputs=SCORES)
    assert (data.task.id, data.classes) == ("classification", ("dog", "man"))
    assert data.batch("train", [0]).passes == 1


def test_what_a_person_said_goes_before_a_guess(folder: Path) -> None:
    data = opened(folder, "pairs.csv", columns={"text": [1, 0], "target": 2}, max_length=4, task="similarity")
    fed = data.batch("test", [0]).inputs["input_ids"]
    assert fed.shape[1] == 4
    assert fed[1].tolist() == [2, 4, 5, 3]  # the man comes second now
    assert not any("task is taken" in note or "columns is taken" in note for note in (*data.guessed, *data.told))


def test_a_description_names_columns_and_a_tokenizer_beside_itself(folder: Path) -> None:
    (folder / "data.yaml").write_text(
        "source: pairs.csv\ntask: similarity\nmetric: pearson\ncolumns: {text: [0, 1], target: 2}\n"
        "tokenizer: net/\npooling: cls\nmax_length: 16\n"
    )
    data = open_data(DataSource(str(folder / "data.yaml")), TEXT, outputs=TOKENS)
    assert (data.metric, data.said["pooling"], data.said["max_length"]) == ("pearson", "cls", 16)


def test_without_a_tokenizer_the_key_that_names_one_is_said(folder: Path) -> None:
    with pytest.raises(UserError, match=r"no tokenizer\.json") as caught:
        open_data(DataSource(str(folder / "pairs.csv")), TEXT, outputs=TOKENS)
    assert "tokenizer:" in caught.value.hint


def test_rows_of_numbers_are_standardised_by_the_rows_that_train(folder: Path) -> None:
    data = opened(folder, "flowers.csv", (Port("x", "float32", (None, 2)),), SCORES)
    assert (data.task.id, data.classes) == ("classification", ("lily", "rose"))
    fed = data.batch("train", range(data.size("train"))).inputs["x"]
    np.testing.assert_allclose(fed.mean(axis=0), 0, atol=1e-5)
    assert any("statistics of the training rows" in note for note in (*data.guessed, *data.told))
    plain = open_data(
        DataSource(str(folder / "flowers.csv"), {"mean": [0], "std": [1]}),
        (Port("x", "float32", (None, 2)),),
        outputs=SCORES,
    )
    assert plain.batch("train", [0]).inputs["x"].max() >= 0.5


def test_a_train_file_beside_the_named_one_trains(folder: Path) -> None:
    for part, count in (("train", 12), ("dev", 5)):
        (folder / f"x-{part}.csv").write_text("".join(f"a man dances {n},a dog barks,{n}.5\n" for n in range(count)))
    data = opened(folder, "x-dev.csv")
    assert (data.size("test"), data.size("train") + data.size("validation")) == (5, 12)
    assert sorted(data.batch("test", range(5)).targets.tolist()) == [0.5, 1.5, 2.5, 3.5, 4.5]


def test_previews_hold_the_texts_with_their_pieces_and_the_cells(folder: Path) -> None:
    shown = previews(opened(folder, "pairs.csv"), 2)[0].shown
    assert shown is not None
    assert shown.texts[0] == "a man dances"
    assert shown.tokens[0] == ("[CLS]", "a", "man", "dances", "[SEP]")
    cells = previews(opened(folder, "flowers.csv", (Port("x", "float32", (None, 2)),), SCORES), 1)[0].shown
    assert cells is not None
    assert [name for name, _ in cells.cells] == ["length", "width"]


def test_the_description_says_how_it_was_read(folder: Path) -> None:
    told = describe(opened(folder, "pairs.csv"))
    assert told.said["columns"] == {"text": [0, 1], "target": 2}
    assert str(told.said["tokenizer"]).endswith("tokenizer.json")
    assert [port.name for port in told.inputs] == ["input_ids", "attention_mask"]


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"columns": {"text": 9}}, "no column 9"),
        ({"columns": {"txt": 0}}, "'txt'"),
        ({"max_length": "long"}, "max_length"),
        ({"tokenizer": "nowhere"}, "no tokenizer"),
        ({"colums": {}}, "'colums'"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(folder: Path, said: dict[str, object], word: str) -> None:
    with pytest.raises(UserError, match=word):
        opened(folder, "pairs.csv", **said)


def test_a_lone_file_to_judge_by_judges_with_all_of_its_rows(folder: Path) -> None:
    (folder / "pairs.csv").rename(folder / "pairs-dev.csv")
    data = opened(folder, "pairs-dev.csv")
    assert [data.size(split) for split in ("train", "calibration", "validation", "test")] == [0, 20, 4, 20]
    assert sorted(data.splits["test"]) == list(range(20))
    assert any("by its name a part to judge by" in sentence for sentence in data.guessed)
    assert "no step can train" in data.drawn[0]
