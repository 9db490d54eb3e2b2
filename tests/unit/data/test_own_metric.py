from pathlib import Path

import numpy as np
import pytest

from secateur.data.description_file import read_wish
from secateur.data.metrics import kind_of
from secateur.data.own_metric import own_metric
from secateur.data.source import DataSource
from secateur.data.tasks import task_of
from secateur.errors import UserError

CODE = """
def worst(answers, targets):
    return abs(answers - targets).max()
worst.better = "lower"
def fails(answers, targets):
    raise ValueError("no idea")
def pair(answers, targets):
    return answers[:2]
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(CODE)
    return tmp_path / "mine.py"


def test_a_persons_own_metric_judges_with_an_interval_and_its_direction(code: Path) -> None:
    task = task_of("regression", own=own_metric(f"{code}:worst"))
    answers = np.linspace(0, 1, 50, dtype=np.float32)
    found = task.measure(answers, np.zeros(50, np.float32))
    assert found is not None
    assert (found.name, found.value) == ("mine.py:worst:lower", 1.0)
    assert found.ci95[0] <= 1.0 <= found.ci95[1]
    assert not kind_of(found.name).is_higher_better
    assert kind_of(found.name).title == "Worst"
    kept = task.evidence(answers, np.zeros(50, np.float32))
    assert kept is not None
    assert task.told_by(kept) == 1.0


@pytest.mark.parametrize(
    ("said", "is_higher"), [("mine.py:worst", False), ("{function: mine.py:worst, better: higher}", True)]
)
def test_a_description_names_it_and_may_say_which_way_is_better(code: Path, said: str, is_higher: bool) -> None:
    description = code.parent / "data.yaml"
    description.write_text(f"source: table.npz\ntask: regression\nmetric: {said}\n")
    wish = read_wish(DataSource(str(description)))
    assert wish.own is not None
    assert wish.own.is_higher_better is is_higher
    assert Path(wish.own.reference.rpartition(":")[0]) == code


@pytest.mark.parametrize("name", ["fails", "pair"])
def test_what_goes_wrong_in_it_is_one_sentence(code: Path, name: str) -> None:
    task = task_of("regression", own=own_metric(f"{code}:{name}"))
    with pytest.raises(UserError, match=r"no idea|not one number"):
        task.measure(np.ones(4, np.float32), np.ones(4, np.float32))


def test_a_function_that_is_not_there_is_named(code: Path) -> None:
    with pytest.raises(UserError, match="defines no 'absent'"):
        own_metric(f"{code}:absent")
