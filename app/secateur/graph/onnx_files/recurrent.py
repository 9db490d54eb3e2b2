"""Writing recurrent layers to ONNX as LSTM, GRU and RNN nodes.

torch.export writes a loop out wherever the length of the sequence is free, and ONNX Runtime then runs products
one by one. Here every recurrent layer becomes a call of one operator of ours, which is translated to the node
that ONNX has for it. Layers with projections, and inputs that are packed or lack a batch, are left to torch.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch  # noqa: TID253 - imported lazily by whoever exports
from torch import Tensor, nn  # noqa: TID253

from secateur.graph.onnx_import.recurrent import GATES, ORDER, USUAL
from secateur.graph.onnx_import.recurrent_cell import RecurrentCell, Settings

_KINDS: Final[dict[type[nn.Module], str]] = {nn.LSTM: "LSTM", nn.GRU: "GRU", nn.RNN: "RNN"}


@torch.library.custom_op("secateur::recurrent", mutates_args=())
def recurrent(
    steps: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor | None,
    peephole: Tensor | None,
    hidden: Tensor | None,
    cell: Tensor | None,
    lengths: Tensor | None,
    kind: str,
    direction: str,
    activations: str,
    alphas: Sequence[float],
    betas: Sequence[float],
    clip: float,
    is_forget_coupled: bool,
    is_reset_late: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """What `RecurrentCell` gives for these weights and settings."""
    settings = Settings(
        kind, direction, weight_hh.shape[2], tuple(activations.split()), tuple(alphas), tuple(betas),
        clip, is_forget_coupled, is_reset_late,
    )  # fmt: skip
    made = RecurrentCell(settings, weight_ih, weight_hh, bias, peephole)(steps, hidden, cell, lengths)
    states, last, last_cell = (part.clone() for part in made)
    return states, last, last_cell


@recurrent.register_fake
def _shapes(steps: Tensor, weight_ih: Tensor, weight_hh: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor, Tensor]:
    length, batch, _width = steps.shape
    directions, size = weight_hh.shape[0], weight_hh.shape[2]
    state = (directions, batch, size)
    return steps.new_empty((length, *state)), steps.new_empty(state), steps.new_empty(state)


class WrittenCell(nn.Module):
    """A layer of one level, weights as ONNX stores them, that is exported as one node."""

    def __init__(self, settings: Settings, tensors: Sequence[Tensor | None]) -> None:
        super().__init__()
        self.settings = settings
        for name, value in zip(("weight_ih", "weight_hh", "bias", "peephole"), tensors, strict=True):
            self.register_parameter(name, None if value is None else nn.Parameter(value.detach().contiguous()))

    def forward(
        self, steps: Tensor, hidden: Tensor | None = None, cell: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As RecurrentCell: (sequence, directions, batch, hidden), and last state and cell."""
        own = self.settings
        made: tuple[Tensor, Tensor, Tensor] = recurrent(
            steps, self.weight_ih, self.weight_hh, self.bias, self.peephole, hidden, cell, lengths,
            own.kind, own.direction, " ".join(own.activations), list(own.alphas), list(own.betas), own.clip,
            own.is_forget_coupled, own.is_reset_late,
        )  # fmt: skip
        return made


class WrittenLayer(nn.Module):
    """nn.LSTM, nn.GRU or nn.RNN as levels that are exported as one node each."""

    def __init__(self, layer: nn.RNNBase, kind: str) -> None:
        super().__init__()
        self.kind, self.is_first, self.directions = kind, layer.batch_first, 1 + int(layer.bidirectional)
        activations = ("relu",) if getattr(layer, "nonlinearity", "tanh") == "relu" else USUAL[kind]
        settings = Settings(
            kind, "bidirectional" if layer.bidirectional else "forward", layer.hidden_size,
            activations * self.directions, is_reset_late=True,
        )  # fmt: skip
        for level in range(layer.num_layers):
            name = f"l{level}" if level else "cell"
            self.add_module(name, WrittenCell(settings, _tensors_of(layer, kind, level)))

    def forward(self, steps: Tensor, states: Any = None) -> tuple[Tensor, Any]:
        """What torch's layer gives for a batch of sequences."""
        given = list(states) if isinstance(states, tuple | list) else [states]
        every = steps.transpose(0, 1) if self.is_first else steps
        lasts: list[tuple[Tensor, ...]] = []
        for level, part in enumerate(self.children()):
            places = slice(level * self.directions, (level + 1) * self.directions)
            every, *last = part(every, *(None if state is None else state[places] for state in given))
            every = every.transpose(1, 2).flatten(2)
            lasts.append(tuple(last))
        hidden, cell = (torch.cat(parts) for parts in zip(*lasts, strict=True))
        return every.transpose(0, 1) if self.is_first else every, (hidden, cell) if self.kind == "LSTM" else hidden


def _tensors_of(layer: nn.RNNBase, kind: str, level: int) -> list[Tensor | None]:
    """Weights and bias of one level, directions on axis 0, gates in the order of the file."""
    suffixes = [f"l{level}{suffix}" for suffix in ("", "_reverse")[: 1 + int(layer.bidirectional)]]

    def stacked(name: str) -> Tensor:
        return torch.stack([_in_file_order(kind, getattr(layer, f"{name}_{suffix}")) for suffix in suffixes])

    bias = torch.cat([stacked("bias_ih"), stacked("bias_hh")], 1) if layer.bias else None
    return [stacked("weight_ih"), stacked("weight_hh"), bias, None]


def _in_file_order(kind: str, stacked: Tensor) -> Tensor:
    gates = stacked.detach().chunk(GATES[kind])
    return torch.cat([gates[int(place)] for place in np.argsort(ORDER[kind])])


def with_written_layers(module: nn.Module) -> nn.Module:
    """`module` with its recurrent layers in the form that is exported, changed in place."""
    for name, layer in list(module.named_modules()):
        written: nn.Module | None = None
        kind = _KINDS.get(type(layer))
        if isinstance(layer, RecurrentCell):
            written = WrittenCell(layer.settings, [layer.weight_ih, layer.weight_hh, layer.bias, layer.peephole])
        elif isinstance(layer, nn.RNNBase) and kind is not None and not layer.proj_size:
            written = WrittenLayer(layer, kind)
        if written is not None and name:
            module.set_submodule(name, written.eval())
    return module


def translations() -> dict[Any, Callable[..., Any]]:
    """What `torch.onnx.export` is to write for the operator (`custom_translation_table`)."""
    from onnxscript import opset21 as op

    def translated(
        steps: Any, weight_ih: Any, weight_hh: Any, bias: Any, peephole: Any, hidden: Any, cell: Any, lengths: Any,
        kind: str, direction: str, activations: str, alphas: Sequence[float], betas: Sequence[float],
        clip: float, is_forget_coupled: bool, is_reset_late: bool,
    ) -> Any:  # fmt: skip
        options: dict[str, Any] = {"direction": direction, "hidden_size": int(weight_hh.shape[2])}
        names = tuple(activations.split())
        if names != USUAL[kind] * (2 if direction == "bidirectional" else 1):
            options["activations"] = [_ONNX_NAMES[name] for name in names]
        options.update({"activation_alpha": list(alphas)} if alphas else {})
        options.update({"activation_beta": list(betas)} if betas else {})
        options.update({"clip": clip} if clip else {})
        given = (steps, weight_ih, weight_hh, bias, lengths, hidden)
        if kind == "LSTM":
            options.update({"input_forget": 1} if is_forget_coupled else {})
            return op.LSTM(*given, cell, peephole, **options)
        if kind == "GRU":
            every, last = op.GRU(*given, linear_before_reset=int(is_reset_late), **options)
        else:
            every, last = op.RNN(*given, **options)
        return every, last, last

    return {torch.ops.secateur.recurrent.default: translated}


_ONNX_NAMES: Final = {
    name.lower(): name
    for name in (
        "Sigmoid", "Tanh", "Relu", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu",
        "Softsign", "Softplus",
    )
}  # fmt: skip
