"""The biases that the shipped graph holds for its layers, and giving them other values there."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray

from secateur.graph.copies import sharing_copy
from secateur.graph.homes import Home, homes, with_parameters
from secateur.graph.network import TorchModel, weighted_modules
from secateur.model.encoding import Encodings, round_bias

Biases = Mapping[str, NDArray[np.float32]]
"""Layer name → one number for each output channel."""


def shipped_biases(model: TorchModel) -> dict[str, Home]:
    """Layer name → where its bias lives in the graph that is shipped, for those of a lowered model that have one."""
    if model.lowered is None:
        raise ValueError(f"{model.name} is not lowered")
    places = homes(model.lowered, model.module)
    return {
        name: places[f"{name}.bias"]
        for name, layer in weighted_modules(model.module)
        if isinstance(layer.bias, torch.Tensor) and f"{name}.bias" in places
    }


def with_biases(model: TorchModel, biases: Biases) -> TorchModel:
    """A copy of a lowered model with these biases, in its network and in the graph that is shipped. It shares all else.

    Layers that had one initializer for equal biases get one each. ValueError for a layer whose bias has no home.
    """
    homeless = set(biases) - set(shipped_biases(model))
    if homeless or model.lowered is None:
        raise ValueError(f"the graph that is shipped holds no bias of {min(homeless)}")
    replaced = {}
    for name, values in biases.items():
        own: Any = model.module.get_submodule(name).bias
        new = torch.from_numpy(np.ascontiguousarray(values, np.float32))
        replaced[id(own)] = torch.empty_like(own, requires_grad=False).copy_(new)
    module = sharing_copy(model.module, replaced)
    graph = with_parameters(model.lowered, homes(model.lowered, model.module), module)
    return replace(model, module=module, lowered=graph)


def as_stored(model: TorchModel, home: Home, bias: NDArray[np.float32]) -> NDArray[np.float32]:
    """A bias as the file keeps it: rounded to 16 bits where it keeps the initializer so, float32 everywhere else."""
    dtype = {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(model.narrow.get(home.initializer, ""))
    if dtype is None:
        return bias
    narrow = torch.from_numpy(np.ascontiguousarray(bias)).to(dtype).float()
    return np.asarray(narrow.numpy()) if bool(torch.isfinite(narrow).all()) else bias


def as_added(
    bias: NDArray[np.float32], layer: str, encodings: Encodings, scales: Mapping[str, float]
) -> NDArray[np.float32]:
    """A bias as the simulation adds it. `scales`: layer → scale of its input, where it computes in integers."""
    if layer not in scales:
        return bias
    scale = encodings.weights[layer].scale
    return round_bias(bias, scales[layer], scale) if scale.size in (1, bias.size) else bias
