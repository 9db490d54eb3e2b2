"""TorchScript: the network as a traced program that C++ and mobile runtimes of torch load without Python."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.formats.base import Runner, WriteOptions
from secateur.formats.torch_files.pt2_write import losses as losses
from secateur.formats.torch_files.pt2_write import why_not as why_not

if TYPE_CHECKING:
    from secateur.graph.network import Model


def write_torchscript(model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
    """Trace the (quantized) network and save it; UserError where it cannot be traced."""
    import torch

    from secateur.formats.torch_files.qdq import quantized_module
    from secateur.graph.layers import example_inputs
    from secateur.graph.network import TorchModel

    if not isinstance(model, TorchModel):
        raise TypeError("only torch networks are written as TorchScript")
    module = quantized_module(model)
    examples = tuple(torch.from_numpy(value) for value in example_inputs(model, batch=2))
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it says about deprecation and traced sizes is proven below
            traced = torch.jit.trace(module, examples, check_trace=False)  # type: ignore[no-untyped-call]
            torch.jit.save(traced, str(path))
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UserError(
            f"torch cannot trace {model.name}: {lines[0] if lines else type(error).__name__}", "Export it as ONNX."
        ) from error
    return (path,)


def run_torchscript(path: Path) -> Runner:
    """Load the program anew and run it in torch on one thread."""
    import torch

    from secateur.graph.network import all_outputs

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]

    def run_all(*inputs: NDArray[Any]) -> list[NDArray[Any]]:
        with torch.inference_mode():
            answer = program(*(torch.from_numpy(np.ascontiguousarray(value)) for value in inputs))
        return [output.numpy() for output in all_outputs(answer)]

    return Runner(run_all)
