"""A person's own object whose items are mappings: an array for each input of the network."""

from pathlib import Path

import numpy as np
import pytest

from secateur.data.source import DataSource
from secateur.data.sources import open_data
from secateur.errors import UserError
from secateur.model.description import Port

PORTS = (Port("image", "float32", (None, 2, 2)), Port("size", "int64", (None, 1)))
CODE = """
import numpy as np

class Items:
    def __len__(self):
        return 12
    def __getitem__(self, index):
        {body}

def data():
    return Items()
"""
ONE = "return {'size': [index], 'image': np.full((2, 2), index), 'label': index % 3}"


def opened(folder: Path, body: str):
    (folder / "own.py").write_text(CODE.format(body=body))
    return open_data(DataSource(f"{folder / 'own.py'}:data"), PORTS, outputs=(Port("y", "float32", (None, 3)),))


@pytest.mark.parametrize("body", [ONE, "return {'size': [index], 'image': np.full((2, 2), index)}, index % 3"])
def test_each_input_is_fed_what_bears_its_name(tmp_path: Path, body: str) -> None:
    data = opened(tmp_path, body)
    batch = data.batch("test", [0, 1])
    assert list(batch.inputs) == ["image", "size"]
    assert batch.inputs["image"].dtype == np.float32
    assert batch.inputs["size"].dtype == np.int64
    assert (batch.inputs["image"][:, 0, 0] == batch.inputs["size"][:, 0]).all()
    assert (batch.targets == batch.inputs["size"][:, 0] % 3).all()


def test_without_targets_there_is_no_task(tmp_path: Path) -> None:
    assert opened(tmp_path, "return {'size': [index], 'image': np.zeros((2, 2))}").task.id == "none"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("return {'size': [index], 'label': 0}", "takes image, size"),
        ("return {'size': [index] * (1 + index), 'image': np.zeros((2, 2)), 'label': index % 3}", "shape"),
        ("return {'size': 'x', 'image': np.zeros((2, 2)), 'label': index % 3}", "no array"),
        ("return {'size': [index], 'image': np.zeros((2, 2)), 'label': 'cat'}", "not numbers"),
    ],
)
def test_items_that_do_not_fit_are_refused_in_a_sentence(tmp_path: Path, body: str, word: str) -> None:
    with pytest.raises(UserError, match=word) as caught:
        opened(tmp_path, body).batch("train", range(5))
    assert caught.value.hint
