"""Shortcuts that pad channels, and whose padding must be able to shrink.

A ResNet for small images has no convolution in its shortcuts: it appends channels of zeros, as many as its code
says. So before channels are removed each such padding becomes a layer for a while, which is told how many of its
zeros are left, and afterwards a call of `F.pad` again.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch  # noqa: TID253 - imported by channel removal alone
from torch import fx, nn  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

PADDINGS = (F.pad, torch.constant_pad_nd)
RESHAPES = (torch.reshape, torch.Tensor.reshape, torch.Tensor.view, "reshape", "view")


class ChannelPad(nn.Module):
    """`F.pad` with `before` and `after` zero channels around those of its input (batch, channels, …)."""

    def __init__(self, pad: Sequence[int], rank: int, rest: tuple[Any, ...]) -> None:
        super().__init__()
        place = 2 * (rank - 2)
        self._pad, self._place, self._rest = list(pad), place, rest
        self.before, self.after = pad[place], pad[place + 1]

    @property
    def pad(self) -> list[int]:
        """The argument of `F.pad`, last axis first."""
        return [*self._pad[: self._place], self.before, self.after, *self._pad[self._place + 2 :]]

    @property
    def rest(self) -> tuple[Any, ...]:
        """Mode and value, as far as the call named them."""
        return self._rest

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return F.pad(inputs, self.pad, *self._rest)


# ---------------------------------------------------------------------- the graph


def exposed(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> nn.Module:
    """A copy of `module` whose channel paddings are layers and whose last reshape counts no channels.

    A plain module that pads channels in its code becomes a traced graph with the same layers; one without, or
    one that cannot be traced, is merely copied.
    """
    module = copy.deepcopy(module).eval()
    if not isinstance(module, fx.GraphModule):
        if not _pads_channels(module, inputs):
            return module
        traced = _traced(module)
        if traced is None:
            return module
        module = traced
    shapes = _Shapes(module)
    with torch.no_grad():
        shapes.run(*inputs)
    for number, node in enumerate([n for n in module.graph.nodes if n.op in {"call_function", "call_method"}]):
        source = node.args[0] if node.args and isinstance(node.args[0], fx.Node) else None
        before, after = shapes.of.get(source), shapes.of.get(node)
        if source is None or before is None or after is None or len(before) < 2:
            continue
        if node.target in PADDINGS and before[1] != after[1]:
            _make_layer(module, node, f"channel_padding_{number}", before)
        elif node.target in RESHAPES and len(before) > 2 and after == (before[0], before[1:].numel()):
            _replace_call(module, node, torch.flatten, (source, 1))
    module.graph.eliminate_dead_code()
    module.graph.lint()
    module.recompile()
    return module


def restored(module: nn.Module) -> nn.Module:
    """`module`, its `ChannelPad` layers written as calls of `F.pad` again (in place)."""
    if not isinstance(module, fx.GraphModule):
        return module
    for node in list(module.graph.nodes):
        layer = module.get_submodule(node.target) if node.op == "call_module" else None
        if isinstance(layer, ChannelPad):
            _replace_call(module, node, F.pad, (node.args[0], layer.pad, *layer.rest))
            module.delete_submodule(node.target)
    module.graph.lint()
    module.recompile()
    return module


class _Shapes(fx.Interpreter):
    """Runs a graph and notes the shape of every tensor in it."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.of: dict[Any, torch.Size] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, torch.Tensor):
            self.of[n] = value.shape
        return value


def _pads_channels(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> bool:
    """Whether a forward pass pads the channels of anything."""
    from torch.overrides import TorchFunctionMode

    found = False

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal found
            result = func(*args, **(kwargs or {}))
            if func in PADDINGS and args and result.ndim > 1 and result.shape[1] != args[0].shape[1]:
                found = True
            return result

    with torch.no_grad(), Watch():
        module(*inputs)
    return found


def _traced(module: nn.Module) -> fx.GraphModule | None:
    """`module` as a graph with the same layers; None where its code cannot be traced (it looks at values)."""
    try:
        return fx.symbolic_trace(module)
    except (fx.proxy.TraceError, TypeError, RuntimeError, ValueError, AttributeError, NotImplementedError):
        return None


def _make_layer(module: fx.GraphModule, node: fx.Node, name: str, shape: torch.Size) -> None:
    source, pad, *rest = _bound(node)
    layer = ChannelPad(pad, len(shape), tuple(rest))
    module.add_submodule(name, layer)
    with module.graph.inserting_before(node):
        made = module.graph.call_module(name, (source,))
    made.meta = dict(node.meta)
    node.replace_all_uses_with(made)
    module.graph.erase_node(node)


def _bound(node: fx.Node) -> list[Any]:
    """Input, pad, mode and value of a padding call, however its arguments were given."""
    names = ("input", "pad", "mode", "value")
    given = [*node.args, *(node.kwargs[name] for name in names[len(node.args) :] if name in node.kwargs)]
    if node.target is torch.constant_pad_nd and len(given) > 2:
        given.insert(2, "constant")
    return given


def _replace_call(module: fx.GraphModule, node: fx.Node, function: Any, arguments: tuple[Any, ...]) -> None:
    with module.graph.inserting_before(node):
        made = module.graph.call_function(function, arguments)
    made.meta = dict(node.meta)
    node.replace_all_uses_with(made)
    module.graph.erase_node(node)
