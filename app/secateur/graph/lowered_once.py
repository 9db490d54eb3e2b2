"""What a network was exported and lowered to, remembered as long as the network itself is there.

Exporting takes most of the time of a run on a transformer (tens of seconds), and a run asks for the same graph several
times: for the baseline, for each step that quantizes the untouched network, for the layer-by-layer comparison.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import onnx
    from torch import nn

    from secateur.graph.network import TorchModel
    from secateur.graph.shipped import ShippedGraph

Stamp = tuple[object, ...]


@dataclass
class Known:
    """What is remembered of a network: its float graph, or what came of lowering it, once that was asked for.

    One of the two, for weights have one home: the lowered network and its graph hold the original's own numbers.
    """

    stamp: Stamp | None
    proto: "onnx.ModelProto | None"
    lowered: "tuple[nn.Module, ShippedGraph] | None" = None

    def copy(self) -> "onnx.ModelProto":
        """The graph with all numbers, the caller's own."""
        import onnx

        if self.lowered is not None:
            return self.lowered[1].whole()
        own = onnx.ModelProto()
        own.CopyFrom(self.proto)
        return own


_KNOWN: "WeakKeyDictionary[nn.Module, Known]" = WeakKeyDictionary()


def known_of(model: "TorchModel") -> Known | None:
    """What is remembered of this network as it is now; None where its numbers were written since."""
    found, stamp = _KNOWN.get(model.module), _stamp(model)
    return found if found is not None and stamp is not None and found.stamp == stamp else None


def remember(model: "TorchModel", proto: "onnx.ModelProto") -> Known:
    """Remember the graph of a network; one whose numbers carry no versions is never found again."""
    known = Known(_stamp(model), proto)
    if known.stamp is not None:
        _KNOWN[model.module] = known
    return known


def remember_lowered(model: "TorchModel", lowered: "TorchModel") -> None:
    """Remember what a network was lowered to, in place of its graph."""
    known = known_of(model)
    if known is not None and lowered.lowered is not None:
        known.proto, known.lowered = None, (lowered.module, lowered.lowered)


def _stamp(model: "TorchModel") -> Stamp | None:
    """Changes whenever a number of the network is written in place, or it is asked for under other ports."""
    try:
        tensors = (*model.module.parameters(), *model.module.buffers())
        versions = tuple((id(tensor), tensor.data_ptr(), tensor._version) for tensor in tensors)
    except RuntimeError:  # tensors made in inference mode have no version, some have no memory
        return None
    return (model.inputs, model.outputs, model.module.training, versions)
