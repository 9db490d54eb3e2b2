"""What a factory's network takes: from what the factory says, or else found by trying."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import torch  # noqa: TID253 - imported lazily by secateur.formats.reading
from torch import nn  # noqa: TID253

from secateur.errors import UserError
from secateur.graph.network import TorchModel, first_output
from secateur.model.description import Port

_LARGE_FIRST: Final = (224, 32, 28, 64, 96, 128, 256, 299, 384, 448, 512)
_SMALL_FIRST: Final = (32, 28, 224, 64, 96, 128, 256, 299, 384, 448, 512)
_SHAPE: Final = "The input shape"
_FIX: Final = "say `input_shape` in the factory to fix it."
_HOW: Final = (
    "Give the network (or its factory) an attribute `input_shape`, the shape of one sample such as (3, 224, 224), "
    "or `example_input`, a tensor with a batch axis."
)


def find_inputs(
    module: nn.Module, hints: Sequence[Any], factory: str, like: nn.Module | None = None
) -> tuple[tuple[Port, ...], tuple[str, ...]]:
    """(input ports, notes) of a network; UserError where no input could be found that it takes.

    `like` has the network's layers as torch's own where the network itself (TorchScript) does not.
    """
    stated = _stated(hints)
    if stated is not None:
        problem = _problem(module, stated)
        if problem:
            raise UserError(f"{factory} does not take the input that it states: {problem}.", _HOW)
        return _ports(module, stated), ()
    for example in _candidates(like or module):
        if not _problem(module, [example]):
            shape = "×".join(str(size) for size in example.shape[1:])
            return _ports(module, [example]), (f"{_SHAPE} {shape} was found by trying; {_FIX}",)
    raise UserError(f"No input was found that {factory} takes.", _HOW)


def with_input_of(model: TorchModel, shape: tuple[int, ...], data: str) -> TorchModel | None:
    """`model` with one input of this shape (of one sample) in place of a guess; None where it does not take it.

    `data` is the name of the data that has this shape, for the note.
    """
    port = replace(model.inputs[0], shape=(None, *shape))
    if _problem(model.module, [_zeros(port)]):
        return None
    words = "×".join(str(size) for size in shape)
    notes = tuple(note for note in model.notes if not note.startswith(_SHAPE))
    outputs = output_ports(model.module, (port,))
    return replace(
        model, inputs=(port,), outputs=outputs, notes=(*notes, f"{_SHAPE} {words} is that of {data}; {_FIX}")
    )


def output_ports(module: nn.Module, inputs: Sequence[Port]) -> tuple[Port, ...]:
    """Ports of a network's first output, or of all of a tuple's, from a run on zeros."""
    with torch.inference_mode():
        output = module.eval()(*(_zeros(port) for port in inputs))
    tensors = [value for value in output if isinstance(value, torch.Tensor)] if isinstance(output, tuple | list) else []
    tensors = tensors or [first_output(output)]
    return tuple(
        Port(f"output_{index}" if index else "output", _name(tensor.dtype), (None, *tensor.shape[1:]))
        for index, tensor in enumerate(tensors)
    )


def _zeros(port: Port) -> torch.Tensor:
    return torch.zeros([size or 1 for size in port.shape], dtype=getattr(torch, port.dtype))


def _stated(hints: Sequence[Any]) -> list[torch.Tensor] | None:
    """What `example_input`, `example_inputs` or `input_shape` says, the first that does."""
    for hint in hints:
        for attribute in ("example_input", "example_inputs"):
            value = getattr(hint, attribute, None)
            if isinstance(value, torch.Tensor):
                return [value]
            if isinstance(value, tuple | list) and value and all(isinstance(part, torch.Tensor) for part in value):
                return list(value)
        shape = getattr(hint, "input_shape", None)
        if isinstance(shape, tuple | list) and shape and all(isinstance(size, int) for size in shape):
            return [torch.zeros(1, *shape)]
    return None


def _candidates(module: nn.Module) -> "list[torch.Tensor]":
    """Inputs worth trying, from the first layer that says how many channels, features or words it takes."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            # a first convolution that does not shrink the image is made for small images
            small = max(layer.stride) == 1
            sizes: tuple[int, ...] = _SMALL_FIRST if small else _LARGE_FIRST
            if small and layer.in_channels == 1:
                sizes = (28, *(size for size in sizes if size != 28))
            return [torch.zeros(1, layer.in_channels, size, size) for size in sizes]
        if isinstance(layer, nn.Conv1d):
            return [torch.zeros(1, layer.in_channels, size) for size in (128, 1024, 16000)]
        if isinstance(layer, nn.Conv3d):
            return [torch.zeros(1, layer.in_channels, size, size, size) for size in (16, 32, 64)]
        if isinstance(layer, nn.Embedding):
            return [torch.zeros(1, 16, dtype=torch.int64)]
        if isinstance(layer, nn.Linear):
            width = layer.in_features
            side = round(width**0.5)
            flat = [torch.zeros(1, width), torch.zeros(1, 16, width)]
            return [*flat, torch.zeros(1, 1, side, side)] if side * side == width else flat
        if isinstance(layer, nn.RNNBase):
            return [torch.zeros(1, 16, layer.input_size)]
    return []


def _problem(module: nn.Module, examples: Sequence[torch.Tensor]) -> str:
    """Why a network does not take these inputs; empty where it does."""
    try:
        with torch.inference_mode():
            module.eval()(*examples)
    except Exception as problem:  # noqa: BLE001 - the person's own network may raise anything
        lines = str(problem).strip().splitlines()
        return (lines[0] if lines else type(problem).__name__).rstrip(".")
    return ""


def _ports(module: nn.Module, examples: Sequence[torch.Tensor]) -> tuple[Port, ...]:
    names = _argument_names(module)
    return tuple(
        Port(names[index] if index < len(names) else f"input_{index}", _name(value.dtype), (None, *value.shape[1:]))
        for index, value in enumerate(examples)
    )


def _argument_names(module: nn.Module) -> list[str]:
    import inspect

    if isinstance(module, torch.jit.ScriptModule):
        forward: Any = module.forward
        return [argument.name for argument in forward.schema.arguments[1:]]
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [name for name, part in inspect.signature(module.forward).parameters.items() if part.kind in kinds]


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
