"""Columns that are named, numbered or guessed; cells as features and targets."""

from pathlib import Path

import numpy as np
import pytest

from secateur.data.tables.columns import Columns, parse_columns, resolve_columns
from secateur.data.tables.features import standardisation_guess, table_feed, targets_of
from secateur.data.tables.opening import open_table
from secateur.data.tables.table import Table
from secateur.errors import UserError
from secateur.model.description import Port

PAIRS = "A man is dancing.,He dances in the rain.,5.0\nA dog barks loudly.,It is quiet here.,0.5\n"
FLOWERS = "id,length,width,colour,species\n1,1.5,2,red,rose\n2,2.5,4,white,lily\n3,3.5,6,red,lily\n4,4.5,8,blue,rose\n"


def table_of(folder: Path, text: str) -> Table:
    path = folder / "table.csv"
    path.write_text(text)
    return open_table(path)


def features(*shape: int | None) -> Port:
    return Port("features", "float32", (None, *shape))


def test_two_texts_and_a_number_are_found_and_explained(tmp_path: Path) -> None:
    table = table_of(tmp_path, PAIRS)
    columns, guesses, _ = resolve_columns(table, {}, is_text=True, width=None)
    assert columns == Columns(text=(0, 1), target=(2,))
    (guess,) = guesses
    assert guess.value == {"text": [0, 1], "target": 2}
    assert "sentences" in guess.sentence
    assert "numbers" in guess.sentence


def test_what_a_person_said_is_not_guessed(tmp_path: Path) -> None:
    table = table_of(tmp_path, PAIRS)
    columns, guesses, _ = resolve_columns(table, {"text": (1,), "target": (2,)}, is_text=True, width=None)
    assert columns == Columns(text=(1,), target=(2,))
    assert guesses == ()


def test_features_are_the_columns_of_numbers_that_count_no_rows(tmp_path: Path) -> None:
    table = table_of(tmp_path, FLOWERS)
    columns, guesses, notes = resolve_columns(table, {}, is_text=False, width=2)
    assert columns == Columns(features=(1, 2), target=(4,))
    assert "takes 2" in guesses[0].sentence
    assert notes == ("id, colour of table.csv: not used.",)


def test_words_are_encoded_where_the_network_takes_as_many_numbers(tmp_path: Path) -> None:
    columns, guesses, _ = resolve_columns(table_of(tmp_path, FLOWERS), {}, is_text=False, width=5)
    assert columns == Columns(features=(1, 2), one_hot=(3,), target=(4,))
    assert "0 or 1" in guesses[0].sentence


def test_a_width_that_nothing_makes_is_refused_with_the_key_to_say(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="takes 9 numbers") as caught:
        resolve_columns(table_of(tmp_path, FLOWERS), {}, is_text=False, width=9)
    assert "columns:" in caught.value.hint


@pytest.mark.parametrize(
    ("document", "word"), [([1], "no mapping"), ({"txt": 1}, "'txt'"), ({"text": []}, "text"), ({"text": True}, "text")]
)
def test_columns_that_make_no_sense_are_refused_by_name(document: object, word: str) -> None:
    with pytest.raises(UserError, match=word):
        parse_columns(document, "data.yaml")


def test_features_are_standardised_by_the_training_rows_alone(tmp_path: Path) -> None:
    table = table_of(tmp_path, FLOWERS)
    feed = table_feed(table, Columns(features=(1, 2), one_hot=(3,)), features(5), {}, np.array([0, 1]))
    fed = feed.read(np.arange(4))["features"]
    assert fed.dtype == np.float32
    np.testing.assert_allclose(fed[:2, :2].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(fed[:2, :2].std(axis=0), 1, atol=1e-6)
    assert fed[:, 2:].tolist() == [[0, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]  # blue, red, white
    assert feed.names == ("length", "width", "colour = blue", "colour = red", "colour = white")
    guess = standardisation_guess(feed, {}, 2)
    assert guess is not None
    assert guess.value == {"mean": [2.0, 3.0], "std": [0.5, 1.0]}


def test_statistics_that_a_person_said_go_first(tmp_path: Path) -> None:
    wanted = {"mean": [1.5, 2], "std": 2}
    feed = table_feed(table_of(tmp_path, FLOWERS), Columns(features=(1, 2)), features(2), wanted, np.arange(4))
    assert feed.read(np.array([1]))["features"].tolist() == [[0.5, 1.0]]
    assert standardisation_guess(feed, wanted, 2) is None


def test_a_column_that_never_changes_is_not_divided_by_nought(tmp_path: Path) -> None:
    table = table_of(tmp_path, "a,b,y\n1,7,0\n2,7,1\n3,7,0\n")
    fed = table_feed(table, Columns(features=(0, 1)), features(2), {}, np.arange(3)).read(np.arange(3))["features"]
    assert np.isfinite(fed).all()
    assert (fed[:, 1] == 0).all()


@pytest.mark.parametrize(
    ("wanted", "word"),
    [({"std": 0}, "std"), ({"mean": [1, 2, 3]}, "3 values"), ({"crop": 3}, "crop"), ({"mean": "x"}, "mean")],
)
def test_preprocessing_that_fits_no_table_is_refused(tmp_path: Path, wanted: dict[str, object], word: str) -> None:
    with pytest.raises(UserError, match=word):
        table_feed(table_of(tmp_path, FLOWERS), Columns(features=(1, 2)), features(2), wanted, np.arange(4))


def test_a_word_among_numbers_is_refused_with_its_row_and_what_would_encode_it(tmp_path: Path) -> None:
    table = table_of(tmp_path, FLOWERS)
    with pytest.raises(UserError, match="Row 1 has 'red' in colour") as caught:
        table_feed(table, Columns(features=(1, 3)), features(2), {}, np.arange(4))
    assert "one_hot" in caught.value.hint


def test_words_as_targets_are_classes_in_alphabetical_order_or_in_a_persons(tmp_path: Path) -> None:
    table = table_of(tmp_path, FLOWERS)
    found = targets_of(table, [4])
    assert found is not None
    assert (found.values.tolist(), found.classes) == ([1, 0, 0, 1], ("lily", "rose"))
    assert "alphabetical" in found.notes[0]
    ordered = targets_of(table, [4], ["rose", "lily"])
    assert ordered is not None
    assert (ordered.values.tolist(), ordered.notes) == ([0, 1, 1, 0], ())
    with pytest.raises(UserError, match="'lily'"):
        targets_of(table, [4], ["rose", "tulip"])


def test_whole_numbers_are_class_numbers_and_others_are_targets(tmp_path: Path) -> None:
    table = table_of(tmp_path, "a,b,c\n1,2.5,3\n2,3.5,4\n")
    kinds = [found.values.dtype.kind for places in ([0], [1], [0, 2]) if (found := targets_of(table, places))]
    assert kinds == ["i", "f", "i"]
    assert targets_of(table, []) is None


def test_an_empty_target_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Row 2 .* no target"):
        targets_of(table_of(tmp_path, "a,y\n1,2\n2,\n3,1\n"), [1])
