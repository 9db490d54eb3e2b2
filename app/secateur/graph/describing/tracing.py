"""One sample through a torch network: what goes into and comes out of each layer, and who reads whom."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from secateur.errors import UserError
from secateur.graph.layers import example_inputs
from secateur.graph.network import TorchModel, weighted_modules

if TYPE_CHECKING:
    import torch
    from torch import nn

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """`shapes`: layer name → (input shape, output shape) of its first call, in the order of those calls.

    `readers`: layer → the convolutions and linear layers that its output reaches without passing another.
    `products`: multiply-accumulates of matrix products that belong to no layer, as attention has them.
    `folded`: batch norm → the layer that it is folded into by an export: the one that nothing else reads.
    """

    shapes: Mapping[str, tuple[Shape, Shape]]
    readers: Mapping[str, tuple[str, ...]]
    products: int = 0
    folded: Mapping[str, str] = field(default_factory=dict)


def trace(model: TorchModel) -> Trace:
    """What one sample of noise shows; UserError where the network does not take it. `model` is not changed."""
    recorder = _Recorder()
    handles = [
        module.register_forward_hook(recorder.hook(name))
        for name, module in model.module.named_modules()
        if any(True for _ in module.parameters(recurse=False))
    ]
    was_training = model.module.training
    try:
        products, ends = _run(model)
    except (RuntimeError, ValueError, IndexError, TypeError) as problem:
        lines = str(problem).strip().splitlines()
        raise UserError(
            f"{model.name} could not be run on one sample: {lines[0] if lines else type(problem).__name__}.",
            "State the shape of a sample as `input_shape` in the factory.",
        ) from problem
    finally:
        model.module.train(was_training)
        for handle in handles:
            handle.remove()
    weighted = {name for name, _ in weighted_modules(model.module)}
    norms = {name for name, module in model.module.named_modules() if isinstance(module, _norms())}
    return Trace(recorder.shapes, recorder.readers(weighted), products, recorder.folded(weighted, norms, ends))


def _norms() -> "tuple[type[nn.Module], ...]":
    from torch import nn

    return nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d


def _run(model: TorchModel) -> tuple[int, list[Any]]:
    """(products of matrices, nodes of the outputs) of a forward with gradients recorded, in whose graph readers are."""
    import torch

    from secateur.graph.describing.products import CountingProducts

    inputs = []
    for array in example_inputs(model):
        value = torch.from_numpy(array)
        # the copy keeps networks that work in place from writing to a leaf
        inputs.append(value.requires_grad_().clone() if value.is_floating_point() else value)
    counting = CountingProducts()
    with torch.inference_mode(False), torch.enable_grad(), counting:
        made = model.module.eval()(*inputs)
    return counting.macs, [value.grad_fn for value in _tensors(made)]


class _Recorder:
    """Collects shapes and gradient nodes from forward hooks."""

    def __init__(self) -> None:
        self.shapes: dict[str, tuple[Shape, Shape]] = {}
        self.calls: list[tuple[str, Any]] = []

    def hook(self, name: str) -> Any:
        import torch

        def record(module: "nn.Module", inputs: tuple[Any, ...], output: Any) -> None:
            given = next((value for value in inputs if isinstance(value, torch.Tensor)), None)
            made = _first_tensor(output)
            if given is None or made is None:
                return
            self.shapes.setdefault(name, (tuple(given.shape), tuple(made.shape)))
            self.calls.append((name, made.grad_fn))

        return record

    def readers(self, weighted: set[str]) -> dict[str, tuple[str, ...]]:
        """Layer → its readers, by walking the gradient graph back from each layer to the layers before it."""
        makers = {node: name for name, node in self.calls if name in weighted and node is not None}
        found: dict[str, list[str]] = {}
        for node, reader in makers.items():
            for source in _sources(node, makers):
                if reader not in found.setdefault(source, []):
                    found[source].append(reader)
        return {name: tuple(names) for name, names in found.items()}

    def folded(self, weighted: set[str], norms: set[str], ends: Sequence[Any]) -> dict[str, str]:
        """Batch norm → the layer before it, where that is used once and nothing else reads what it puts out."""
        makers = {node: name for name, node in self.calls if name in weighted and node is not None}
        read = Counter(parent for node in _nodes(ends) for parent, _ in node.next_functions)
        uses = Counter(name for name, _ in self.calls)
        found = {}
        for name, node in self.calls:
            before = node.next_functions[0][0] if name in norms and node is not None and node.next_functions else None
            layer = makers.get(before, "")
            if layer and read[before] == 1 and before not in ends and uses[name] == uses[layer] == 1:
                found[name] = layer
        return found


def _nodes(ends: Sequence[Any]) -> set[Any]:
    """All nodes of the gradient graph before these."""
    seen = {node for node in ends if node is not None}
    waiting = list(seen)
    while waiting:
        for parent, _ in waiting.pop().next_functions:
            if parent is not None and parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return seen


def _sources(start: Any, makers: Mapping[Any, str]) -> list[str]:
    """The layers met first on every path back from a gradient node."""
    found, seen = [], {start}
    waiting = [parent for parent, _ in start.next_functions]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node in makers:
            found.append(makers[node])
        else:
            waiting += [parent for parent, _ in node.next_functions]
    return found


def _first_tensor(output: Any) -> "torch.Tensor | None":
    return next(iter(_tensors(output)), None)


def _tensors(output: Any) -> "list[torch.Tensor]":
    """The tensor that a module puts out, or those of its tuple, list or mapping."""
    import torch

    values = (
        output.values() if isinstance(output, Mapping) else output if isinstance(output, tuple | list) else [output]
    )
    return [value for value in values if isinstance(value, torch.Tensor)]
