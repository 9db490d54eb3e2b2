"""A whole pickled module, loaded inside the confined process: out come a `.pt2` program and its weights."""

import importlib.util
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch  # noqa: TID253 - runs in the confined process alone
from torch import nn  # noqa: TID253

from secateur.errors import UserError
from secateur.graph.describing.input_shapes import find_inputs
from secateur.model.description import Port

_NESTS = ("ema", "model", "net", "network", "module")


def convert_whole(path: Path, folder: Path, code: Path | None) -> dict[str, Any]:
    """Load a pickle and write `weights.safetensors`, and `program.pt2` where torch.export can follow the network."""
    if code is not None:
        _offer_code(code)
    with path.open("rb") as stream, warnings.catch_warnings(action="ignore"):
        content = torch.load(stream, map_location="cpu", weights_only=False)
    module = _module_of(content)
    if module is None:
        _save(_weights_of(content, path), folder)
        return {"reason": "it holds weights and other objects, but no network"}
    module = module.float().eval()
    _save(dict(module.state_dict()), folder)
    if code is not None:
        return {"reason": "its network is made by the factory"}
    try:
        inputs, notes = find_inputs(module, (module,), path.name)
        _export(module, inputs, folder / "program.pt2")
    except Exception as problem:  # noqa: BLE001 - the weights are there all the same; the reason is told
        text = problem.sentence if isinstance(problem, UserError) else f"{type(problem).__name__}: {problem}"
        return {"reason": f"torch.export cannot follow its network ({text.strip().splitlines()[0][:200].rstrip('.')})"}
    return {"notes": list(notes)}


def _offer_code(code: Path) -> None:
    """Let the pickle find the classes of a person's own file: by its module's name, and as the script's own."""
    sys.path.insert(0, str(code.parent))
    spec = importlib.util.spec_from_file_location(code.stem, code)
    if spec is None or spec.loader is None:
        raise UserError(f"{code.name} is not a Python file.", "Name the file that defines the classes.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[code.stem] = module
    spec.loader.exec_module(module)
    main = sys.modules["__main__"]
    for name, value in vars(module).items():
        if not hasattr(main, name):
            setattr(main, name, value)


def _module_of(content: Any) -> nn.Module | None:
    """The network itself, or the one in a checkpoint."""
    if isinstance(content, nn.Module):
        return content
    if isinstance(content, Mapping):
        return next((content[key] for key in _NESTS if isinstance(content.get(key), nn.Module)), None)
    return None


def _weights_of(content: Any, path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint that is no network."""
    from secateur.formats.torch_files.state_dicts import unwrapped

    tensors, _ = unwrapped(content)
    if not tensors:
        raise UserError(
            f"{path.name} holds {type(content).__name__} and no weights.", "Save the network's `state_dict()`."
        )
    return tensors


def _save(tensors: dict[str, torch.Tensor], folder: Path) -> None:
    from safetensors.torch import save_file

    kept = {
        name: value.detach().cpu().contiguous().clone()
        for name, value in tensors.items()
        if isinstance(value, torch.Tensor)
    }
    save_file(kept, str(folder / "weights.safetensors"))


def _export(module: nn.Module, inputs: tuple[Port, ...], place: Path) -> None:
    """torch.export with a free batch where the network allows it, else for one sample."""
    for batch in (2, 1):
        example = tuple(_example(port, batch) for port in inputs)
        free = tuple({0: torch.export.Dim("batch")} for _ in inputs) if batch > 1 else None
        try:
            program = torch.export.export(module, example, dynamic_shapes=free, strict=False)
        except Exception:
            if batch == 1:
                raise
            continue
        torch.export.save(program, place)
        return


def _example(port: Port, batch: int) -> torch.Tensor:
    shape = [batch, *(size or 16 for size in port.shape[1:])]
    return torch.zeros(shape, dtype=getattr(torch, port.dtype))
