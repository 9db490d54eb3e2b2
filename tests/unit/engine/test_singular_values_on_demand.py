"""Singular values are worked out when something asks for them, once for each content of a model."""

from typing import Any

import numpy as np
import pytest

from secateur.engine import singular
from secateur.engine.reporting import Reporter
from secateur.engine.requests import CountSpectra, ScoreSensitivity
from secateur.engine.singular import SingularValues, keep_singular_values
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.model.singular_values import as_matrix, singular_values


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> list[tuple[int, ...]]:
    """The shapes of the matrices that are taken apart."""
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    shapes: list[tuple[int, ...]] = []

    def counting(matrix: Any) -> Any:
        shapes.append(matrix.shape)
        return singular_values(matrix)

    monkeypatch.setattr(singular, "singular_values", counting)
    return shapes


def quiet() -> Reporter:
    return Reporter(1, lambda event: None)


def test_nothing_is_worked_out_that_nobody_asks_for(model: Any, counted: Any) -> None:
    workshop = Workshop(1)
    run_job(ScoreSensitivity(model, None, "free", ("int8", "int4", "prune50")), quiet(), workshop)
    facts = workshop.facts(workshop.bench(model, quiet()), quiet())
    assert counted == []
    values = facts["3"].singular_values
    assert len(counted) == 1
    assert values is facts["3"].singular_values
    weight = workshop.bench(model, quiet()).weights["3"]
    assert np.array_equal(values, singular_values(as_matrix(weight, 0)))


def test_what_was_worked_out_is_found_on_the_disk_again(model: Any, counted: Any) -> None:
    first = Workshop(1)
    run_job(CountSpectra(model), quiet(), first)
    found = dict(first.bench(model, quiet()).singular_values)
    assert found
    assert len(counted) == len(found)
    again = Workshop(1)
    run_job(CountSpectra(model), quiet(), again)
    known = again.bench(model, quiet()).singular_values
    assert len(counted) == len(found), "none was worked out a second time"
    assert all(np.array_equal(known[name], values) for name, values in found.items())


@pytest.mark.parametrize("damage", ["cut", "others"])
def test_a_file_that_is_damaged_or_of_other_layers_is_no_answer(model: Any, counted: Any, damage: str) -> None:
    workshop = Workshop(1)
    bench = workshop.bench(model, quiet())
    right = SingularValues(bench, quiet())["3"]
    if damage == "others":
        bench.singular_values["3"] = right[:2]
    keep_singular_values(bench)
    path = singular.singular_file(bench.description)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    fresh = Workshop(1)
    assert np.array_equal(SingularValues(fresh.bench(model, quiet()), quiet())["3"], right)
    assert not path.exists()


def test_layers_that_would_take_long_are_left_alone(model: Any, counted: Any) -> None:
    bench = Workshop(1).bench(model, quiet())
    assert dict(SingularValues(bench, quiet(), most_work=0)) == {}
    assert SingularValues(bench, quiet(), most_work=0).get("3") is None
    assert counted == []
