"""LSTM, GRU and RNN: torch's own layers where they compute the same, else a cell of ours that follows the operator."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch  # noqa: TID253 - imported lazily with the importer
from numpy.typing import NDArray
from torch import fx, nn  # noqa: TID253

from secateur.graph.onnx_import.builder import GraphBuilder, to_tensor
from secateur.graph.onnx_import.recurrent_cell import ACTIVATIONS, RecurrentCell, Settings
from secateur.graph.onnx_import.values import Constant, Numbers, OnnxNode, OperatorTable, Unsupported, Value
from secateur.graph.onnx_names import layer_name

_TORCH_LAYERS: Final[dict[str, type[nn.RNNBase]]] = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}
GATES: Final = {"LSTM": 4, "GRU": 3, "RNN": 1}
ORDER: Final = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
"""Place of torch's gates (input, forget, cell, output; reset, update, new) in the file (i, o, f, c; z, r, h)."""

USUAL: Final = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh"), "RNN": ("tanh",)}


def recurrent(build: GraphBuilder, node: OnnxNode) -> tuple[Value, ...]:
    """One recurrent node: all states, the last one, and for LSTM the last cell.

    A layer named as the file names it. X is (sequence, batch, features) with layout 0 and (batch, sequence,
    features) with layout 1; Y has the directions as an axis of its own (ONNX operator specification).
    """
    weights = [_stored(build, node, index) for index in (1, 2)]
    if weights[0] is None or weights[1] is None:
        raise Unsupported("its weights are computed by the network")
    settings = _settings(node, hidden=int(weights[1].shape[2]))
    bias, peepholes = _stored(build, node, 3), _stored(build, node, 7) if node.kind == "LSTM" else None
    lengths = node.input(4)
    is_first = bool(node.attributes.get("layout", 0))
    source = build.tensor(node.required(0))
    states = [_state(build, node.input(5)), _state(build, node.input(6)) if node.kind == "LSTM" else None]
    if is_first:
        states = [None if state is None else build.call(torch.transpose, state, 0, 1) for state in states]
    name = node.layer.name if node.layer is not None else layer_name("", None, node.name, node.kind, build.names)
    if lengths is None and peepholes is None and _fits(settings):
        kind, like = _TORCH_LAYERS[node.kind], weights[0]

        def make() -> nn.Module:
            return _torch_layer(kind, settings, like, [weights[1], bias], is_first=is_first)

        results = _called(build, name, make, source, states, settings, is_first=is_first)
    else:
        pair = (to_tensor(weights[0]), to_tensor(weights[1]))
        rest = [None if array is None else to_tensor(array) for array in (bias, peepholes)]
        steps = build.call(torch.transpose, source, 0, 1) if is_first else source
        given = None if lengths is None else build.tensor(lengths)
        both = build.layer(name, lambda: RecurrentCell(settings, *pair, *rest), steps, *states, given)
        results = [build.item(both, index) for index in range(3 if node.kind == "LSTM" else 2)]
        if is_first:
            results[0] = build.call(torch.permute, results[0], (2, 0, 1, 3))
    if is_first:
        results[1:] = [build.call(torch.transpose, state, 0, 1) for state in results[1:]]
    return tuple(results)


def _called(
    build: GraphBuilder, name: str, make: Any, source: fx.Node, states: list[fx.Node | None], settings: Settings,
    *, is_first: bool,
) -> list[fx.Node]:  # fmt: skip
    """Torch's layer on `source`: Y as ONNX arranges it, and the last states as torch does."""
    axis = 1 if is_first else 0
    if settings.direction == "reverse":
        source = build.call(torch.flip, source, (axis,))
    arguments: tuple[Any, ...] = ()
    given = [state for state in states if state is not None]
    if given and settings.kind == "LSTM":
        zero = build.call(torch.zeros_like, given[0])
        arguments = (tuple(zero if state is None else state for state in states),)
    elif given:
        arguments = (given[0],)
    made = build.layer(name, make, source, *arguments)
    every, last = build.item(made, 0), build.item(made, 1)
    if settings.direction == "reverse":
        every = build.call(torch.flip, every, (axis,))
    every = build.call(torch.unflatten, every, 2, (settings.directions, -1))
    if not is_first:
        every = build.call(torch.transpose, every, 1, 2)
    return [every, *([build.item(last, 0), build.item(last, 1)] if settings.kind == "LSTM" else [last])]


def _torch_layer(
    kind: type[nn.RNNBase], settings: Settings, weight: NDArray[Any], others: Sequence[NDArray[Any] | None],
    *, is_first: bool,
) -> nn.Module:  # fmt: skip
    """nn.LSTM, nn.GRU or nn.RNN with the file's weights, their gates in torch's order."""
    state_weight, bias = others
    options: dict[str, Any] = {"nonlinearity": settings.activations[0]} if settings.kind == "RNN" else {}
    layer = kind(
        weight.shape[2], settings.hidden, bias=bias is not None, batch_first=is_first,
        bidirectional=settings.directions == 2, dtype=to_tensor(weight.reshape(-1)[:0]).dtype, **options,
    )  # fmt: skip
    stored: dict[str, NDArray[Any] | None] = {"weight_ih": weight, "weight_hh": state_weight}
    if bias is not None:
        stored["bias_ih"], stored["bias_hh"] = np.split(bias, 2, axis=1)
    with torch.no_grad():
        for name, array in stored.items():
            for place, suffix in enumerate(("", "_reverse")[: settings.directions]):
                values = to_tensor(_in_order(settings.kind, np.asarray(array)[place]))
                getattr(layer, f"{name}_l0{suffix}").copy_(values)
    return layer


def _in_order(kind: str, stacked: NDArray[Any]) -> NDArray[Any]:
    """The gates of a weight or bias, stacked on axis 0, in torch's order."""
    gates = np.split(stacked, GATES[kind])
    return np.concatenate([gates[place] for place in ORDER[kind]])


def _settings(node: OnnxNode, hidden: int) -> Settings:
    """What the attributes say; refused where an activation is none of ONNX's."""
    direction = node.word("direction", "forward")
    directions = 2 if direction == "bidirectional" else 1
    usual = USUAL[node.kind] * directions
    given = node.attributes.get("activations") or usual
    names = tuple((name.decode() if isinstance(name, bytes) else name).lower() for name in given)
    if len(names) != len(usual) or not set(names) <= set(ACTIVATIONS):
        raise Unsupported(f"its activations are {', '.join(names)}")
    return Settings(
        kind=node.kind,
        direction=direction,
        hidden=hidden,
        activations=names,
        alphas=tuple(float(value) for value in node.attributes.get("activation_alpha") or ()),
        betas=tuple(float(value) for value in node.attributes.get("activation_beta") or ()),
        clip=float(node.attributes.get("clip", 0.0)),
        is_forget_coupled=node.flag("input_forget"),
        is_reset_late=node.flag("linear_before_reset"),
    )


def _fits(settings: Settings) -> bool:
    """Whether torch's layer computes this."""
    usual = USUAL[settings.kind] * settings.directions
    is_relu = settings.kind == "RNN" and set(settings.activations) == {"relu"}
    is_plain = not settings.clip and not settings.is_forget_coupled
    return (
        is_plain and (settings.activations == usual or is_relu) and (settings.kind != "GRU" or settings.is_reset_late)
    )


def _stored(build: GraphBuilder, node: OnnxNode, index: int) -> NDArray[Any] | None:
    """The known value of a weight input; None where it is absent, refused where it is computed."""
    value = node.input(index)
    if value is None:
        return None
    if isinstance(value, Constant):
        return value.array
    names = node.layer.tensors if node.layer is not None else ()
    known = [build.stored.values(name) for name in names]
    wanted = build.shape(value)
    found = [array for array in known if array.shape == wanted]
    if len(found) != 1:
        raise Unsupported("its weights are computed by the network")
    return found[0]


def _state(build: GraphBuilder, value: Value | None) -> fx.Node | None:
    """An initial state; None for one of stored zeros, which torch's own follow the batch better than."""
    if value is None or (isinstance(value, Constant) and not value.array.any()):
        return None
    if isinstance(value, Numbers):
        raise Unsupported("its initial state is made of sizes")
    return build.call(torch.Tensor.contiguous, build.tensor(value))


OPERATORS: OperatorTable = {"LSTM": recurrent, "GRU": recurrent, "RNN": recurrent}
