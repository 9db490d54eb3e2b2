"""Files that are broken or want harm: nothing is run, nothing hangs, and each is answered with one sentence."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from secateur.engine.client import EngineClient
from secateur.engine.events import EngineDied, EngineReady, Event, Failed, Finished
from secateur.engine.requests import OpenModel
from secateur.model.description import ModelSource

MOST_SECONDS = 10.0
MOST_GROWTH_MB = 1500
QUICK_FUZZ = 400
FOR_THE_ENGINE = (
    "pickle_stack_global_eval.pt",
    "bomb.pt",
    "onnx_deep.onnx",
    "onnx_external_up.onnx",
    "safetensors_overlap.safetensors",
    "foreign_elf.onnx",
)


@pytest.fixture(scope="module")
def manifest(corpus: Path) -> dict[str, dict[str, str]]:
    entries = json.loads((corpus / "manifest.json").read_text())
    return {str(corpus / entry["name"]): entry for entry in entries}


@pytest.fixture(scope="module")
def answers(corpus: Path, manifest: dict[str, dict[str, str]], read: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read([Path(name) for name in manifest])
    return found


def test_the_corpus_is_large_and_none_of_it_ran_code(corpus: Path, answers: dict[str, dict[str, Any]]) -> None:
    assert len(answers) >= 40
    assert not (corpus / "executed").exists()
    assert not Path("/tmp/executed").exists()


def test_the_canary_of_the_corpus_would_be_seen(corpus: Path) -> None:
    """The pickles do what they are feared for: unpickled without care, the first one makes the canary."""
    code = f"import pickle; pickle.load(open({str(corpus / 'pickle_global_os_system.pt')!r}, 'rb'))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    canary = corpus / "executed"
    assert canary.exists()
    canary.unlink()


def test_every_file_is_opened_or_refused_in_one_sentence(answers: dict[str, dict[str, Any]]) -> None:
    wrong = [a for a in answers.values() if a["outcome"] not in {"opened", "refused"}]
    assert not wrong
    for answer in answers.values():
        if answer["outcome"] == "refused":
            assert "\n" not in answer["sentence"], answer
            assert "Traceback" not in answer["sentence"], answer


def test_what_must_be_refused_is_refused(
    manifest: dict[str, dict[str, str]], answers: dict[str, dict[str, Any]]
) -> None:
    opened = [name for name, entry in manifest.items() if entry["expect"] == "refused"
              and answers[name]["outcome"] == "opened"]  # fmt: skip
    assert not opened


def test_no_file_holds_the_program_or_its_memory(answers: dict[str, dict[str, Any]]) -> None:
    slow = {name: a["seconds"] for name, a in answers.items() if a["seconds"] > MOST_SECONDS}
    assert not slow
    peaks = [a["peak_mb"] for a in answers.values()]
    assert max(peaks) - min(peaks) < MOST_GROWTH_MB


def test_mutated_files_are_opened_or_refused(corpus: Path, tmp_path: Path) -> None:
    """A few hundred here; ten thousand in the second target."""
    (tmp_path / "seeds").symlink_to(corpus / "seeds")
    script = Path(__file__).with_name("fuzz_readers.py")
    subprocess.run([sys.executable, str(script), str(tmp_path), str(QUICK_FUZZ), "1"], check=True, timeout=600)
    assert (tmp_path / "at").read_text() == str(QUICK_FUZZ)
    failures = tmp_path / "failures.jsonl"
    assert not failures.exists(), failures.read_text()[:2000]


def test_hostile_files_are_told_one_after_the_other_and_the_engine_lives_on(corpus: Path) -> None:
    events: list[Event] = []
    ended = threading.Semaphore(0)

    def take(event: Event) -> None:
        events.append(event)
        if isinstance(event, Finished | Failed | EngineDied):
            ended.release()

    client = EngineClient(take)
    try:
        for name in FOR_THE_ENGINE:
            client.submit(OpenModel(ModelSource(str(corpus / name))))
        client.submit(OpenModel(ModelSource("sample:model")))
        for _ in range(len(FOR_THE_ENGINE) + 1):
            assert ended.acquire(timeout=240)
    finally:
        client.close()
    assert not any(isinstance(event, EngineDied) for event in events)
    assert len([event for event in events if isinstance(event, EngineReady)]) == 1
    failures = [event for event in events if isinstance(event, Failed)]
    assert len(failures) == len(FOR_THE_ENGINE)
    assert all(failure.was_wrong and not failure.details for failure in failures)
    assert isinstance(events[-1], Finished)
    assert not (corpus / "executed").exists()
