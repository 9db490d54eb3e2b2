import numpy as np
import pytest

from secateur.data.source import DataSource
from secateur.data.sources import open_data
from secateur.errors import UserError
from secateur.model.description import Port

VECTOR = Port("x", "float32", (None, 6))


@pytest.fixture
def write_code(tmp_path):
    def write(code):
        (tmp_path / "own.py").write_text(code)
        return f"{tmp_path / 'own.py'}:dataset"

    return write


def opened(reference, port):
    return open_data(DataSource(reference), (port,))


def test_a_function_may_return_arrays(write_code):
    data = opened(write_code("import numpy as np\ndef dataset(): return np.ones((20, 6)), np.arange(20) % 2"), VECTOR)
    assert (data.size("train"), data.classes) == (13, ("0", "1"))


def test_a_function_may_return_an_object_of_pairs(write_code):
    code = """
import numpy as np
class Pairs:
    def __len__(self): return 10
    def __getitem__(self, n):
        return np.full(6, n, np.float32), n % 2
dataset = Pairs
"""
    data = opened(write_code(code), VECTOR)
    batch = data.batch("test", [0])
    fed, labels = batch.first, batch.targets
    assert fed[0, 0] == data.splits["test"][0]
    assert labels[0] == data.splits["test"][0] % 2


def test_an_object_with_targets_is_not_read_through_for_its_labels(write_code):
    code = """
from PIL import Image
class Pictures:
    targets = [0, 1] * 5
    classes = ["cat", "dog"]
    reads = []
    def __len__(self): return 10
    def __getitem__(self, n):
        self.reads.append(n)
        return Image.new("RGB", (9, 9), (n, n, n)), self.targets[n]
def dataset(): return Pictures()
"""
    data = opened(write_code(code), Port("image", "float32", (None, 3, 8, 8)))
    assert data.classes == ("cat", "dog")
    assert len(set(data.images.items.reads)) <= 2


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def dataset(): raise RuntimeError('no disk')", "RuntimeError: no disk"),
        ("import nowhere_to_be_found", "nowhere_to_be_found"),
        ("def dataset(:", "SyntaxError"),
        ("def other(): pass", "defines no 'dataset'"),
        ("def dataset(): return 5", "returned int"),
        ("def dataset(): return []", "is empty"),
        ("import numpy as np\ndef dataset(): return np.ones((4, 6)), np.arange(3)", "4 inputs and 3 labels"),
        ("import numpy as np\ndef dataset(): return [(np.ones(6), 0), (np.ones(5), 1)] * 4", "the shape"),
    ],
)
def test_what_goes_wrong_in_own_code_is_one_sentence(write_code, code, said):
    with pytest.raises(UserError, match=said):
        list(opened(write_code(code), VECTOR).batches("train", 8))


def test_a_missing_code_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"absent\.py"):
        opened(f"{tmp_path}/absent.py:dataset", VECTOR)


def test_arrays_of_uint8_from_own_code_are_images(write_code):
    code = "import numpy as np\ndef dataset(): return np.zeros((10, 9, 9, 3), np.uint8), np.arange(10) % 2"
    data = opened(write_code(code), Port("image", "float32", (None, 3, 8, 8)))
    assert data.preprocessing is not None
    assert data.batch("test", [0]).first.shape == (1, 3, 8, 8)
    assert data.batch("test", [0]).first.dtype == np.float32
