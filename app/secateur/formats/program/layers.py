"""Operators that are a layer with the parameters of a module: made into that ordinary torch layer, under its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import torch  # noqa: TID253 - imported lazily by the reader
from torch import fx, nn  # noqa: TID253

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Owned:
    """A layer to be: how it is made (on the meta device), its tensors by their names in it, and what it is called on.

    `is_first` says that the operator gives a tuple of which the layer's result is the first.
    """

    make: Callable[[], nn.Module]
    tensors: Mapping[str, fx.Node | None]
    inputs: tuple[Any, ...]
    is_first: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


Make = Callable[[Values, Mapping[fx.Node, torch.Tensor], int], Owned | None]
"""Takes an operator's arguments, the tensors of the nodes that are parameters, and the rank of its input."""


def _linear(values: Values, known: Mapping[fx.Node, torch.Tensor], rank: int) -> Owned | None:
    weight = known[values["weight"]]
    if weight.ndim != 2:
        return None
    bias = values["bias"]
    return Owned(
        lambda: nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta"),
        {"weight": values["weight"], "bias": bias},
        (values["input"],),
    )


def _convolution(values: Values, known: Mapping[fx.Node, torch.Tensor], rank: int) -> Owned | None:
    """conv1d … conv3d, conv_transpose1d … 3d, and the `convolution` that they are decomposed into."""
    weight = known[values["weight"]]
    size = weight.ndim - 2
    if rank != size + 2 or size not in (1, 2, 3):
        return None  # without a batch axis: left as a function
    is_transposed = bool(values.get("transposed", "output_padding" in values))
    groups = int(values["groups"])
    kinds = ((nn.Conv1d, nn.Conv2d, nn.Conv3d), (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d))
    kind: Any = kinds[is_transposed][size - 1]
    padding = values["padding"]
    settings: dict[str, Any] = {
        "kernel_size": tuple(weight.shape[2:]),
        "stride": _each(values["stride"], size),
        "padding": padding if isinstance(padding, str) else _each(padding, size),
        "dilation": _each(values["dilation"], size),
        "groups": groups,
        "bias": values["bias"] is not None,
    }
    if is_transposed:
        settings["output_padding"] = _each(values["output_padding"], size)
    first, second = weight.shape[0], weight.shape[1] * groups
    channels = (first, second) if is_transposed else (second, first)
    return Owned(
        lambda: kind(*channels, device="meta", **settings),
        {"weight": values["weight"], "bias": values["bias"]},
        (values["input"],),
    )


def _each(value: Any, size: int) -> tuple[int, ...]:
    sizes = [value] if isinstance(value, int) else list(value)
    if not all(isinstance(item, int) for item in sizes) or len(sizes) not in (1, size):
        raise TypeError("sizes of a convolution are numbers")
    return tuple(sizes * size if len(sizes) == 1 else sizes)


def _batch_norm(values: Values, known: Mapping[fx.Node, torch.Tensor], rank: int) -> Owned | None:
    mean = values["running_mean"]
    kinds = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
    if mean is None or rank not in kinds:
        return None
    count, affine = known[mean].shape[0], values["weight"] is not None
    return Owned(
        lambda: kinds[rank](count, float(values["eps"]), float(values["momentum"]), affine=affine, device="meta"),
        {name: values[name] for name in ("weight", "bias", "running_mean", "running_var")},
        (values["input"],),
        is_first="training" not in values,
    )


def _layer_norm(values: Values, known: Mapping[fx.Node, torch.Tensor], rank: int) -> Owned | None:
    shape = known[values["weight"]].shape
    if list(shape) != list(values["normalized_shape"]):
        return None
    return Owned(
        lambda: nn.LayerNorm(list(shape), float(values["eps"]), bias=values["bias"] is not None, device="meta"),
        {"weight": values["weight"], "bias": values["bias"]},
        (values["input"],),
        is_first="cudnn_enable" not in values,
    )


def _rms_norm(values: Values, known: Mapping[fx.Node, torch.Tensor], rank: int) -> Owned | None:
    shape = list(known[values["weight"]].shape)
    return Owned(
        lambda: nn.RMSNorm(shape, values["eps"], device="meta"), {"weight": values["weight"]}, (values["input"],)
    )


def _group_norm(values: Values, known: Mapping[fx.Node, torch.Tensor], rank: int) -> Owned | None:
    count = known[values["weight"]].shape[0]
    groups = int(values["num_groups"] if "num_groups" in values else values["group"])
    if values["bias"] is None:
        return None
    return Owned(
        lambda: nn.GroupNorm(groups, count, float(values["eps"]), device="meta"),
        {"weight": values["weight"], "bias": values["bias"]},
        (values["input"],),
        is_first="group" in values,
    )


def _embedding(values: Values, known: Mapping[fx.Node, torch.Tensor], rank: int) -> Owned | None:
    weight = known[values["weight"]]
    padding = int(values["padding_idx"])
    return Owned(
        lambda: nn.Embedding(
            weight.shape[0], weight.shape[1], padding_idx=padding if padding >= 0 else None, device="meta"
        ),
        {"weight": values["weight"]},
        (values["indices"],),
    )


def _prelu(values: Values, known: Mapping[fx.Node, torch.Tensor], rank: int) -> Owned | None:
    count = known[values["weight"]].numel()
    return Owned(lambda: nn.PReLU(count, device="meta"), {"weight": values["weight"]}, (values["self"],))


def _recurrent(kind: Any, values: Values, known: Mapping[fx.Node, torch.Tensor]) -> Owned | None:
    """LSTM, GRU and RNN: `params` are those of each layer and direction in torch's own order."""
    params, size = list(values["params"]), int(values["num_layers"])
    first, second = known[params[0]], known[params[1]]
    settings = {
        "input_size": first.shape[1],
        "hidden_size": second.shape[1],
        "num_layers": size,
        "bias": bool(values["has_biases"]),
        "batch_first": bool(values["batch_first"]),
        "dropout": float(values["dropout"]),
        "bidirectional": bool(values["bidirectional"]),
    }
    if kind is nn.LSTM and known[params[-1]].shape[0] != 4 * second.shape[1]:
        settings["proj_size"] = second.shape[1]
        settings["hidden_size"] = second.shape[0] // 4
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    left_out = {"bias_ih", "bias_hh"} if not settings["bias"] else set()
    left_out |= {"weight_hr"} if "proj_size" not in settings else set()
    names = [
        f"{name}_l{layer}{'_reverse' if reverse else ''}"
        for layer in range(size)
        for reverse in range(2 if settings["bidirectional"] else 1)
        for name in kinds
        if name not in left_out
    ]
    if len(names) != len(params):
        return None
    state = tuple(values["hx"]) if isinstance(values["hx"], list) else values["hx"]
    tensors = dict(zip(names, params, strict=True))
    return Owned(lambda: kind(**settings, device="meta"), tensors, (values["input"], state))


def _product(values: Values, known: Mapping[fx.Node, torch.Tensor], rank: int) -> Owned | None:
    """`addmm` and `mm` with a transposed weight: what a linear layer is decomposed into."""
    turned: fx.Node = values["mat2"]
    order: Any = turned.args[1] if len(turned.args) > 1 else (1, 0)
    if turned.target not in _TURNS or list(order) not in ([1, 0], [-1, -2]):
        return None
    if values.get("alpha", 1) != 1 or values.get("beta", 1) != 1:
        return None
    bias, given = (values["self"], values["mat1"]) if "mat1" in values else (None, values["self"])
    return _linear({"weight": turned.args[0], "bias": bias, "input": given}, known, rank)


_TURNS: Final = frozenset({torch.ops.aten.t.default, torch.ops.aten.permute.default})

LAYERS: Final[dict[str, Make]] = {
    "linear.default": _linear, "addmm.default": _product, "mm.default": _product,
    "conv1d.default": _convolution, "conv2d.default": _convolution, "conv3d.default": _convolution,
    "conv1d.padding": _convolution, "conv2d.padding": _convolution, "conv3d.padding": _convolution,
    "conv_transpose1d.default": _convolution, "conv_transpose2d.input": _convolution,
    "conv_transpose3d.input": _convolution, "convolution.default": _convolution,
    "batch_norm.default": _batch_norm,
    "_native_batch_norm_legit_no_training.default": _batch_norm,
    "layer_norm.default": _layer_norm, "native_layer_norm.default": _layer_norm,
    "rms_norm.default": _rms_norm,
    "group_norm.default": _group_norm, "native_group_norm.default": _group_norm,
    "embedding.default": _embedding,
    "prelu.default": _prelu, "_prelu_kernel.default": _prelu,
    "lstm.input": lambda values, known, rank: _recurrent(nn.LSTM, values, known),
    "gru.input": lambda values, known, rank: _recurrent(nn.GRU, values, known),
    "rnn_tanh.input": lambda values, known, rank: _recurrent(nn.RNN, values, known),
}  # fmt: skip
"""`operator.overload` of aten → the layer that it may be."""


def owned_layer(operator: str, values: Values, known: Mapping[fx.Node, torch.Tensor], rank: int) -> Owned | None:
    """The layer that an operator is; None where it is none, or its weights are computed rather than stored."""
    make = LAYERS.get(operator)
    if make is None:
        return None
    weight = values["params"][0] if "params" in values else values.get("weight", values.get("mat2"))
    if not isinstance(weight, fx.Node) or (weight not in known and make is not _product):
        return None
    try:
        owned = make(values, known, rank)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return None  # arguments that are computed, or that the layer does not take: it stays a function
    if owned is None or any(node is not None and node not in known for node in owned.tensors.values()):
        return None
    return owned


def shared_path(owned: Owned, names: Mapping[fx.Node, str]) -> str:
    """Where the layer stands: the path that the names of its tensors share; empty where they share none.

    `a.weight` and `a.bias` are of the layer `a`; the `a.in_proj_weight` of torch's attention of the layer `a.in_proj`.
    """
    paths = set()
    for part, node in owned.tensors.items():
        if node is None:
            continue
        name = names[node]
        if not name.endswith((f".{part}", f"_{part}")):
            return ""
        paths.add(name[: -len(part) - 1])
    return paths.pop() if len(paths) == 1 else ""
