"""Which layers lose channels together, and taking channels out of all of them at once."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import numpy as np
import torch  # noqa: TID253 - imported by channel removal alone
from torch import nn  # noqa: TID253

from secateur.errors import Cancelled, UserError
from secateur.graph.copies import sharing_copy
from secateur.graph.coupling.channel_padding import exposed, restored
from secateur.graph.coupling.following import ANSWERS, ONE_CHANNEL, Findings, Fitting, Follower, Unfit
from secateur.graph.coupling.marks import Array
from secateur.graph.coupling.slicing import slice_network
from secateur.graph.coupling.units import ChannelGroup, ChannelUnit, groups_of
from secateur.graph.kept import Kept
from secateur.graph.network import weighted_modules
from secateur.graph.products import MatrixProduct
from secateur.model.description import Coupling, Couplings

if TYPE_CHECKING:
    from secateur.graph.network import TorchModel

UNREACHED: Final = "No path from the inputs to the outputs leads through it."
PRODUCT: Final = "It is a stack of matrices, stands on the left or is tied: its outputs are not removed one by one."
FIXED_SIZES: Final = "Its channels reach an operation whose sizes are fixed."
NOT_TRIED: Final = "It was not tried: after {} trials, each of which found other layers of this network bound."
MOST_TRIALS: Final = 96

Inputs = tuple[torch.Tensor, ...]


class ChannelGraph:
    """A network whose channels can be removed. It works on copies; `finish` gives the result.

    `inputs` is one batch as the network is fed. One run follows the channels; then a network that lost some of every
    kind is run, and what does not fit is bound, in all blocks that are alike at once, until all fits (see `_try`): the
    number of runs is bounded by the number of unlike blocks, and what is found is the same on every machine.
    `going_on` is called before each run; what it raises ends all. Raises whatever the network raises (see `couplings`,
    which makes a sentence of it).
    """

    def __init__(self, module: nn.Module, inputs: Inputs, going_on: Callable[[], None] = lambda: None) -> None:
        self._inputs, self._going_on = inputs, going_on
        with torch.inference_mode(False):
            self.module = exposed(module, inputs)
        self._names = [name for name, _ in weighted_modules(self.module)]
        self._tied_cuts: frozenset[int] = frozenset()
        self._bound: dict[int, str] = {}
        self._gone: set[int] = set()
        self.trials = 0
        self._look()
        while not self._try():
            self._look()
        self._lost = dict.fromkeys(self.outputs, 0)

    # ------------------------------------------------------------------ what was found

    def _look(self) -> None:
        follower = self._followed()
        while not follower.found.wrong_cuts <= self._tied_cuts:
            self._tied_cuts |= follower.found.wrong_cuts
            follower = self._followed()
        self.found: Findings = follower.found
        self.outputs = self._outputs()
        for mark, reason in self._bound.items():
            self.found.marks.fix(np.array([mark]), reason)
        self.groups: tuple[ChannelGroup, ...] = groups_of(self.found.marks, self.outputs, self.found.balances)

    def _followed(self) -> Follower:
        self._going_on()
        follower = Follower(self.module, self._tied_cuts)
        self.answers = tuple(tensor.shape for tensor in follower.run(self._inputs))
        return follower

    def _outputs(self) -> dict[str, Array]:
        """Layer → the marks of its output channels, of the layers that took part."""
        found = {}
        canonical = {id(tensor): name for name, tensor in self.module.named_parameters()}
        for name in self._names:
            layer = self.module.get_submodule(name)
            weight = canonical[id(layer.weight)]
            axis = 1 if isinstance(layer, nn.modules.conv._ConvTransposeNd) else 0
            role = "blocks" if axis and (weight, "blocks") in self.found.stored else axis
            if axis and weight in self.found.depthwise:
                rows = self.found.stored[(weight, 0)]
                found[name] = np.repeat(rows, layer.weight.shape[1])  # type: ignore[index]
            elif (weight, role) in self.found.stored:
                found[name] = self.found.stored[(weight, role)]
        return found

    def width(self, name: str) -> int:
        """Output channels of a layer, less what was removed."""
        return len(self.outputs[name]) - self._lost[name]

    def coupling(self, name: str) -> Coupling:
        """What holds for a layer."""
        own = [group for group in self.groups if name in group.layers]
        if own:
            others = {n for group in own for n in group.together(name)}
            free = {n for group in own for n in group.layers}
            sure = others if len(own) == 1 else {n for n in free if all(n in g.together(name) for g in own)}
            block = min(size for group in own for losses in group.losses if (size := losses.get(name, 0)))
            return Coupling(tuple(n for n in self._names if n in sure and n != name), "", block)
        if name not in self.outputs:
            return Coupling((), PRODUCT if isinstance(self.module.get_submodule(name), MatrixProduct) else UNREACHED)
        marks = self.outputs[name]
        reasons = [self.found.marks.reason(int(mark)) for mark in marks if mark >= 0]
        return Coupling((), next((r for r in reasons if r), ONE_CHANNEL if len(marks) == 1 else ANSWERS))

    # ------------------------------------------------------------------ trying

    def _try(self) -> bool:
        """Run a copy that lost one unit of every kind; False where something was bound, and all is to be seen anew."""
        if not self.groups:
            return True
        self._going_on()
        try:
            self._fitted([unit for group in self.groups for unit in _one_of_each_kind(group, self.outputs)])
        except Unfit as error:
            self._bind(error.marks)
            return False
        except Exception:  # noqa: BLE001 - the network's own code objects: which group it is about shows one by one
            self._bind(np.zeros(0, np.int64))
            return False
        return True

    def _bind(self, marks: Array) -> None:
        """Bind what did not fit: a reshape takes its channels in blocks, else they stay."""
        self.trials += 1
        roots = set(self.found.marks.roots(marks).tolist())
        if self.trials >= MOST_TRIALS:
            self._bind_groups(self.groups, NOT_TRIED.format(MOST_TRIALS))
            return
        cuts = {
            number
            for number, own in self.found.cuts.items()
            if number not in self._tied_cuts and roots & set(self.found.marks.roots(own).tolist())
        }
        guilty = [g for g in self.groups if any(unit.mark in roots for part in g.parts for unit in part)]
        if cuts:  # a network of fifty equal blocks is not tried fifty times
            self._tied_cuts |= self.found.alike(cuts)
        else:
            self._bind_groups(guilty or self._guilty_alone(), FIXED_SIZES)

    def _bind_groups(self, groups: Iterable[ChannelGroup], reason: str) -> None:
        self._bound |= {unit.mark: reason for group in groups for part in group.parts for unit in part}

    def _guilty_alone(self) -> list[ChannelGroup]:
        """The groups that do not fit when they alone lose channels; all where each does and together they do not."""
        guilty = []
        for group in self.groups:
            self._going_on()
            try:
                self._fitted(_one_of_each_kind(group, self.outputs))
            except Exception:  # noqa: BLE001 - see `_try`
                guilty.append(group)
        return guilty or list(self.groups)

    def _fitted(self, units: Iterable[ChannelUnit], *, to_keep: bool = False) -> tuple[nn.Module, Findings]:
        """A copy without these units, proven by a run; one that is only tried shares the numbers that all have."""
        module = copy.deepcopy(self.module) if to_keep else sharing_copy(self.module)
        left = slice_network(module, self.found, {unit.mark for unit in units})
        fitting = Fitting(module, left, self._tied_cuts)
        answers = tuple(tensor.shape for tensor in fitting.run(self._inputs))
        if answers != self.answers:
            raise Unfit(np.zeros(0, np.int64), "the answers have another shape")
        return module, left

    # ------------------------------------------------------------------ removing

    def remove(self, units: Iterable[ChannelUnit]) -> None:
        """Let these units leave (in `finish`); of a group with parts, as many of each."""
        for unit in units:
            if unit.mark not in self._gone:
                self._gone.add(unit.mark)
                for name, channels in unit.channels.items():
                    self._lost[name] += len(channels)

    def is_gone(self, unit: ChannelUnit) -> bool:
        return unit.mark in self._gone

    @contextmanager
    def trying(self) -> Iterator[None]:
        """What is removed within stays in the network afterwards."""
        gone, lost = set(self._gone), dict(self._lost)
        try:
            yield
        finally:
            self._gone, self._lost = gone, lost

    def narrowed(self) -> nn.Module:
        """The network without the units that were removed, over the same numbers where it can: to be run, not kept.

        UserError where it cannot be run.
        """
        return restored(self._proven(to_keep=False)[0]).eval()

    def finish(self) -> tuple[nn.Module, Mapping[str, Array], Mapping[str, Kept]]:
        """The network without the units that were removed, and for each layer which of its channels are left.

        In the order in which they now stand; then, for those that lost any, which outputs and inputs of their weights
        are. UserError where the network cannot be run without them.
        """
        module, left = self._proven(to_keep=True)
        kept = self._kept(module, left)
        return restored(module).eval(), kept, self._kept_of_weights(left, kept)

    def _proven(self, *, to_keep: bool) -> tuple[nn.Module, Findings]:
        units = [unit for group in self.groups for part in group.parts for unit in part if unit.mark in self._gone]
        try:
            return self._fitted(units, to_keep=to_keep)
        except Exception as error:
            raise UserError(
                f"The network cannot be run once these channels are removed: {error}.",
                "Leave out some of its layers, or choose another ratio.",
            ) from error

    def _kept(self, module: nn.Module, left: Findings) -> dict[str, Array]:
        now, before = self.found, self.outputs
        self.found = left
        try:
            after = self._outputs()
        finally:
            self.found = now
        places = {name: {mark: place for place, mark in enumerate(own.tolist())} for name, own in before.items()}
        return {name: np.array([places[name][mark] for mark in own.tolist()]) for name, own in after.items()}

    def _kept_of_weights(self, left: Findings, outputs: Mapping[str, Array]) -> dict[str, Kept]:
        found = {}
        for name, module in weighted_modules(self.module):
            axis = 0 if getattr(module, "transposed", False) else 1
            before, after = (known.stored.get((f"{name}.weight", axis)) for known in (self.found, left))
            is_whole = before is None or after is None or len(after) == len(before)
            inputs = None if is_whole or before is None or after is None else _places(before, after)
            own = outputs[name] if name in outputs and len(outputs[name]) < len(self.outputs[name]) else None
            if own is not None or inputs is not None:
                found[name] = Kept(own, inputs)
        return found


def _places(before: Array, after: Array) -> Array:
    """Where the values of an axis stood before; of several with one mark, which leave together, in their order."""
    places: dict[int, list[int]] = {}
    for place, mark in enumerate(before.tolist()):
        places.setdefault(mark, []).append(place)
    return np.array([places[mark].pop(0) for mark in after.tolist()], np.int64)


def _one_of_each_kind(group: ChannelGroup, outputs: Mapping[str, Array]) -> list[ChannelUnit]:
    """The first unit of each part, or of the one part one for each set of layers; no layer is left without any."""
    if len(group.parts) > 1:
        return [part[0] for part in group.parts]
    spare = {name: len(outputs[name]) - 1 for name in group.layers}
    chosen: dict[frozenset[str], ChannelUnit] = {}
    for unit in group.parts[0]:
        kind = frozenset(unit.channels)
        if kind not in chosen and all(spare[n] >= len(c) for n, c in unit.channels.items()):
            chosen[kind] = unit
            for name, channels in unit.channels.items():
                spare[name] -= len(channels)
    return list(chosen.values())


def couplings(model: "TorchModel", going_on: Callable[[], None] = lambda: None) -> Couplings:
    """What loses channels with each layer, why some layers keep theirs, and all that can leave. `model` stays as it is.

    It takes a run of the network for each kind of coupling that does not hold. The same on every machine.
    """
    from secateur.graph.coupling.bundles import bundles_of

    names = [name for name, _ in weighted_modules(model.module)]
    try:
        graph = ChannelGraph(model.module, example_tensors(model), going_on)
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the network raises means the same to the person
        reason = f"Its channels cannot be followed through this network ({type(error).__name__}: {error})."
        return Couplings(dict.fromkeys(names, Coupling((), reason)))
    found = {name: graph.coupling(name) for name in names}
    return Couplings(found, bundles_of(graph.groups, graph.found, graph.module))


def example_tensors(model: "TorchModel") -> Inputs:
    """One sample for each input of the model."""
    from secateur.graph.layers import example_inputs

    return tuple(torch.from_numpy(values) for values in example_inputs(model))
