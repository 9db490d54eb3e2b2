"""A training that was interrupted, on disk: written atomically, loaded without running code."""

import hashlib
import os
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch  # noqa: TID253 - imported by the training loop alone
from torch import nn  # noqa: TID253

from secateur.errors import UserError
from secateur.model.encoding import Encodings
from secateur.training.curves import CurvePoint, LossTerm

SUFFIX: Final = ".ckpt"


class UnusableCheckpoint(Exception):  # noqa: N818 - not an error: training starts anew
    """The checkpoint cannot be gone on from; the text says why, as a clause."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that an interrupted training needs: `step` steps are done.

    Sample order, augmentation, learning rate and dropout are functions of plan and step (see schedule), so no
    state of a random generator is in it. `objective` are the parameters that the objective owns itself.
    `fingerprint` names the training that it belongs to.
    """

    fingerprint: str
    step: int
    model: Mapping[str, torch.Tensor]
    objective: Mapping[str, torch.Tensor]
    optimizer: Mapping[str, Any]
    curve: tuple[CurvePoint, ...]


def fingerprint(identity: str, *modules: nn.Module) -> str:
    """Hash of what a training depends on: its plan and data as text, and the networks it starts from."""
    digest = hashlib.sha256(identity.encode())
    for module in modules:
        for name, tensor in module.state_dict().items():
            digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def encodings_identity(encodings: Encodings) -> str:
    """What a network is rounded to, as text for a fingerprint: every number of every encoding."""
    digest = hashlib.sha256()
    for part in (encodings.weights, encodings.activations):
        for name in sorted(part):
            digest.update(f"{name} {type(part[name]).__name__}".encode())
            for one in fields(part[name]):
                value = getattr(part[name], one.name)
                digest.update(one.name.encode())
                digest.update(
                    np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
                )
    return digest.hexdigest()


def path_in(folder: Path, fingerprint_: str) -> Path:
    """Where the checkpoint of this training lies; each training of a recipe has its own."""
    return folder / f"training-{fingerprint_[:12]}{SUFFIX}"


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write it beside `path` and move it there: a kill at any moment leaves the old one or the new one whole.

    UserError where it cannot be written (a full disk, no permission).
    """
    document = {
        "fingerprint": checkpoint.fingerprint,
        "step": checkpoint.step,
        "model": dict(checkpoint.model),
        "objective": dict(checkpoint.objective),
        "optimizer": dict(checkpoint.optimizer),
        "curve": [asdict(point) for point in checkpoint.curve],
    }
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            torch.save(document, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a failed write as RuntimeError
        if temporary.exists():
            temporary.unlink()
        raise UserError(
            f"The checkpoint {path.name} cannot be written to {path.parent}: {error}.",
            "Make room or give permission there; until then an interrupted training starts anew.",
        ) from error


def load(path: Path, fingerprint_: str) -> Checkpoint:
    """The checkpoint at `path`; UnusableCheckpoint where it is damaged or belongs to another training."""
    try:
        document = torch.load(path, map_location="cpu", weights_only=True)
        checkpoint = Checkpoint(
            fingerprint=document["fingerprint"],
            step=document["step"],
            model=document["model"],
            objective=document["objective"],
            optimizer=document["optimizer"],
            curve=tuple(_point(point) for point in document["curve"]),
        )
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError, TypeError) as error:
        raise UnusableCheckpoint(f"{path.name} is damaged ({type(error).__name__})") from error
    if checkpoint.fingerprint != fingerprint_:
        raise UnusableCheckpoint(f"{path.name} belongs to another model, plan or data set")
    return checkpoint


def _point(values: Mapping[str, Any]) -> CurvePoint:
    return CurvePoint(**{**values, "terms": tuple(LossTerm(**term) for term in values["terms"])})


def find(folder: Path, fingerprint_: str) -> Checkpoint:
    """This training's checkpoint in `folder`; UnusableCheckpoint where there is none that fits."""
    path = path_in(folder, fingerprint_)
    if path.exists():
        return load(path, fingerprint_)
    others = sorted(folder.glob(f"training-*{SUFFIX}"))
    if others:
        raise UnusableCheckpoint(f"{others[0].name} belongs to another model, plan or data set")
    raise UnusableCheckpoint("there is no checkpoint yet")
