"""PyTorch checkpoints are mapped: their tensors are found in the file, and nothing is read before it is asked for."""

import numpy as np
import pytest
import torch

from secateur.formats.torch_files.state_dicts import stored_tensors
from secateur.model.stored import float_blocks, read_values

TENSORS = {
    "a.weight": torch.randn(50, 30),
    "b.weight": torch.randn(20, 10).to(torch.bfloat16),
    "c.weight": torch.randn(7).to(torch.float16),
    "codes": torch.arange(12, dtype=torch.int8),
    "turned": torch.randn(6, 4).t(),
    "empty": torch.zeros(0, 3),
    "single": torch.tensor(3.5),
}


@pytest.fixture
def checkpoint(tmp_path):
    """save(content, **options) → the file."""

    def save(content, **options):
        torch.save(content, tmp_path / "net.pt", **options)
        return tmp_path / "net.pt"

    return save


@pytest.mark.parametrize("nest", [False, True])
def test_tensors_are_found_where_they_lie_in_the_file(checkpoint, nest):
    content = {"optimizer": {"state": torch.ones(5)}, "state_dict": TENSORS} if nest else TENSORS
    found = {tensor.name: tensor for tensor in stored_tensors(checkpoint(content))}
    assert set(found) == set(TENSORS)
    for name in ("a.weight", "b.weight", "c.weight", "codes"):
        assert found[name].load is None
        assert found[name].offset > 0
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(read_values(found[name]), tensor.float().numpy())
        blocks = [block.copy() for block in float_blocks(found[name], 64)]
        joined = np.concatenate([*blocks, np.zeros(0, np.float32)])
        np.testing.assert_array_equal(joined, tensor.float().contiguous().numpy().reshape(-1))


def test_tied_tensors_share_their_place(checkpoint):
    tied = torch.randn(4, 4)
    first, second = stored_tensors(checkpoint({"in.weight": tied, "out.weight": tied}))
    assert first.offset == second.offset > 0


def test_old_checkpoints_without_a_zip_are_loaded(checkpoint):
    path = checkpoint(TENSORS, _use_new_zipfile_serialization=False)
    for tensor in stored_tensors(path):
        assert tensor.load is not None
        np.testing.assert_array_equal(read_values(tensor), TENSORS[tensor.name].float().numpy())
