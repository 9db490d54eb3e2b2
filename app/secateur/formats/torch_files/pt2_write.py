"""torch.export programs: the network as a list of torch operators with its weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.formats.base import Runner, WriteOptions
from secateur.formats.weight_files.stored import needs_network

if TYPE_CHECKING:
    from torch import nn

    from secateur.graph.network import Model
    from secateur.model.description import Port

_TRACES = ("stack_trace", "source_fn_stack", "from_node", "nn_module_stack", "torch_fn")
"""What torch.export notes about the code that it traced."""

LOSS = (
    "torch computes its quantized layers in float32: the file gets smaller, and no faster than the original in torch."
)


def why_not(model: "Model") -> str | None:
    """Why a model cannot be stored as a torch program, as a sentence; None where it can."""
    from secateur.graph.network import OnnxModel

    if isinstance(model, OnnxModel):
        return f"{model.name} is not a torch network: {model.reason or 'it was opened as a file'} Export it as ONNX."
    return needs_network(model)


def losses(model: "Model") -> str:
    """What a torch program does not keep of a model's encodings; empty where nothing is lost."""
    return LOSS if getattr(model, "encodings", None) else ""


def write_pt2(model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
    """Trace the (quantized) network with a free batch size and save it; UserError where it cannot be traced."""
    import torch

    from secateur.formats.torch_files.qdq import quantized_module

    module = quantized_module(_network(model), decomposed=getattr(options, "operators", "plain") == "decomposed")
    program = exported(module, model.inputs, model.name)
    for node in program.graph.nodes:
        for name in _TRACES:  # where on this machine the code of the network stands is nobody's business
            node.meta.pop(name, None)
    torch.export.save(program, str(path))
    return (path,)


def exported(module: "nn.Module", inputs: "Sequence[Port]", name: str) -> Any:
    """The program that torch.export makes of a network whose dynamic axes stay dynamic; UserError where it does not."""
    import torch

    from secateur.graph.layers import example_input

    examples = tuple(torch.from_numpy(example_input(port, 2, place)) for place, port in enumerate(inputs))
    batch = torch.export.Dim("batch", min=1)
    shapes = [
        {axis: batch if axis == 0 else torch.export.Dim.AUTO for axis, size in enumerate(port.shape) if size is None}
        for port in inputs
    ]
    try:
        with torch.no_grad():
            return torch.export.export(module.eval(), examples, dynamic_shapes=tuple(shapes))
    except Exception as error:  # torch.export raises types of its own for everything that it cannot trace
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UserError(
            f"torch.export cannot trace {name}: {lines[0] if lines else type(error).__name__}",
            "Export it as ONNX.",
        ) from error


def run_pt2(path: Path) -> Runner:
    """Load the program anew and run it in torch on one thread."""
    import torch

    from secateur.formats.torch_files.qdq import decomposed_operators
    from secateur.graph.network import all_outputs

    decomposed_operators()
    program = torch.export.load(str(path))
    module = program.module()

    def run_all(*inputs: NDArray[Any]) -> list[NDArray[Any]]:
        with torch.inference_mode():
            answer = module(*(torch.from_numpy(np.ascontiguousarray(value)) for value in inputs))
        return [output.numpy() for output in all_outputs(answer)]

    return Runner(run_all)


def _network(model: "Model") -> Any:
    from secateur.graph.network import TorchModel

    if not isinstance(model, TorchModel):
        raise TypeError("only torch networks are written as torch programs")
    return model
