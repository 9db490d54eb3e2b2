"""Reading PyTorch and safetensors weights, and fitting them to a factory's network. No code of a file is run."""

import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from secateur.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

_NESTS: Final = ("state_dict", "model_state_dict", "model", "net", "module", "network", "state_dict_ema", "model_ema")
_PREFIXES: Final = ("module.", "_orig_mod.", "model.", "net.")
_AGAIN: Final = "Copy or download it again."


@dataclass(frozen=True, slots=True, eq=False)
class StateDict:
    """Weights by name, on the CPU, as they were found; `notes` say what was unwrapped."""

    tensors: "dict[str, Tensor]"
    notes: tuple[str, ...] = ()


def read_state_dict(path: Path, kind: str) -> StateDict:
    """The weights in a `torch` or `safetensors` file; UserError where there are none or the file is broken."""
    return read_safetensors(path) if kind == "safetensors" else read_checkpoint(path)


def read_safetensors(path: Path) -> StateDict:
    """The tensors of a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return StateDict(load_file(path))
    except (SafetensorError, ValueError, OSError) as problem:
        raise UserError(f"{path.name} is not a whole safetensors file: {_first_line(problem)}.", _AGAIN) from problem


def read_checkpoint(path: Path) -> StateDict:
    """The state dict in what `torch.save` wrote: unwrapped from a checkpoint, optimizer state left out."""
    import torch

    _refuse_foreign_zip(path)
    try:
        # an open file: given a path, torch.load would go by its suffix
        with path.open("rb") as stream, warnings.catch_warnings(action="ignore"):
            content = torch.load(stream, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as problem:
        raise _refusal(path, problem) from problem
    except (RuntimeError, EOFError, ValueError, OSError, KeyError, IndexError, TypeError, AttributeError) as problem:
        raise UserError(f"{path.name} is not a whole PyTorch file: {_first_line(problem)}.", _AGAIN) from problem
    tensors, notes = _unwrapped(content)
    if not tensors:
        raise UserError(
            f"{path.name} holds {_described(content)} and no weights.",
            "Save the network's `state_dict()` with torch.save, or as safetensors.",
        )
    return StateDict(tensors, notes)


def _refuse_foreign_zip(path: Path) -> None:
    """Tell a TorchScript archive or any other zip from what torch.save writes."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise UserError(
            f"{path.name} is a TorchScript program, whose code would have to be run to open it.",
            "Export the model to ONNX, or save its `state_dict()` and name a factory.",
        )
    if any(name.startswith("archive/") or "/models/" in name for name in names) and any(
        name.endswith(("archive_format", "model.json")) for name in names
    ):
        raise UserError(
            f"{path.name} is a torch.export program.", "Export the model to ONNX, or save its `state_dict()`."
        )
    if not any(name.endswith("data.pkl") for name in names):
        raise UserError(
            f"{path.name} is a zip archive, but not one that torch.save wrote.",
            "Choose an ONNX, safetensors or PyTorch file.",
        )


def _refusal(path: Path, problem: Exception) -> UserError:
    """What to say when the safe unpickler refuses a file."""
    text = str(problem)
    found = re.search(r"(?:GLOBAL|global) ([\w.]+)|[Uu]nsupported (?:class|global:?) (?:GLOBAL )?([\w.]+)", text)
    name = next((part for part in found.groups() if part), "") if found else _first_import(path)
    if "." in name:
        return UserError(
            f"{path.name} wants to call {name} when it is opened; code in a file is never run, so it was refused.",
            "Save only the weights (`torch.save(model.state_dict(), …)`, or safetensors) and name a factory.",
        )
    return UserError(
        f"{path.name} is not a PyTorch file of weights, or it is damaged or cut short.",
        "Copy it again, or save only the weights: `torch.save(model.state_dict(), …)`.",
    )


def _first_import(path: Path) -> str:
    """The first thing a plain pickle would import that no weights need, read without running it; empty if none."""
    texts: list[str] = []
    try:
        with path.open("rb") as stream:
            for operation, argument, _ in pickletools.genops(stream):
                if isinstance(argument, str):
                    texts.append(argument)
                if operation.name not in {"GLOBAL", "STACK_GLOBAL"}:
                    continue
                name = ".".join(texts[-2:]) if operation.name == "STACK_GLOBAL" else texts[-1].replace(" ", ".")
                if not name.startswith(("torch.", "collections.")):
                    return name
    except (ValueError, IndexError):
        return ""
    return ""


def _unwrapped(content: Any) -> "tuple[dict[str, Tensor], tuple[str, ...]]":
    """The innermost mapping of names to tensors, and notes on where it was."""
    import torch

    notes: list[str] = []
    for _ in range(4):
        if not isinstance(content, Mapping):
            return {}, ()
        tensors = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
        nest = next((key for key in _NESTS if isinstance(content.get(key), Mapping)), None)
        if nest is None or (len(tensors) > 1 and not isinstance(content[nest], Mapping)):
            return tensors, tuple(notes)
        notes.append(f"The weights were taken from '{nest}' in the checkpoint.")
        content = content[nest]
    return {}, ()


def _described(content: Any) -> str:
    if isinstance(content, Mapping):
        names = ", ".join(str(key) for key in list(content)[:5])
        return f"a dictionary ({names})" if names else "an empty dictionary"
    return f"a {type(content).__name__}"


# ---------------------------------------------------------------------- fitting


def fit(module: "nn.Module", state: StateDict, path: Path, factory: str) -> tuple[str, ...]:
    """Load the weights into `module`, in place, and return notes; UserError names what does not fit.

    Prefixes that wrappers leave (`module.`, `_orig_mod.`) are taken off where the rest then fits.
    """
    wanted = module.state_dict()
    tensors, notes = _without_prefixes(state.tensors, set(wanted))
    missing = [name for name in wanted if name not in tensors and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in tensors if name not in wanted and not name.endswith("num_batches_tracked")]
    misshapen = [name for name in wanted if name in tensors and tensors[name].shape != wanted[name].shape]
    if missing or unexpected or misshapen:
        parts = [
            _count("missing", missing),
            _count("not in the network", unexpected),
            _count("of another shape", [_shapes(name, tensors, wanted) for name in misshapen]),
        ]
        raise UserError(
            f"The weights in {path.name} do not fit {factory}: {'; '.join(part for part in parts if part)}.",
            "Give the factory that made the network these weights were saved from.",
        )
    module.load_state_dict({name: value for name, value in tensors.items() if name in wanted}, strict=False)
    return (*state.notes, *notes)


def _without_prefixes(tensors: "Mapping[str, Tensor]", wanted: set[str]) -> "tuple[dict[str, Tensor], tuple[str, ...]]":
    notes: list[str] = []
    current = dict(tensors)
    while not wanted & set(current):
        prefix = next((part for part in _PREFIXES if all(name.startswith(part) for name in current)), None)
        if prefix is None or not current:
            break
        current = {name.removeprefix(prefix): value for name, value in current.items()}
        notes.append(f"The prefix '{prefix}' was taken off the weights' names.")
    return current, tuple(notes)


def _count(what: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{len(names)} {what} ({', '.join(names[:3])}{more})"


def _shapes(name: str, tensors: "Mapping[str, Tensor]", wanted: "Mapping[str, Tensor]") -> str:
    return f"{name} is {_times(tensors[name])}, the network has {_times(wanted[name])}"


def _times(tensor: "Tensor") -> str:
    return "×".join(str(size) for size in tensor.shape) or "a single number"


def needs_factory(path: Path, state: StateDict) -> UserError:
    """What to say to weights that come without a network."""
    names = list(state.tensors)
    count = sum(tensor.numel() for tensor in state.tensors.values())
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    companion = path.with_name(f"{path.stem}_network.py")
    if companion.is_file():  # what an export leaves beside its weights; its code is run only when it is named
        hint = f"Its network lies beside it: `{companion}:make --weights {path}`."
    else:
        hint = f"Name the Python function that builds the network: `file.py:make --weights {path.name}`."
    return UserError(
        f"{path.name} holds {len(names)} weight tensors ({shown}; {count:,} numbers), but not their network.",
        hint,
    )


def _first_line(problem: Exception) -> str:
    lines = str(problem).strip().splitlines()
    return (lines[0] if lines else type(problem).__name__).rstrip(".")
