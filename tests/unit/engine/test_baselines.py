"""The untouched model is evaluated once for each content of the data, and anew as soon as that is another."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secateur.engine.jobs import evaluating
from secateur.engine.reporting import Reporter
from secateur.engine.requests import DataSource
from secateur.engine.workshop import Workshop


@pytest.fixture
def score(model: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """score(data) → the baseline; `score.times` counts how often the model was evaluated."""
    shop, reporter = Workshop(1), Reporter(1, lambda event: None)
    evaluate = evaluating.evaluate_file

    def counted(*arguments: Any) -> Any:
        once.times += 1
        return evaluate(*arguments)

    monkeypatch.setattr(evaluating, "evaluate_file", counted)

    def once(data: DataSource, *, reopen: bool = False) -> Any:
        bench = shop.bench(model, reporter)
        if reopen:
            bench.data.clear()
        return shop.baseline(bench, shop.data(bench, data, reporter), reporter)

    once.times = 0  # type: ignore[attr-defined]
    return once


def rewritten(path: Path, **changes: Any) -> None:
    """The arrays of an .npz with some of them replaced, at a later time."""
    with np.load(path) as stored:
        arrays = {**stored, **changes}
    before = path.stat().st_mtime_ns
    np.savez(path, **arrays)
    os.utime(path, ns=(before + 10**9, before + 10**9))


def test_the_same_data_opened_again_is_not_evaluated_again(score: Any, data: DataSource) -> None:
    assert score(data) is score(data, reopen=True)
    assert score.times == 1


def test_other_labels_in_the_same_file_are_evaluated_anew(score: Any, data: DataSource) -> None:
    first = score(data)
    with np.load(data.path) as stored:
        labels = stored["labels"]
    rewritten(Path(data.path), labels=(labels + 1) % 3)
    assert score(data) is not first
    assert score.times == 2


def test_other_samples_behind_a_description_that_stays_are_evaluated_anew(
    score: Any, data: DataSource, tmp_path: Path
) -> None:
    (tmp_path / "data.yaml").write_text(f"source: {Path(data.path).name}\n")
    described = DataSource(str(tmp_path / "data.yaml"))
    first = score(described)
    with np.load(data.path) as stored:
        images = stored["images"]
    rewritten(Path(data.path), images=images[::-1].copy())
    assert score(described) is not first
    assert score.times == 2


def test_another_preprocessing_is_another_baseline(score: Any, data: DataSource) -> None:
    plain = score(data)
    shifted = score(DataSource(data.path, {"mean": [0.5], "std": [0.2]}))
    assert shifted is not plain
    assert score(data) is plain
    assert score.times == 2
