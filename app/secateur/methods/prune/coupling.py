"""Which layers lose channels together: found by Torch-Pruning's dependency graph, and tried out."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch  # noqa: TID253 - imported by channel removal alone
from torch import nn  # noqa: TID253

from secateur.methods.prune.channel_padding import ChannelPad, ChannelPadPruner, connect, exposed, restored
from secateur.model.model import weighted_modules

if TYPE_CHECKING:
    from secateur.model.model import TorchModel

ANSWERS: Final = "Its outputs are the model's answers."
ONE_CHANNEL: Final = "It has only one channel."
UNREACHED: Final = "No path from the inputs to the outputs leads through it."
FIXED_SIZES: Final = "Its channels reach an operation whose sizes are fixed."
NOT_TRIED: Final = "It was not tried: too many other layers of this network keep their channels."
MOST_COPIES: Final = 24
MOST_SECONDS: Final = 20.0

Inputs = tuple[torch.Tensor, ...]


@dataclass(frozen=True, eq=False)
class ChannelGroup:
    """Layers of one width that lose the same channels together.

    `root` is the first of `layers`. `ties` says for every layer that is touched, also of another width, which
    of its channels goes with each channel of the root: layer → {channel of root: channel of layer}.
    """

    root: str
    layers: tuple[str, ...]
    channels: int
    ties: Mapping[str, Mapping[int, int]]

    @property
    def others(self) -> tuple[str, ...]:
        """Layers of another width that lose channels with some of these."""
        return tuple(name for name in self.ties if name not in self.layers)


class ChannelGraph:
    """A network whose channels can be removed. It works on a copy; `finish` gives that copy.

    `inputs` is one batch as the network is fed. `kept` says for each layer which of the channels that it had
    are left. Raises whatever tracing raises where the network cannot be
    traced (see `couplings`, which makes a sentence of it).
    """

    def __init__(self, module: nn.Module, inputs: Inputs) -> None:
        import torch_pruning

        self._inputs = inputs
        with torch.inference_mode(False), torch.enable_grad():
            self.module = exposed(module, inputs)
            self._frozen = {n for n, p in self.module.named_parameters() if not p.requires_grad}
            for parameter in self.module.parameters():
                if parameter.is_floating_point():
                    parameter.requires_grad_(True)
            self._graph: Any = torch_pruning.DependencyGraph().build_dependency(
                self.module, inputs, customized_pruners={ChannelPad: ChannelPadPruner()}, verbose=False
            )
        connect(self._graph)
        self._layers = dict(weighted_modules(self.module))
        self._names = {layer: name for name, layer in self._layers.items()}
        self.kept = {name: np.arange(self.width(name)) for name in self._layers if self.reaches(name)}

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self._layers)

    def width(self, name: str) -> int:
        """Output channels of a layer, as it stands."""
        return int(self._graph.get_out_channels(self._layers[name]))

    def reaches(self, name: str) -> bool:
        """Whether the layer took part in the forward pass."""
        return self._layers[name] in self._graph.module2node

    def group(self, name: str) -> ChannelGroup:
        """The group of this layer, with all its ties."""
        width = self.width(name)
        ties: dict[str, dict[int, int]] = {}
        for item in self._items(name, range(width)):
            layer = item.dep.target.module
            if layer in self._names and self._graph.is_out_channel_pruning_fn(item.dep.handler):
                tie = ties.setdefault(self._names[layer], {})
                tie.update(zip(map(int, item.root_idxs), map(int, item.idxs), strict=True))
        equals = {n for n, tie in ties.items() if len(tie) == width == self.width(n)}
        ordered = tuple(n for n in self._layers if n in equals)
        return ChannelGroup(name, ordered or (name,), width, {n: ties[n] for n in self._layers if n in ties})

    def groups(self) -> tuple[ChannelGroup, ...]:
        """Every group once, in the order of the network."""
        found: list[ChannelGroup] = []
        known: set[str] = set()
        for name in self._layers:
            if name not in known and self.reaches(name):
                group = self.group(name)
                known.update(group.layers)
                found.append(group)
        return tuple(found)

    def grouped_convolution(self, group: ChannelGroup) -> str:
        """A convolution in the group whose channels are bound in blocks; empty where there is none."""
        for name in group.ties:
            groups = getattr(self._layers[name], "groups", 1)
            if 1 < groups < self.width(name):
                return name
        return ""

    def remove(self, name: str, channels: Sequence[int]) -> None:
        """Remove these output channels of a layer and all that is tied to them."""
        layer = self._layers[name]
        pruner = self._graph.get_pruner_of_module(layer)
        for tied, tie in self.group(name).ties.items():
            self.kept[tied] = np.delete(self.kept[tied], [tie[c] for c in channels if c in tie])
        group = self._graph.get_pruning_group(layer, pruner.prune_out_channels, sorted(channels))
        group.prune()

    def run(self) -> tuple[torch.Tensor, ...]:
        """All output tensors for the example inputs."""
        with torch.no_grad():
            return tuple(_tensors(self.module(*self._inputs)))

    def finish(self) -> nn.Module:
        """The network as it now stands, in evaluation mode; this graph must not be used any more."""
        for name, parameter in self.module.named_parameters():
            parameter.requires_grad_(name not in self._frozen and parameter.is_floating_point())
            parameter.grad = None
        return restored(self.module).eval()

    def _items(self, name: str, channels: Sequence[int]) -> list[Any]:
        layer = self._layers[name]
        pruner = self._graph.get_pruner_of_module(layer)
        items: list[Any] = self._graph.get_pruning_group(layer, pruner.prune_out_channels, list(channels)).items
        return items


def couplings(model: "TorchModel") -> dict[str, tuple[tuple[str, ...], str]]:
    """Layer → (layers that lose channels with it, why its own channels cannot be removed or "").

    Each group is tried on a copy: a channel is removed and the network run. `model` is not changed.
    """
    names = [name for name, _ in weighted_modules(model.module)]
    inputs = example_tensors(model)
    try:
        with _patience(MOST_SECONDS):
            fixed = fixed_layers(model.module, inputs)
            groups = ChannelGraph(model.module, inputs).groups()
    except Exception as error:  # noqa: BLE001 - whatever the tracer stumbles over means the same to the person
        reason = f"Torch-Pruning cannot follow this network ({type(error).__name__}: {error})."
        return dict.fromkeys(names, ((), reason))
    result: dict[str, tuple[tuple[str, ...], str]] = {name: ((), fixed.get(name, "")) for name in names}
    for group in groups:
        wider = tuple(n for n in group.others if len(group.ties[n]) == group.channels)
        for name in group.layers:
            tied = tuple(n for n in names if n != name and (n in group.layers or n in wider))
            result[name] = (tied, fixed.get(name, ""))
    return result


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Ends Torch-Pruning's search for groups after a while: on networks of many joined branches it takes minutes.

    The search has no cancel point of its own, so the check that it makes at every step is watched meanwhile.
    """
    from torch_pruning.dependency.group import Group

    end, original = time.thread_time() + seconds, Group.has_pruning_op

    def watched(group: Any, *arguments: Any) -> Any:
        if time.thread_time() > end:
            raise TimeoutError(f"it did not finish within {seconds:.0f} s")
        return original(group, *arguments)

    Group.has_pruning_op = watched
    try:
        yield
    finally:
        Group.has_pruning_op = original


def example_tensors(model: "TorchModel") -> Inputs:
    """One sample for each input of the model."""
    from secateur.model.layers import example_inputs

    return tuple(torch.from_numpy(values) for values in example_inputs(model))


def fixed_layers(module: nn.Module, inputs: Inputs) -> dict[str, str]:
    """Layer → the sentence that says why its channels stay, for the layers where that is so.

    Each failed trial spoils the copy it was made on, so the search goes on with a new one, and gives up after
    `MOST_COPIES` of them.
    """
    fixed: dict[str, str] = {}
    free: set[str] = set()
    for _ in range(MOST_COPIES):
        if _search(ChannelGraph(module, inputs), fixed, free):
            return fixed
    untried = [name for name, _ in weighted_modules(module) if name not in fixed and name not in free]
    return fixed | dict.fromkeys(untried, NOT_TRIED)


def _search(graph: ChannelGraph, fixed: dict[str, str], free: set[str]) -> bool:
    """Take a channel from each group that is not known yet; False where a trial failed and spoiled `graph`."""
    before = graph.run()
    fixed |= {name: UNREACHED for name in graph.layers if not graph.reaches(name)}
    for group in graph.groups():
        if group.root in fixed or group.root in free:
            continue
        reason = _certain_reason(graph, group, fixed)
        failed = "" if reason else _trial(graph, group, before)
        if reason or failed:
            fixed |= dict.fromkeys(group.layers, reason or failed)
        else:
            free.update(group.layers)
        if failed:
            return False
    return True


def _certain_reason(graph: ChannelGraph, group: ChannelGroup, fixed: Mapping[str, str]) -> str:
    """A reason that needs no trial."""
    grouped = graph.grouped_convolution(group)
    if grouped:
        return f"It is coupled with the grouped convolution {grouped}, whose channels are bound in blocks."
    if any(graph.width(name) < 2 for name in group.ties):
        return ONE_CHANNEL
    stuck = next((name for name in group.others if name in fixed), "")
    return f"It is coupled with {stuck}, which cannot lose channels." if stuck else ""


def _trial(graph: ChannelGraph, group: ChannelGroup, before: tuple[torch.Tensor, ...]) -> str:
    try:
        graph.remove(group.root, [0])
        after = graph.run()
    except Exception:  # noqa: BLE001 - a trial: any failure shows that the channels are bound
        return FIXED_SIZES
    if any(a.shape[:1] != b.shape[:1] for a, b in zip(after, before, strict=True)):
        return FIXED_SIZES
    return ANSWERS if any(a.shape != b.shape for a, b in zip(after, before, strict=True)) else ""


def _tensors(output: Any) -> list[torch.Tensor]:
    """All tensors in an output of any structure, in order."""
    if isinstance(output, torch.Tensor):
        return [output]
    parts = output.values() if isinstance(output, Mapping) else output if isinstance(output, list | tuple) else ()
    return [tensor for part in parts for tensor in _tensors(part)]
