"""A lowered network that is run batch by batch, while what comes by is looked at: how `recording.py` records."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Self

import torch  # noqa: TID253 - this file is about nothing else and is imported lazily
from torch import fx  # noqa: TID253

from secateur.graph.graph_module import nodes_by_tensor
from secateur.graph.simulation import simulate
from secateur.methods.quantize.recording import Recorded, input_mean, output_axis, output_sum
from secateur.methods.quantize.rounding.moments import MomentSums
from secateur.model.counting import spectrum_of
from secateur.model.spectrum import Spectrum, merge

if TYPE_CHECKING:
    from secateur.graph.network import TorchModel


class Recorder(fx.Interpreter):
    """Runs `module` as it is, and records spectra, mean inputs and sums of outputs; see `Recorded`.

    `nodes`: what computes each tensor of the graph; `tensors`: those of which spectra are counted; `inputs` and
    `outputs`: the layers whose mean input and whose output's sums are taken.
    """

    def __init__(
        self,
        module: fx.GraphModule,
        nodes: Mapping[str, fx.Node],
        tensors: Collection[str],
        inputs: Collection[str],
        outputs: Collection[str],
    ) -> None:
        super().__init__(module)
        self.nodes, self.tensors = nodes, frozenset(tensors)
        self.names = {node: name for name, node in nodes.items() if name in self.tensors}
        self.axes = {name: output_axis(module.get_submodule(name)) for name in outputs}
        self.recorded = Recorded(inputs={name: input_mean(module.get_submodule(name)) for name in inputs})
        self.sizes: dict[fx.Node, int] = {}
        self.held = 0
        self.kept: torch.Tensor | None = None

    @classmethod
    def of(
        cls,
        lowered: "TorchModel",
        *,
        tensors: Collection[str] = (),
        inputs: Collection[str] = (),
        outputs: Collection[str] = (),
    ) -> Self:
        """One for a lowered network as it computes by now: what is encoded is simulated."""
        module = simulate(lowered.module, lowered.encodings) if lowered.encodings else lowered.module.eval()
        if not isinstance(module, fx.GraphModule):
            raise TypeError("only a lowered network names its tensors")
        return cls(module, nodes_by_tensor(module), tensors, inputs, outputs)

    def take_moments(self, layers: Collection[str], batches: int) -> None:
        """Take the moments of these layers' inputs, too, over so many batches."""
        sums = {name: MomentSums(self.module.get_submodule(name), batches) for name in layers}
        self.recorded.moments.update(sums)

    def take(self, batch: tuple[torch.Tensor, ...], kept: torch.Tensor | None = None) -> None:
        """Run the network on a batch, a tensor for each input; `kept` says which positions of a text count."""
        self.sizes, self.held, self.kept = {}, 0, kept
        self.recorded.outputs.append({})
        self.recorded.peaks.append(0)
        self.run(*batch)

    def finished(self) -> Recorded:
        """What was recorded by now; RuntimeError where a tensor that was asked for is never computed."""
        spectra = _with_aliases(self.nodes, self.recorded.spectra)
        missing = self.tensors - set(spectra)
        if missing:
            raise RuntimeError(f"the imported network never computes the tensor {min(missing)} of its graph")
        self.recorded.spectra = {name: spectrum for name, spectrum in spectra.items() if name in self.tensors}
        return self.recorded

    def run_node(self, n: fx.Node) -> Any:
        layer = str(n.target) if n.op == "call_module" else None
        if layer in self.recorded.inputs:
            self.recorded.inputs[layer].add(self.env[n.all_input_nodes[0]], self.kept)
        if layer in self.recorded.moments:
            self.recorded.moments[layer].add(self.env[n.all_input_nodes[0]], kept=self.kept)
        result = super().run_node(n)
        if n in self.names:
            self._count(self.names[n], result)
        if layer in self.axes:
            self.recorded.outputs[-1][layer] = output_sum(result, self.axes[layer], self.kept)
        self._weigh(n, result)
        return result

    def _count(self, name: str, values: torch.Tensor) -> None:
        """The values are counted with what the tensor held before."""
        seen, spectra = spectrum_of(values.float().numpy()), self.recorded.spectra
        spectra[name] = merge(spectra[name], seen) if name in spectra else seen

    def _weigh(self, n: fx.Node, result: Any) -> None:
        """What is held beside the result, and no more from here on what nobody after it reads."""
        self.sizes[n] = result.numel() * result.element_size() if isinstance(result, torch.Tensor) else 0
        self.held += self.sizes[n]
        self.recorded.peaks[-1] = max(self.recorded.peaks[-1], self.held)
        self.held -= sum(self.sizes.pop(node, 0) for node in self.user_to_last_uses.get(n, ()))


def _with_aliases(nodes: Mapping[str, fx.Node], spectra: Mapping[str, Spectrum]) -> dict[str, Spectrum]:
    """The spectra under all names of their tensors: an Identity gives a second name to the same values."""
    counted = {nodes[name]: spectrum for name, spectrum in spectra.items()}
    return {name: counted[node] for name, node in nodes.items() if node in counted}
