"""Where tensors and layers of a program stand in the network."""

import re

import torch  # noqa: TID253 - imported lazily by the reader
from torch import nn  # noqa: TID253

from secateur.graph.onnx_names import module_path


def tensor_path(name: str) -> str:
    """A parameter's or buffer's name with every part a word that torch can have there."""
    parents, _, leaf = name.rpartition(".")
    word = re.sub(r"\W", "_", leaf, flags=re.ASCII)
    word = f"{word}_" if hasattr(nn.Module, word) or not word or word[0].isdigit() else word
    return f"{module_path(parents)}.{word}".lstrip(".")


def parameter(value: torch.Tensor) -> nn.Parameter:
    return value if isinstance(value, nn.Parameter) else nn.Parameter(value, requires_grad=value.is_floating_point())


def attach(root: nn.Module, path: str, part: nn.Module | torch.Tensor) -> None:
    """Put a layer, parameter or buffer at a dotted path; ValueError where something else stands there."""
    *parents, leaf = path.split(".")
    for name in parents:
        if name not in root._modules:
            root.add_module(name, nn.Module())
        child = root._modules[name]
        if child is None:
            raise ValueError(path)
        root = child
    if isinstance(part, nn.Parameter):
        root.register_parameter(leaf, part)
    elif isinstance(part, torch.Tensor):
        root.register_buffer(leaf, part)
    else:
        there = root._modules.get(leaf)
        for name, inner in there.named_children() if there is not None else ():
            part.add_module(name, inner)
        root.add_module(leaf, part)
