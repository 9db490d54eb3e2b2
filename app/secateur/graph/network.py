"""The three kinds of opened model that the engine holds. None is ever changed in place."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.graph.kept import Kept
from secateur.model.authorship import Authorship
from secateur.model.description import Layer, ModelSource, Port
from secateur.model.encoding import Encodings

if TYPE_CHECKING:
    import onnx
    from torch import nn

    from secateur.graph.shipped import ShippedGraph
    from secateur.model.stored import StoredTensor

Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class TorchModel:
    """A trainable network: an `nn.Module` whose layers are ordinary torch layers, and how it is encoded.

    `lowered` is the float ONNX graph that `module` was imported from with the same names, where that is so
    (after quantization it always is), and its weights are the module's parameters, in memory once; activation
    encodings name tensors of that graph. Nobody writes into parameters: models share those that they did not change.
    Layers are named by their module path in `module`; an imported file keeps the file's own names. `authorship` is what
    the author of an imported file wrote beside the network.
    """

    name: str
    module: "nn.Module"
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    source: ModelSource = field(default_factory=ModelSource)
    format: str = "torch"
    source_bytes: int = 0
    path: Path | None = None
    encodings: Encodings = field(default_factory=Encodings)
    lowered: "ShippedGraph | None" = None
    notes: tuple[str, ...] = ()
    authorship: Authorship = field(default_factory=Authorship)
    narrow: Mapping[str, str] = field(default_factory=dict)
    """Initializers of an opened ONNX file that it keeps as `float16` or `bfloat16` behind a Cast, or in planes of 3, 5
    or 6 bits (`int3`)."""
    inputs_guessed: bool = False
    """Whether the shape of the input was found by trying, as neither network nor factory says one."""
    kept: Mapping[str, Kept] = field(default_factory=dict)
    """What is left of layers that lost channels since the model was opened."""

    def weights(self) -> Mapping[str, NDArray[np.float32]]:
        """Layer name → float32 weight of every convolution and linear layer (views, do not write)."""
        return {name: module.weight.detach().float().cpu().numpy() for name, module in weighted_modules(self.module)}

    def with_weights(self, weights: Weights) -> "TorchModel":
        """A copy of this model with these layers' weights replaced; shapes must match. It shares all others.

        What is encoded stays so, on the same scales.
        """
        import torch

        from secateur.graph.copies import sharing_copy

        replaced: dict[int, torch.Tensor] = {}
        for name, values in weights.items():
            target: Any = self.module.get_submodule(name).weight
            replaced[id(target)] = torch.empty_like(target, requires_grad=False).copy_(
                torch.from_numpy(np.ascontiguousarray(values))
            )
        module = sharing_copy(self.module, replaced)
        return replace(self, module=module, lowered=self._rewritten(module, weights))

    def _rewritten(self, module: "nn.Module", names: Iterable[str]) -> "ShippedGraph | None":
        """The graph with the weights that these layers of `module` have now; None where it does not hold them all."""
        if self.lowered is None:
            return None
        from secateur.graph.homes import shipped
        from secateur.graph.onnx_layers import onnx_layers, replace_weights

        layers = {layer.name: layer for layer in onnx_layers(self.lowered.structure)}
        if not set(names) <= set(layers):
            return None
        stored = {}
        for name in names:
            weight = module.get_submodule(name).weight.detach().float().cpu().numpy()  # type: ignore[operator]
            stored[name] = weight.T if layers[name].kind == "Linear" and layers[name].channel_axis == 1 else weight
        if all(layers[name].weight in self.lowered.weights for name in stored):
            return self.lowered.with_values({layers[name].weight: values for name, values in stored.items()})
        return shipped(replace_weights(self.lowered.whole(), stored), module)

    def run(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """First output for one batch, in evaluation mode, encodings simulated; float32."""
        return np.asarray(first_output(self._answer(inputs)).float().numpy())

    def run_all_on_device(self, *inputs: NDArray[Any]) -> tuple[NDArray[np.float32], ...]:
        """As `run_all`, computed on the chosen device: for many samples, where the last bit does not matter."""
        import torch

        from secateur.graph.simulation import executable
        from secateur.model.device import on_device, precise, torch_device

        device = torch_device()
        if device.type == "cpu":
            return self.run_all(*inputs)
        tensors = (torch.from_numpy(np.ascontiguousarray(value)).to(device) for value in inputs)
        with torch.inference_mode(), precise():
            outputs = all_outputs(on_device(executable(self))(*tensors))
        return tuple(np.asarray(output.float().cpu().numpy()) for output in outputs)

    def run_all(self, *inputs: NDArray[Any]) -> tuple[NDArray[np.float32], ...]:
        """Every output for one batch, as `run`; of a lowered network in the order of its graph."""
        return tuple(np.asarray(output.float().numpy()) for output in all_outputs(self._answer(inputs)))

    def _answer(self, inputs: "tuple[NDArray[Any], ...]") -> Any:
        import torch

        from secateur.graph.simulation import executable

        module = executable(self)
        with torch.inference_mode():
            return module(*(torch.from_numpy(np.ascontiguousarray(value)) for value in inputs))


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """An ONNX file that stays a file: inspected, run and re-weighted, but not trained.

    `proto` has its weights in initializers (Constant nodes and external data are resolved on reading).
    `reason` is the sentence that says why it is not a torch network; empty where it simply was not asked for. Of the
    `encodings` it can have those of weights, which running it simulates.
    """

    name: str
    proto: "onnx.ModelProto"
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    source: ModelSource = field(default_factory=ModelSource)
    format: str = "onnx"
    source_bytes: int = 0
    path: Path | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    blocked: str = ""
    narrow: Mapping[str, str] = field(default_factory=dict)
    encodings: Encodings = field(default_factory=Encodings)

    def weights(self) -> Mapping[str, NDArray[np.float32]]:
        """Layer name → float32 weight of every convolution and matrix product with a stored weight."""
        from secateur.graph.onnx_layers import layer_weights

        return layer_weights(self.proto)

    def with_weights(self, weights: Weights) -> "OnnxModel":
        """A copy of this model with these layers' weights replaced; shapes must match."""
        from secateur.graph.onnx_layers import replace_weights

        return replace(self, proto=replace_weights(self.proto, weights))

    def run(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """First output for one batch from ONNX Runtime on the CPU; float32."""
        return self._answer(inputs, first=True)[0]

    def run_all(self, *inputs: NDArray[Any]) -> tuple[NDArray[np.float32], ...]:
        """Every output for one batch, as `run`."""
        return self._answer(inputs, first=False)

    def _answer(self, inputs: "tuple[NDArray[Any], ...]", *, first: bool) -> tuple[NDArray[np.float32], ...]:
        from secateur.graph.onnx_layers import session_of
        from secateur.graph.simulation import executable_graph

        session = session_of(executable_graph(self))
        names = [value.name for value in session.get_inputs()]
        wanted = [session.get_outputs()[0].name] if first else None

        def run(*batch: NDArray[Any]) -> list[NDArray[Any]]:
            outputs = session.run(wanted, dict(zip(names, batch, strict=False)))
            return [np.asarray(output, dtype=np.float32) for output in outputs]

        return tuple(in_batches_of(fixed_batch(session), run)(*inputs))


class LazyWeights(Mapping[str, NDArray[np.float32]]):
    """Layer name → float32 weight, read from the file each time one is asked for."""

    def __init__(self, read: Mapping[str, Callable[[], NDArray[np.float32]]]) -> None:
        self._read = read

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return self._read[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


@dataclass(frozen=True, eq=False)
class StoredModel:
    """Tensors without a network: weights that no factory came with. Inspected and re-weighted, but not run.

    `tensors` lie mapped in their files; `replaced` holds new values of some, by tensor name. `layers` says which
    tensors make up which layer. `reason` is the sentence that says what would make it a network.
    """

    name: str
    tensors: "tuple[StoredTensor, ...]"
    layers: tuple[Layer, ...]
    reason: str
    replaced: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    source: ModelSource = field(default_factory=ModelSource)
    format: str = "safetensors"
    source_bytes: int = 0
    path: Path | None = None
    encodings: Encodings = field(default_factory=Encodings)
    notes: tuple[str, ...] = ()
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()

    def weights(self) -> Mapping[str, NDArray[np.float32]]:
        """Layer name → float32 weight of every weighted layer, one in memory at a time."""
        stored = {tensor.name: tensor for tensor in self.tensors}

        def reader(name: str) -> Callable[[], NDArray[np.float32]]:
            from secateur.model.stored import read_values

            return lambda: self.replaced[name] if name in self.replaced else read_values(stored[name])

        return LazyWeights({layer.name: reader(layer.weight.name) for layer in self.layers if layer.is_weighted
                            and layer.weight is not None})  # fmt: skip

    def with_weights(self, weights: Weights) -> "StoredModel":
        """A copy of this model with these layers' weights replaced; shapes must match.

        Where `weights` makes them when they are asked for (`LazyWeights`), they are made when they are written.
        """
        names = {layer.name: layer.weight.name for layer in self.layers if layer.weight is not None}

        def maker(mapping: Mapping[str, NDArray[Any]], name: str) -> Callable[[], NDArray[np.float32]]:
            return lambda: np.asarray(mapping[name], dtype=np.float32)

        made = {name: maker(self.replaced, name) for name in self.replaced}
        made.update({names[layer]: maker(weights, layer) for layer in weights})
        return replace(self, replaced=LazyWeights(made))

    def run(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """There is nothing to run: UserError with the reason."""
        raise UserError(f"{self.name} cannot be run: {self.reason}")

    def run_all(self, *inputs: NDArray[Any]) -> tuple[NDArray[np.float32], ...]:
        """There is nothing to run: UserError with the reason."""
        return (self.run(*inputs),)


Model = TorchModel | OnnxModel | StoredModel

RunAll = Callable[..., list[NDArray[Any]]]
"""Takes one batch, an array per input; gives all outputs."""


def fixed_batch(session: Any) -> int | None:
    """The batch size that an ONNX Runtime session insists on; None where it takes any."""
    shape = session.get_inputs()[0].shape
    return shape[0] if shape and isinstance(shape[0], int) else None


def in_batches_of(size: int | None, run: RunAll) -> RunAll:
    """`run` for a network that insists on a batch size: fed piece by piece, the last piece filled up with its last
    sample. `run` itself where `size` is None.
    """
    if size is None:
        return run

    def run_any(*inputs: NDArray[Any]) -> list[NDArray[Any]]:
        pieces = []
        for start in range(0, len(inputs[0]), size):
            batch = [value[start : start + size] for value in inputs]
            missing = size - len(batch[0])
            padded = [np.concatenate([value, np.repeat(value[-1:], missing, axis=0)]) for value in batch]
            pieces.append([output[: size - missing] for output in run(*padded)])
        return [np.concatenate(parts) for parts in zip(*pieces, strict=True)]

    return run_any


def weighted_modules(module: "nn.Module") -> "list[tuple[str, Any]]":
    """(name, layer) of every convolution and linear layer, in the module's own order, shared ones once."""
    from torch import nn

    from secateur.graph.products import MatrixProduct

    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Linear, MatrixProduct)
    return [(name, layer) for name, layer in module.named_modules() if isinstance(layer, kinds)]


def width_of(layer: Any) -> int:
    """Output channels of a weighted layer."""
    from torch import nn

    if isinstance(layer, nn.modules.conv._ConvTransposeNd):  # stores the output channels of one group
        return int(layer.weight.shape[1] * layer.groups)
    return int(layer.weight.shape[0])


def first_output(output: Any) -> Any:
    """The tensor that metrics look at: a tensor itself, the first of a tuple, `.logits`, first of a dict."""
    if hasattr(output, "logits"):
        return output.logits
    if isinstance(output, Mapping):
        return next(iter(output.values()))
    if isinstance(output, list | tuple):
        return output[0]
    return output


def all_outputs(output: Any) -> "list[Any]":
    """Every tensor of what a network answered, nested tuples and mappings taken apart in their order."""
    import torch
    from torch.utils import _pytree

    return [leaf for leaf in _pytree.tree_leaves(output) if isinstance(leaf, torch.Tensor)]


def torch_only(model: Model, title: str) -> TorchModel:
    """`model` where it is a torch network, else the sentence that says why the method cannot run."""
    from secateur.errors import UserError

    if not isinstance(model, TorchModel):
        raise UserError(
            f"{title} needs a trainable network, and {model.name} is not one: {model.reason}",
            "Choose methods that work on the file itself, such as weight pruning.",
        )
    return model
