"""numpy numbers beside a checkpoint's tensors need no trust; anything of numpy that is more than numbers does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from secateur.errors import UserError
from secateur.formats.torch_files.state_dicts import read_checkpoint

WEIGHT = torch.arange(12.0).reshape(3, 4)
KINDS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16", "b1")


def saved(path: Path, **beside: Any) -> Path:
    torch.save({"state_dict": {"fc.weight": WEIGHT}, **beside}, path)
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["<", ">"])
def test_plain_numbers_are_read_without_trust(tmp_path: Path, kind: str, order: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(np.dtype(kind).newbyteorder(order))
    path = saved(tmp_path / "a.pth", best=array.dtype.type(1), history=array, turned=np.asfortranarray(array))
    read = read_checkpoint(path)
    assert set(read.tensors) == {"fc.weight"}
    assert torch.equal(read.tensors["fc.weight"], WEIGHT)


def test_a_scalar_and_an_array_are_what_was_saved(tmp_path: Path) -> None:
    from secateur.formats.torch_files.state_dicts import _loaded

    turned = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    path = saved(tmp_path / "a.pth", best=np.float64(0.91), epoch=np.int64(7), turned=turned)
    content = _loaded(path)
    assert (content["best"], content["epoch"]) == (0.91, 7)
    np.testing.assert_array_equal(content["turned"].values, turned)


class Evil:
    def __reduce__(self) -> Any:
        return np.load, ("/nowhere",)


@pytest.mark.parametrize(
    "beside",
    [
        np.array([Evil()], dtype=object),
        np.array(["text"], dtype=object),
        np.array(["text"]),
        np.zeros(2, dtype=[("a", "f4"), ("b", "O")]),
        np.zeros(2, dtype=[("a", "f4")]),
        np.datetime64("2026-01-01"),
        np.ma.array([1.0]),
        np.random.default_rng(0),
        np.load,
    ],
    ids=["objects", "texts as objects", "texts", "records of objects", "records", "dates", "masked", "rng", "load"],
)
def test_what_is_more_than_numbers_is_refused(tmp_path: Path, beside: Any) -> None:
    with pytest.raises(UserError, match=r"a\.pth"):
        read_checkpoint(saved(tmp_path / "a.pth", beside=beside))


def test_an_array_whose_bytes_do_not_fill_its_shape_is_refused(tmp_path: Path) -> None:
    class Short:
        def __reduce__(self) -> Any:
            made, arguments, (version, _, kind, fortran, data) = np.zeros(4).__reduce__()
            return made, arguments, (version, (1 << 40,), kind, fortran, data)

    with pytest.raises(UserError):
        read_checkpoint(saved(tmp_path / "a.pth", beside=Short()))


def test_the_names_are_allowed_only_while_a_file_is_read(tmp_path: Path) -> None:
    read_checkpoint(saved(tmp_path / "a.pth", best=np.float64(1)))
    assert not [name for name in torch.serialization.get_safe_globals() if "numpy" in str(name)]
