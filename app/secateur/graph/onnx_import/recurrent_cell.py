"""A recurrent layer that computes what ONNX's LSTM, GRU and RNN may ask for and torch's layers cannot.

Peepholes, clipping, other activations, coupled gates, a reset gate in front of the product, and sequences of
different lengths in one batch. It is a loop over the steps: slower than torch's layers, and as trainable.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import torch  # noqa: TID253 - imported lazily with the importer
from torch import Tensor, nn  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

Activation = Callable[[Tensor, float, float], Tensor]

ACTIVATIONS: Final[dict[str, tuple[Activation, float, float]]] = {
    "sigmoid": (lambda x, _, __: torch.sigmoid(x), 0.0, 0.0),
    "tanh": (lambda x, _, __: torch.tanh(x), 0.0, 0.0),
    "relu": (lambda x, _, __: F.relu(x), 0.0, 0.0),
    "affine": (lambda x, alpha, beta: alpha * x + beta, 1.0, 0.0),
    "leakyrelu": (lambda x, alpha, _: F.leaky_relu(x, alpha), 0.01, 0.0),
    "thresholdedrelu": (lambda x, alpha, _: F.threshold(x, alpha, 0.0), 1.0, 0.0),
    "scaledtanh": (lambda x, alpha, beta: alpha * torch.tanh(beta * x), 1.0, 1.0),
    "hardsigmoid": (lambda x, alpha, beta: torch.clamp(alpha * x + beta, 0.0, 1.0), 0.2, 0.5),
    "elu": (lambda x, alpha, _: F.elu(x, alpha), 1.0, 0.0),
    "softsign": (lambda x, _, __: F.softsign(x), 0.0, 0.0),
    "softplus": (lambda x, _, __: F.softplus(x), 0.0, 0.0),
}
"""Name → function, and its usual alpha and beta (ONNX operator specification, RNN)."""

_TAKES_ALPHA: Final = frozenset({"affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu"})
_TAKES_BETA: Final = frozenset({"affine", "scaledtanh", "hardsigmoid"})


@dataclass(frozen=True, slots=True)
class Settings:
    """The attributes of a recurrent node; `activations` are lower case, those of the second direction behind."""

    kind: str
    direction: str
    hidden: int
    activations: tuple[str, ...]
    alphas: tuple[float, ...] = ()
    betas: tuple[float, ...] = ()
    clip: float = 0.0
    is_forget_coupled: bool = False
    is_reset_late: bool = False

    @property
    def directions(self) -> int:
        return 2 if self.direction == "bidirectional" else 1


class RecurrentCell(nn.Module):
    """One recurrent layer, weights and gates arranged as ONNX stores them.

    `weight_ih` (directions, gates · hidden, features), `weight_hh` (directions, gates · hidden, hidden), `bias`
    (directions, 2 · gates · hidden), `peephole` (directions, 3 · hidden).
    """

    def __init__(
        self, settings: Settings, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor | None, peephole: Tensor | None
    ) -> None:
        super().__init__()
        self.settings = settings
        self.weight_ih, self.weight_hh = nn.Parameter(weight_ih), nn.Parameter(weight_hh)
        self.bias = None if bias is None else nn.Parameter(bias)
        self.peephole = None if peephole is None else nn.Parameter(peephole)

    def forward(
        self, steps: Tensor, hidden: Tensor | None = None, cell: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(states, last state, last cell) of `steps` (sequence, batch, features).

        Shapes (sequence, directions, batch, hidden) and twice (directions, batch, hidden). Behind the end of a
        sequence that `lengths` (batch) calls shorter the states are zero.
        """
        zero = steps.new_zeros(self.settings.directions, steps.shape[1], self.settings.hidden)
        hidden, cell = zero if hidden is None else hidden, zero if cell is None else cell
        results = []
        for place in range(self.settings.directions):
            is_reverse = self.settings.direction == "reverse" or place == 1
            given = _reversed(steps, lengths) if is_reverse else steps
            every, last, last_cell = self._run(place, given, hidden[place], cell[place], lengths)
            results.append((_reversed(every, lengths) if is_reverse else every, last, last_cell))
        states, lasts, cells = (list(parts) for parts in zip(*results, strict=True))
        return torch.stack(states, 1), torch.stack(lasts), torch.stack(cells)

    def _run(
        self, place: int, steps: Tensor, hidden: Tensor, cell: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One direction, from the first step to the last."""
        step_of = {"LSTM": self._lstm, "GRU": self._gru, "RNN": self._rnn}[self.settings.kind]
        projected = steps @ self.weight_ih[place].transpose(0, 1)
        made = []
        for index, given in enumerate(projected.unbind(0)):
            new_hidden, new_cell = step_of(place, given, hidden, cell)
            if lengths is None:
                hidden, cell = new_hidden, new_cell
                made.append(hidden)
                continue
            is_running = (index < lengths).unsqueeze(1)
            hidden, cell = torch.where(is_running, new_hidden, hidden), torch.where(is_running, new_cell, cell)
            made.append(torch.where(is_running, new_hidden, torch.zeros_like(new_hidden)))
        return torch.stack(made), hidden, cell

    def _gates(self, place: int, given: Tensor, hidden: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """What the input and what the state bring to each gate, biases added."""
        count = self.weight_hh.shape[1] // self.settings.hidden
        kept = hidden @ self.weight_hh[place].transpose(0, 1)
        if self.bias is not None:
            ours, theirs = self.bias[place].chunk(2)
            given, kept = given + ours, kept + theirs
        return given.chunk(count, 1), kept.chunk(count, 1)

    def _bounded(self, values: Tensor) -> Tensor:
        return values.clamp(-self.settings.clip, self.settings.clip) if self.settings.clip else values

    def _act(self, place: int, index: int, values: Tensor) -> Tensor:
        count = len(self.settings.activations) // self.settings.directions
        function, alpha, beta = _functions(self.settings)[place * count + index]
        return function(self._bounded(values), alpha, beta)

    def _lstm(self, place: int, given: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        (i, o, f, c), (ri, ro, rf, rc) = self._gates(place, given, hidden)
        peep = None if self.peephole is None else self.peephole[place].chunk(3)
        enter = self._act(place, 0, i + ri + (peep[0] * cell if peep else 0.0))
        forget = self._act(place, 0, f + rf + (peep[2] * cell if peep else 0.0))
        if self.settings.is_forget_coupled:
            forget = 1.0 - enter
        cell = forget * cell + enter * self._act(place, 1, c + rc)
        leave = self._act(place, 0, o + ro + (peep[1] * cell if peep else 0.0))
        return leave * self._act(place, 2, cell), cell

    def _gru(self, place: int, given: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        (z, r, h), (rz, rr, rh) = self._gates(place, given, hidden)
        update, reset = self._act(place, 0, z + rz), self._act(place, 0, r + rr)
        if self.settings.is_reset_late:
            kept = reset * rh
        else:
            size = self.settings.hidden
            kept = (reset * hidden) @ self.weight_hh[place, 2 * size :].transpose(0, 1)
            if self.bias is not None:
                kept = kept + self.bias[place, 5 * size :]
        new = self._act(place, 1, h + kept)
        return (1.0 - update) * new + update * hidden, cell

    def _rnn(self, place: int, given: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        (i,), (r,) = self._gates(place, given, hidden)
        return self._act(place, 0, i + r), cell


@cache
def _functions(settings: Settings) -> tuple[tuple[Activation, float, float], ...]:
    """Each activation with its alpha and beta: the given ones go, in order, to the functions that take one."""
    alphas, betas = iter(settings.alphas), iter(settings.betas)
    found = []
    for name in settings.activations:
        function, alpha, beta = ACTIVATIONS[name]
        alpha = next(alphas, alpha) if name in _TAKES_ALPHA else alpha
        beta = next(betas, beta) if name in _TAKES_BETA else beta
        found.append((function, alpha, beta))
    return tuple(found)


def _reversed(steps: Tensor, lengths: Tensor | None) -> Tensor:
    """`steps` backwards along axis 0, each sequence of the batch within its own length."""
    if lengths is None:
        return steps.flip(0)
    places = torch.arange(steps.shape[0], device=steps.device).unsqueeze(1)
    ends = lengths.to(places.dtype).unsqueeze(0)
    source = torch.where(places < ends, ends - 1 - places, places)
    return torch.gather(steps, 0, source.unsqueeze(2).expand_as(steps))
