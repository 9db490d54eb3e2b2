"""Reading PyTorch and safetensors weights, and fitting them to a factory's network. No code of a file is run."""

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from secateur.errors import TrustNeeded, UserError
from secateur.formats.torch_files.numpy_values import NAMES as NUMPY_NAMES
from secateur.formats.torch_files.numpy_values import STAND_INS
from secateur.formats.torch_files.pickles import BROKEN
from secateur.formats.weight_files.shards import SUFFIX, shards

if TYPE_CHECKING:
    from torch import Tensor, nn

    from secateur.model.stored import StoredTensor

_NESTS: Final = ("state_dict", "model_state_dict", "model", "net", "module", "network", "state_dict_ema", "model_ema")
_PREFIXES: Final = ("module.", "_orig_mod.", "model.", "net.")
_OF_WEIGHTS: Final = re.compile(
    r"collections\..*|torch\._utils\..*|torch\.storage\..*|torch\.\w+|_codecs\.encode|_?_?builtins?_?_?\.\w+"
)
"""What every file of weights wants."""

_AGAIN: Final = "Copy or download it again."


@dataclass(frozen=True, slots=True, eq=False)
class StateDict:
    """Weights by name, on the CPU, as they were found; `notes` say what was unwrapped."""

    tensors: "dict[str, Tensor]"
    notes: tuple[str, ...] = ()


def stored_tensors(path: Path) -> "tuple[StoredTensor, ...]":
    """What a checkpoint holds, or all checkpoints that an index names; the zips of today's torch are only mapped."""
    from secateur.formats.torch_files.places import tensors_in_file

    files = shards(path) if path.name.endswith(SUFFIX) else (path,)
    return tuple(tensor for file in files for tensor in tensors_in_file(file, read_checkpoint(file).tensors))


def read_state_dict(path: Path, kind: str) -> StateDict:
    """The weights in a file of any format that holds tensors under names; UserError where it is broken."""
    if path.name.endswith(SUFFIX):
        parts = [read_state_dict(file, kind) for file in shards(path)]
        merged = {name: tensor for part in parts for name, tensor in part.tensors.items()}
        return StateDict(merged, tuple(dict.fromkeys(note for part in parts for note in part.notes)))
    if kind == "safetensors":
        return read_safetensors(path)
    return read_checkpoint(path) if kind == "pytorch" else _decoded(path, kind)


def _decoded(path: Path, kind: str) -> StateDict:
    """The tensors of another format as float32, integers as they are."""
    import torch

    from secateur.formats import format_named
    from secateur.model.stored import read_values

    found = {tensor.name: tensor for tensor in format_named(kind).tensors(path)}
    return StateDict({name: torch.from_numpy(read_values(tensor).copy()) for name, tensor in found.items()})


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
    _refuse_foreign_zip(path)
    try:
        with warnings.catch_warnings(action="ignore"):
            content = _loaded(path)
    except pickle.UnpicklingError as problem:
        raise _refusal(path) from problem
    except (RuntimeError, EOFError, ValueError, OSError, KeyError, IndexError, TypeError, AttributeError) as problem:
        raise UserError(f"{path.name} is not a whole PyTorch file: {_first_line(problem)}.", _AGAIN) from problem
    tensors, notes = unwrapped(content)
    if not tensors:
        raise UserError(
            f"{path.name} holds {_described(content)} and no weights.",
            "Save the network's `state_dict()` with torch.save, or as safetensors.",
        )
    return StateDict(tensors, notes)


def _loaded(path: Path) -> Any:
    """What `torch.save` wrote, without running its code; today's zips are mapped, so that nothing of them is read."""
    import torch

    with torch.serialization.safe_globals(list(STAND_INS)):
        if zipfile.is_zipfile(path) and path.suffix != ".safetensors":  # given a path, torch.load goes by that suffix
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        with path.open("rb") as stream:
            return torch.load(stream, map_location="cpu", weights_only=True)


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


def _refusal(path: Path) -> UserError:
    """What to say when the safe unpickler refuses a file: which names it wants, and that trust can be given."""
    from secateur.formats.torch_files.pickles import wanted_imports

    wants = wanted_imports(path)
    asked = next((wanted for wanted in wants if wanted.danger), None) or next(
        (w for w in wants if not _OF_WEIGHTS.fullmatch(w.name) and w.name not in NUMPY_NAMES), None
    )
    if asked is None or wants == (BROKEN,):
        return UserError(
            f"{path.name} is not a PyTorch file of weights, or it is damaged or cut short.",
            "Copy it again, or save only the weights: `torch.save(model.state_dict(), …)`.",
        )
    danger = f", which {asked.danger}" if asked.danger else ""
    others = f" and {len(wants) - 1} other names" if len(wants) > 2 else ""
    return TrustNeeded(
        f"{path.name} wants to call {asked.name}{danger}{others} when it is opened; code in a file is never run "
        "unasked, so it was refused.",
        "Save only the weights (`torch.save(model.state_dict(), …)`, or safetensors) and name a factory; or open it "
        "with --trust if you know where it comes from: its code then runs in a confined process.",
        wants,
    )


def unwrapped(content: Any) -> "tuple[dict[str, Tensor], tuple[str, ...]]":
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
    present = {wanted[name].data_ptr() for name in wanted if name in tensors} - {0}  # 0: nothing, or no memory yet
    tied = {name for name in wanted if wanted[name].data_ptr() in present}  # such a weight has one name in most files
    missing = [name for name in wanted if name not in {*tensors, *tied} and not name.endswith("num_batches_tracked")]
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


def _first_line(problem: Exception) -> str:
    lines = str(problem).strip().splitlines()
    return (lines[0] if lines else type(problem).__name__).rstrip(".")
