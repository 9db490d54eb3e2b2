"""The two kinds of opened model that the engine holds. Neither is ever changed in place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.model.description import ModelSource, Port
from secateur.model.encoding import Encodings

if TYPE_CHECKING:
    import onnx
    from torch import nn

Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class TorchModel:
    """A trainable network: an `nn.Module` whose layers are ordinary torch layers, and how it is encoded.

    `lowered` is the float ONNX graph that `module` was imported from with the same names, where that is so
    (after quantization it always is); activation encodings name tensors of that graph. Layers are named by
    their module path in `module`; an imported file keeps the file's own names.
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
    lowered: "onnx.ModelProto | None" = None
    notes: tuple[str, ...] = ()

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Layer name → float32 weight of every convolution and linear layer (views, do not write)."""
        return {name: module.weight.detach().float().cpu().numpy() for name, module in weighted_modules(self.module)}

    def with_weights(self, weights: Weights) -> "TorchModel":
        """A copy of this model with these layers' weights replaced; shapes must match."""
        import copy

        import torch

        module = copy.deepcopy(self.module)
        for name, values in weights.items():
            target = module.get_submodule(name).weight
            with torch.no_grad():
                target.copy_(torch.from_numpy(np.ascontiguousarray(values)))  # type: ignore[operator]
        return replace(self, module=module, lowered=None)

    def run(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """First output for one batch, in evaluation mode, encodings simulated; float32."""
        import torch

        from secateur.model.simulation import executable

        module = executable(self)
        with torch.inference_mode():
            output = module(*(torch.from_numpy(np.ascontiguousarray(value)) for value in inputs))
        return np.asarray(first_output(output).float().numpy())


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """An ONNX file that stays a file: inspected, run and re-weighted, but not trained.

    `proto` has its weights in initializers (Constant nodes and external data are resolved on reading).
    `reason` is the sentence that says why it is not a torch network; empty where it simply was not asked for.
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

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Layer name → float32 weight of every convolution and matrix product with a stored weight."""
        from secateur.model.onnx_layers import layer_weights

        return layer_weights(self.proto)

    def with_weights(self, weights: Weights) -> "OnnxModel":
        """A copy of this model with these layers' weights replaced; shapes must match."""
        from secateur.model.onnx_layers import replace_weights

        return replace(self, proto=replace_weights(self.proto, weights))

    def run(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """First output for one batch from ONNX Runtime on the CPU; float32."""
        from secateur.model.onnx_layers import session_of

        session = session_of(self.proto)
        names = [value.name for value in session.get_inputs()]

        def run(*batch: NDArray[Any]) -> list[NDArray[Any]]:
            return [np.asarray(session.run(None, dict(zip(names, batch, strict=False)))[0], dtype=np.float32)]

        return in_batches_of(fixed_batch(session), run)(*inputs)[0]


Model = TorchModel | OnnxModel

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

    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Linear)
    return [(name, layer) for name, layer in module.named_modules() if isinstance(layer, kinds)]


def first_output(output: Any) -> Any:
    """The tensor that metrics look at: a tensor itself, the first of a tuple, `.logits`, first of a dict."""
    if hasattr(output, "logits"):
        return output.logits
    if isinstance(output, Mapping):
        return next(iter(output.values()))
    if isinstance(output, list | tuple):
        return output[0]
    return output
