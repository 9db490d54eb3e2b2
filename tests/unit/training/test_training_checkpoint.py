"""Checkpoints: whole or not there, loaded without running code, refused where they do not fit."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from secateur.errors import UserError
from secateur.training.checkpoint import Checkpoint, UnusableCheckpoint, find, fingerprint, load, path_in, save
from secateur.training.curves import CurvePoint, LossTerm

POINT = CurvePoint(step=3, steps=9, epoch=1.0, epochs=3, loss=0.5, terms=(LossTerm("label", "nats", 0.25),), metric=0.9)


def checkpoint(mark: str = "a" * 64, step: int = 3) -> Checkpoint:
    return Checkpoint(
        mark,
        step,
        {"weight": torch.arange(4.0)},
        {"adapter": torch.ones(2)},
        {"state": {}, "param_groups": []},
        (POINT,),
    )


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "one.ckpt"
    save(checkpoint(), path)
    found = load(path, "a" * 64)
    assert found.step == 3
    assert torch.equal(found.model["weight"], torch.arange(4.0))
    assert torch.equal(found.objective["adapter"], torch.ones(2))
    assert found.curve == (POINT,)


def test_saving_leaves_no_other_file(tmp_path: Path) -> None:
    save(checkpoint(), tmp_path / "one.ckpt")
    save(checkpoint(step=4), tmp_path / "one.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["one.ckpt"]


def test_a_failed_write_keeps_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "one.ckpt"
    save(checkpoint(), path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left"):
        save(checkpoint(step=4), path)
    assert load(path, "a" * 64).step == 3
    assert [found.name for found in tmp_path.iterdir()] == ["one.ckpt"]


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    save(checkpoint(), tmp_path / "one.ckpt")
    with pytest.raises(UnusableCheckpoint, match="another"):
        load(tmp_path / "one.ckpt", "b" * 64)


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.ckpt"
    save(checkpoint(), path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UnusableCheckpoint, match="damaged"):
        load(path, "a" * 64)


def test_a_checkpoint_that_wants_to_run_code_is_refused(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "trapped"),)

    path = tmp_path / "one.ckpt"
    path.write_bytes(pickle.dumps({"fingerprint": Trap()}))
    with pytest.raises(UnusableCheckpoint, match="damaged"):
        load(path, "a" * 64)
    assert not (tmp_path / "trapped").exists()


def test_each_training_finds_its_own_checkpoint(tmp_path: Path) -> None:
    for mark, step in (("a" * 64, 1), ("b" * 64, 2)):
        save(checkpoint(mark, step), path_in(tmp_path, mark))
    assert find(tmp_path, "b" * 64).step == 2
    with pytest.raises(UnusableCheckpoint, match="another"):
        find(tmp_path, "c" * 64)


def test_the_fingerprint_follows_the_plan_and_every_weight() -> None:
    module = nn.Linear(3, 2)
    before = fingerprint("plan", module)
    assert fingerprint("plan", module) == before
    assert fingerprint("other plan", module) != before
    with torch.no_grad():
        module.weight[0, 0] += 1e-3
    assert fingerprint("plan", module) != before
