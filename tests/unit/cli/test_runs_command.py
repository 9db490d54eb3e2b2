"""secateur runs: all of the history, one run whole, its report and its card."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from known_results import a_document, a_record

from secateur.cli.commands import run
from secateur.engine.store import RunStore
from secateur.session.run_table import HEAD, csv_of_runs, matching


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    made = RunStore()
    for number, name in enumerate(("first", "second")):
        folder = tmp_path / name
        folder.mkdir()
        record = replace(a_record(f"r{number}"), name=name, folder=str(folder), created=float(number))
        made.begin(record)
        made.end(record.run, "finished", document=a_document(record.run))
    made.tag("r0", ("for Anna",))
    made.annotate("r1", "for the phone, with a comma")
    return made


def said(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    with pytest.raises(SystemExit) as left:
        run(["runs", *words])
    assert (left.value.code or 0) == status
    captured = capsys.readouterr()
    return captured.out if status == 0 else captured.err


def test_all_runs_are_one_json_document_newest_first(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(said(capsys, "--json"))
    assert [entry["name"] for entry in told["runs"]] == ["second", "first"]
    assert told["runs"][1]["tags"] == ["for Anna"]
    assert told["runs"][0]["notes"] == "for the phone, with a comma"
    assert told["runs"][0]["result"]["bytes"] == 250_000


def test_the_table_as_csv_is_read_back_whole(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(said(capsys, "--csv"))))
    assert [row["run"] for row in rows] == ["r1", "r0"]
    assert rows[0]["notes"] == "for the phone, with a comma"
    assert (float(rows[0]["result_latency_ms"]), int(rows[0]["original_macs"])) == (0.5, 9_000_000)


def test_words_leave_the_runs_that_they_are_found_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["run"] for row in csv.DictReader(io.StringIO(said(capsys, "--csv", "--find", "tag:anna")))] == ["r0"]
    assert "second" not in said(capsys, "--find", "anna first")


@pytest.mark.parametrize("by", ["number", "name", "folder"])
def test_one_run_is_found_by_number_name_and_folder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, by: str
) -> None:
    wanted = {"number": "r0", "name": "first", "folder": str(tmp_path / "first")}[by]
    told = json.loads(said(capsys, wanted, "--json"))
    assert (told["run"], told["document"]["result"]["bytes"]) == ("r0", 250_000)
    assert "Recipe:" in said(capsys, wanted)


def test_report_and_card_are_written_and_nothing_is_written_over(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report, card = tmp_path / "r.html", tmp_path / "card.md"
    said(capsys, "first", "--report", str(report), "--card", str(card))
    assert "<html" in report.read_text()
    assert card.read_text().startswith("---\n")
    report.write_text("mine")
    assert "exists already" in said(capsys, "first", "--report", str(report), status=2)
    assert report.read_text() == "mine"
    (tmp_path / "second" / "result.json").write_text("{}")
    refused = said(capsys, "first", "--report", str(tmp_path / "second" / "result.json"), "--force", status=2)
    assert "never written over" in refused


def test_a_folder_that_came_from_elsewhere_is_taken_in(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "came").mkdir()
    (tmp_path / "came" / "result.json").write_text(a_document("far").model_dump_json())
    assert "far" in said(capsys, str(tmp_path / "came"))
    assert "far" in said(capsys)


def test_what_is_wrong_with_the_request_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no run 'nope'" in said(capsys, "nope", status=2)
    assert "those of one run" in said(capsys, "--report", "x.html", status=2)


def test_the_table_holds_runs_without_a_result_too() -> None:
    (row,) = csv.reader(io.StringIO(csv_of_runs([a_record()]).split("\n", 1)[1]))
    assert len(row) == len(HEAD)
    assert row[HEAD.index("result_bytes")] == ""
    assert matching([a_record()], "running NET") == ()
    assert matching([a_record()], "running digits") == (a_record(),)
