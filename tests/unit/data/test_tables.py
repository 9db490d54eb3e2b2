"""Tables of all kinds: the same rows, read in place, with what is wrong in them said."""

import json
from pathlib import Path

import pytest

from secateur.data.source import is_table
from secateur.data.tables.joined import JoinedTable, parts_beside
from secateur.data.tables.opening import open_table
from secateur.data.tables.table import Table
from secateur.errors import UserError

ROWS = [("A man, dancing", 'He said "no"', 5.0), ("Two\nlines", "größer", 0.25), ("plain", "words", 3.0)]


def quoted(cell: object) -> str:
    return '"' + str(cell).replace('"', '""') + '"'


def written(path: Path, *, header: bool = True) -> Path:
    names = ("first", "second", "score")
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n\n" for row in ROWS))
    elif path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {name: [row[n] for row in ROWS] for n, name in enumerate(names)}
        pq.write_table(pa.table(columns), path, row_group_size=2)
    else:
        cut = "\t" if path.suffix == ".tsv" else ","
        lines = [names] if header else []
        text = "\r\n".join(cut.join(map(quoted, row)) for row in [*lines, *ROWS])
        path.write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n\r\n")
    return path


def refused(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        open_table(path)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_table_gives_the_same_rows_one_after_the_other_and_by_number(tmp_path: Path, suffix: str) -> None:
    table = open_table(written(tmp_path / f"t{suffix}"))
    assert is_table(str(table.path))
    assert (len(table), table.columns, table.has_header) == (3, ("first", "second", "score"), True)
    rows = [(str(a), str(b), float(str(c))) for a, b, c in table.scan([0, 1, 2])]
    assert rows == ROWS
    picked = [(float(str(c)), b) for c, b in table.rows([2, 0, 2], [2, 1])]
    assert picked == [(3.0, "words"), (5.0, 'He said "no"'), (3.0, "words")]
    assert table.place("second") == table.place(1) == 1


def test_a_first_row_with_a_number_is_no_row_of_names(tmp_path: Path) -> None:
    table = open_table(written(tmp_path / "t.csv", header=False))
    assert not table.has_header
    assert len(table) == 3
    with pytest.raises(UserError, match="no row of names"):
        table.place("first")


def test_names_that_a_person_gave_make_the_first_row_one_of_names(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("q,a\nwho are you,nobody\nwho was it,me\n")
    assert not open_table(path).has_header
    assert open_table(path, ["q"]).place("q") == 0


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_seen(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(delimiter.join(row) for row in [("a", "b"), ("1,5", "x"), ("2,5", "y")]))
    assert len(open_table(path).columns) == 2


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("e.csv", b"", "empty"),
        ("one.csv", b"a,b\n1,2\n", "single row"),
        ("wide.csv", b"a,b\n1,2\n1,2,3\n", "Row 3"),
        ("latin.csv", "a,b\n1,größer\n2,x\n".encode("latin-1"), "UTF-8"),
        ("no.jsonl", b'{"a": 1}\nnothing\n', "Row 2"),
        ("list.jsonl", b"[1]\n[2]\n", "no object"),
        ("p.parquet", b"a,b\n1,2\n", "Parquet"),
        ("p.csv", b"PAR1....", "Parquet"),
        ("p2.parquet", b"PAR1 and then nothing", "damaged"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, name: str, content: bytes, word: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    error = refused(path)
    assert word in error.sentence
    assert name in error.sentence


def test_a_nested_value_is_refused_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": 1}\n{"a": {"b": 2}}\n')
    table = open_table(path)
    with pytest.raises(UserError, match="a in row 2"):
        list(table.scan([0]))


def test_a_quote_that_never_ends_does_not_swallow_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,"' + "x\n" * 200_000)
    assert "byte" in refused(path).sentence


# ---------------------------------------------------------------------- parts in files of their own


def parts_in(folder: Path, named: str, *others: str) -> dict[str, str]:
    for name in (named, *others):
        (folder / name).write_text("a,b\n1,2\n3,4\n")
    return {part: path.name for part, path in parts_beside(folder / named).items()}


def test_the_file_to_train_on_is_found_beside_the_one_to_judge_by(tmp_path: Path) -> None:
    found = parts_in(tmp_path, "stsb-en-dev.csv", "stsb-en-train.csv", "stsb-en-test.csv")
    assert found == {"train": "stsb-en-train.csv", "test": "stsb-en-dev.csv"}


def test_a_part_to_choose_by_stays_one_where_another_judges(tmp_path: Path) -> None:
    found = parts_in(tmp_path, "test.csv", "train.csv", "val.csv")
    assert found == {"train": "train.csv", "validation": "val.csv", "test": "test.csv"}


def test_a_training_file_is_judged_by_what_lies_beside_it(tmp_path: Path) -> None:
    assert parts_in(tmp_path, "x_train.csv", "x_dev.csv") == {"train": "x_train.csv", "test": "x_dev.csv"}


@pytest.mark.parametrize("name", ["x_dev.csv", "trainers.csv", "devices.csv", "x.csv"])
def test_a_file_alone_is_the_whole_data(tmp_path: Path, name: str) -> None:
    assert parts_in(tmp_path, name, "trains.csv") == {}


def test_joined_tables_are_one(tmp_path: Path) -> None:
    tables: list[Table] = []
    for name, first in (("a.csv", 1), ("b.csv", 5)):
        (tmp_path / name).write_text(f"x,y\n{first},2\n{first + 1},3\n")
        tables.append(open_table(tmp_path / name))
    joined = JoinedTable(tables)
    assert list(joined.scan([0])) == [("1",), ("2",), ("5",), ("6",)]
    assert joined.rows([3, 0, 2], [0, 1]) == [("6", "3"), ("1", "2"), ("5", "2")]
    (tmp_path / "c.csv").write_text("x,z\n1,2\n2,3\n")
    with pytest.raises(UserError, match=r"c\.csv has other columns"):
        JoinedTable([tables[0], open_table(tmp_path / "c.csv")])
