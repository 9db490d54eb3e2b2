"""Channels followed through a network: one run with example inputs, in which every tensor carries marks.

Each operation of torch is seen as it is computed. What merely moves numbers (reshape, transpose, slice, shuffle) is
done to the marks as well, whatever it is; what combines them (addition, convolution) ties marks or makes new ones.
So there is a rule for each way of computing, and none for each kind of network. See `following_rules`.

The same run of a network that lost channels, `Fitting`, proves that what arrives at each layer is what its weights
are for, and puts weights into the order in which a network that shuffles channels now delivers them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch  # noqa: TID253 - imported by channel removal alone
from torch import nn  # noqa: TID253
from torch.overrides import TorchFunctionMode  # noqa: TID253
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: TID253
from torch.utils.weak import WeakTensorKeyDictionary  # noqa: TID253

from secateur.graph.coupling.mark_tensors import along, compact, filled, shortened, tensors_in
from secateur.graph.coupling.marks import FIXED, Array, Marks

ANSWERS: Final = "Its outputs are the model's answers."
ONE_CHANNEL: Final = "It has only one channel."

_BEFORE: Final = 4
_BEHIND: Final = 24

Role = str | int
"""An axis of a stored tensor; "blocks" is the axis of a grouped convolution's weight that each group has for itself."""

Key = tuple[str, Role]


class Unfit(Exception):  # noqa: N818 - a finding, not a fault
    """What arrived somewhere is not what the weights there are for; `marks` are the channels in question."""

    def __init__(self, marks: Array, text: str = "") -> None:
        super().__init__(text)
        self.marks = np.unique(marks[marks >= 0])


@dataclass(frozen=True)
class Stored:
    """A parameter or buffer on its way to where it is used: which axis of it each dimension is (None: put in)."""

    name: str
    axes: tuple[int | None, ...]


@dataclass
class Findings:
    """What a run showed.

    `stored` has the marks along the axes of stored tensors; `groups` the groups of convolutions whose weight has
    "blocks"; `depthwise` the weights of convolutions in which each input channel is a group. `balances` are lists of
    parts (marks) that must lose equally many; `outputs` the marks of each layer's output channels, in order.
    """

    marks: Marks = field(default_factory=Marks)
    stored: dict[Key, Array] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    depthwise: set[str] = field(default_factory=set)
    balances: list[tuple[Array, ...]] = field(default_factory=list)
    cuts: dict[int, Array] = field(default_factory=dict)
    """Marks of each axis that a reshape takes apart, by the number of the reshape."""
    steps: list[tuple[str, tuple[tuple[int, ...], ...]]] = field(default_factory=list)
    """Every operation of the run with the shapes of its results."""
    cut_at: dict[int, int] = field(default_factory=dict)
    """Reshape → its place in `steps`."""
    wrong_cuts: set[int] = field(default_factory=set)
    """Reshapes of which later single parts are picked: their parts are no rows but blocks."""
    pieces: dict[int, list[Array]] = field(default_factory=dict)
    """Marks of each piece that a slice or split makes of channels."""
    sums: set[int] = field(default_factory=set)
    """Numbers of the reductions and products that sum over channels."""

    def alike(self, cuts: set[int]) -> set[int]:
        """All reshapes that stand among the same operations on the same shapes as one of these: those of equal blocks.

        Looked at are few operations before it and many behind it, where the parts are used.
        """
        wanted = {self._around(number) for number in cuts}
        return {number for number in self.cuts if self._around(number) in wanted}

    def _around(self, number: int) -> tuple[Any, ...]:
        place = self.cut_at[number]
        return tuple(self.steps[max(place - _BEFORE, 0) : place + _BEHIND])


class Follower(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches a run of `module` and finds out which channels go together.

    `tied_cuts` are the numbers of the reshapes whose inner axis stays whole: the parts that they make of an axis go
    or stay as blocks, where otherwise each part would lose as many channels as the others.
    """

    def __init__(self, module: nn.Module, tied_cuts: frozenset[int] = frozenset()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.module = module
        self.found = Findings()
        self.tied_cuts = tied_cuts
        self.tensors: dict[int, tuple[str, torch.Tensor]] = {}
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            self.tensors.setdefault(id(tensor), (name, tensor))
        self._marks: Any = WeakTensorKeyDictionary()
        self._views: Any = WeakTensorKeyDictionary()
        self._numbers: dict[str, int] = {}
        self._paddings = 0
        self.padding_layer = ""

    # ------------------------------------------------------------------ the run

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch would import its compiler (seconds) only to say that this is not to be compiled."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        from secateur.graph.coupling.following_rules import follow

        result = func(*args, **(kwargs or {}))
        self.see_step(func, result)
        follow(self, func, args, kwargs or {}, result)
        return result

    def run(self, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """All output tensors; their channels stay."""
        around = (_in_single_steps(), _naming(self), _telling_paddings(self))
        with torch.inference_mode(False), torch.no_grad(), around[0], around[1], around[2], self:
            outputs = tensors_in(self.module(*inputs))
        for output in outputs:
            if isinstance(self.look(output), torch.Tensor):
                self.fix(self.marks_of(output), ANSWERS)
        return tuple(outputs)

    # ------------------------------------------------------------------ what tensors carry

    def look(self, tensor: torch.Tensor) -> "torch.Tensor | Stored":
        """What a tensor carries: marks of its own shape (stride 0 along axes on which they are equal), or its name."""
        if tensor in self._marks:
            marks: torch.Tensor = self._marks[tensor]
            return marks
        if tensor in self._views:
            view: Stored = self._views[tensor]
            return view
        if id(tensor) in self.tensors:
            return Stored(self.tensors[id(tensor)][0], tuple(range(tensor.ndim)))
        return filled(FIXED, tensor.shape)

    def marks_of(self, tensor: torch.Tensor) -> Array:
        """The marks of a tensor, every axis along which they are equal shortened to 1."""
        carried = self.look(tensor)
        return shortened(carried if isinstance(carried, torch.Tensor) else self.as_source(tensor, carried))

    def mark(self, tensor: torch.Tensor, marks: torch.Tensor) -> None:
        """Let a tensor carry these marks."""
        if marks.shape != tensor.shape:
            marks = marks.expand(tensor.shape)
        self._marks[tensor] = compact(marks)

    def mark_view(self, tensor: torch.Tensor, view: Stored) -> None:
        self._views[tensor] = view

    def as_source(self, tensor: torch.Tensor, view: Stored) -> torch.Tensor:
        """A stored tensor that is itself a value, such as a class token: its last axis has channels of its own."""
        long = [place for place, axis in enumerate(view.axes) if axis is not None and tensor.shape[place] > 1]
        if not long or not tensor.is_floating_point():
            return filled(FIXED, tensor.shape)
        place = long[-1]
        marks = self.produce(view.name, view.axes[place] or 0, tensor.shape[place])
        return along(marks, place, tensor.shape)

    def next_number(self, kind: str) -> int:
        """A number for an operation among those of its kind, the same in every run."""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return self._numbers[kind]

    def see_step(self, func: Any, result: Any) -> None:
        """An operation that was computed."""
        self.found.steps.append((str(func), tuple(tuple(made.shape) for made in tensors_in(result))))

    def see_pieces(self, number: int, pieces: list[Array]) -> None:
        """What a cut makes of its channels."""
        self.found.pieces[number] = pieces

    def sums_over_channels(self, number: int, *, is_so: bool) -> bool:
        """Whether this operation sums over channels: as it was when they were all there."""
        if is_so:
            self.found.sums.add(number)
        return number in self.found.sums

    def padding_name(self) -> str:
        self._paddings += 1
        return self.padding_layer or f"padding {self._paddings}"

    # ------------------------------------------------------------------ what is found

    def tie(self, first: Array, second: Array) -> None:
        """These go together, place by place."""
        self.found.marks.tie(first, second)

    def fix(self, marks: Array, reason: str) -> None:
        self.found.marks.fix(marks, reason)

    def balance(self, parts: tuple[Array, ...]) -> None:
        """Each part loses as many as every other."""
        if len(parts) > 1 and any((part >= 0).any() for part in parts):
            self.found.balances.append(parts)

    def produce(self, name: str, role: Role, count: int) -> Array:
        """The marks of the channels that a stored tensor makes along an axis; its only channel stays."""
        key = (name, role)
        if key not in self.found.stored:
            self.found.stored[key] = self.found.marks.new(count)
            if count == 1:
                self.fix(self.found.stored[key], ONE_CHANNEL)
        return np.full(1, FIXED) if count == 1 else self.found.stored[key]

    def consume(self, name: str, role: Role, marks: Array, tensor: torch.Tensor | None = None) -> None:
        """A stored tensor is for these channels along an axis. `tensor` is what was given to the operation."""
        known = self.found.stored.setdefault((name, role), marks)
        self.meet(known, marks)

    def meet(self, known: Array, marks: Array) -> None:
        """Two lists of channels are one: tied, and fixed where the other has a fixed size."""
        if known.shape != marks.shape:
            self.fix(np.concatenate([known.ravel(), marks.ravel()]), "Its channels are used in two ways.")
            return
        self.tie(known, marks)
        for mine, other in ((known, marks), (marks, known)):
            self.fix(mine[other == FIXED], "It meets values whose number is fixed.")


class Fitting(Follower):  # type: ignore[no-untyped-call]
    """Watches the run of a network that lost channels; raises `Unfit` where what arrives is not what was meant.

    `found` is what the whole network showed, less what was removed. Stored tensors get their numbers in the order in
    which they are wanted.
    """

    def __init__(self, module: nn.Module, found: Findings, tied_cuts: frozenset[int]) -> None:
        super().__init__(module, tied_cuts)
        self.found = found
        self._settled: set[Key] = set()
        self._earlier: dict[str, list[torch.Tensor]] = {}

    def tie(self, first: Array, second: Array) -> None:
        a, b = self.found.marks.roots(first), self.found.marks.roots(second)
        wrong = (a != b) & (a >= 0) & (b >= 0)
        if wrong.any():
            raise Unfit(np.concatenate([first[wrong], second[wrong]]))

    def fix(self, marks: Array, reason: str) -> None:
        """What is fixed is known."""

    def balance(self, parts: tuple[Array, ...]) -> None:
        """What is balanced is known, and was removed so."""

    def produce(self, name: str, role: Role, count: int) -> Array:
        marks = self.found.stored.get((name, role))
        if marks is None or len(marks) != count:
            raise Unfit(np.zeros(0, np.int64), f"{name} was not seen before")
        return np.full(1, FIXED) if count == 1 and self.found.marks.reason(int(marks[0])) == ONE_CHANNEL else marks

    def consume(self, name: str, role: Role, marks: Array, tensor: torch.Tensor | None = None) -> None:
        key, meant = (name, role), self.found.stored.get((name, role))
        if meant is None:
            raise Unfit(marks, f"{name} was not seen before")
        order = _order(self.found.marks.roots(meant), self.found.marks.roots(marks))
        if order is None:
            raise Unfit(np.concatenate([meant, marks]))
        if (order == np.arange(len(order))).all():
            self._settled.add(key)
            return
        if key in self._settled or (tensor is not None and not self._is_stored(name, tensor)):
            raise Unfit(marks, f"{name} is wanted in two orders")
        self._settled.add(key)
        self.found.stored[key] = meant[order]
        self._put_in_order(name, role, order)

    def meet(self, known: Array, marks: Array) -> None:
        self.tie(known, marks)

    def see_step(self, func: Any, result: Any) -> None:
        """What was computed by all channels is known."""

    def see_pieces(self, number: int, pieces: list[Array]) -> None:
        for meant, piece in zip(self.found.pieces.get(number, ()), pieces, strict=False):
            strange = piece[~np.isin(piece, meant)]
            if len(strange):
                raise Unfit(strange, "a piece holds other channels than it was cut for")

    def _is_stored(self, name: str, tensor: torch.Tensor) -> bool:
        held = (dict(self.tensors.values())[name], *self._earlier.get(name, ()))
        return tensor.untyped_storage().data_ptr() in {own.untyped_storage().data_ptr() for own in held}

    def _put_in_order(self, name: str, role: Role, order: Array) -> None:
        stored = dict(self.tensors.values()).get(name)
        if stored is None:  # a padding: it has no numbers
            return
        data = stored.data  # others may have the same numbers: they are not written to
        self._earlier.setdefault(name, []).append(data)
        if role != "blocks":
            stored.data = data.index_select(int(role), torch.from_numpy(order))
            return
        groups, width = self.found.groups[name], data.shape[1]
        rows = data.shape[0] // groups
        blocks = []
        for group in range(groups):
            own = order[group * width : (group + 1) * width] - group * width
            if (own < 0).any() or (own >= width).any():
                raise Unfit(self.found.stored[(name, role)], "channels moved from one group to another")
            blocks.append(data[group * rows : (group + 1) * rows].index_select(1, torch.from_numpy(own)))
        stored.data = torch.cat(blocks)


def _order(meant: Array, arriving: Array) -> Array | None:
    """Where in `meant` each arriving channel is, the first of equal ones first; None where they are others."""
    if meant.shape != arriving.shape:
        return None
    a, b = np.argsort(meant, kind="stable"), np.argsort(arriving, kind="stable")
    if (meant[a] != arriving[b]).any():
        return None
    order = np.empty(len(meant), np.int64)
    order[b] = a
    return order


# ---------------------------------------------------------------------- around the run


class _Naming(TorchFunctionMode):
    """Turns whatever a torch function raises on a network that lost channels into `Unfit`, with those channels."""

    def __init__(self, follower: Follower) -> None:
        super().__init__()
        self._follower = follower

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        try:
            return func(*args, **(kwargs or {}))
        except Unfit:
            raise
        except Exception as error:
            carried = [self._follower.look(tensor) for tensor in tensors_in((args, kwargs or {}))]
            marks = [shortened(m).ravel() for m in carried if isinstance(m, torch.Tensor)]
            raise Unfit(np.concatenate([np.zeros(0, np.int64), *marks]), str(error)) from error


@contextmanager
def _naming(follower: Follower) -> Iterator[None]:
    if not isinstance(follower, Fitting):
        yield
        return
    with _Naming(follower):
        yield


@contextmanager
def _in_single_steps() -> Iterator[None]:
    """Let torch compute its attention layers operation by operation, and not in one."""
    was_on = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was_on)


@contextmanager
def _telling_paddings(follower: Follower) -> Iterator[None]:
    """Tell the follower in which `ChannelPad` a padding is computed."""
    from secateur.graph.coupling.channel_padding import ChannelPad

    def enter(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any) -> None:
            follower.padding_layer = name

        return hook

    def leave(module: nn.Module, inputs: Any, output: Any) -> None:
        follower.padding_layer = ""

    handles = []
    for name, layer in follower.module.named_modules():
        if isinstance(layer, ChannelPad):
            handles += [layer.register_forward_pre_hook(enter(name)), layer.register_forward_hook(leave)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
