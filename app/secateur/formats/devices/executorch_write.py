"""ExecuTorch programs for its XNNPACK backend, which computes on ARM and x86 processors.

XNNPACK computes a layer in integers where it finds input, weight and result between quantize and dequantize operators.
A layer whose result has no encoding (the last one, mostly) and one whose weights alone are encoded can still keep its
integers if the activations are rounded as they come: XNNPACK's own scheme for such layers, finer than fixed ranges.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.formats.base import Runner, WriteOptions
from secateur.formats.devices.encoded_layers import (
    activations_told,
    as_torch,
    computed_layers,
    float_results,
    in_eight_bits,
    listed,
    sentences,
)
from secateur.formats.devices.fixed_sizes import fixed_inputs, told_sizes

if TYPE_CHECKING:
    from torch import fx, nn

    from secateur.graph.network import Model, TorchModel
    from secateur.model.encoding import WeightEncoding

_METHOD: Final = "forward"
_TITLE: Final = "ExecuTorch"
_BITS: Final = (8, 4)


def losses(model: "Model") -> str:
    """What an ExecuTorch program does not keep of a model; empty where nothing is lost."""
    from secateur.graph.network import TorchModel

    told = told_sizes(model, _TITLE)
    if not isinstance(model, TorchModel) or not model.encodings:
        return told
    wide, model = activations_told(model, "executorch"), in_eight_bits(model)
    rounding = dynamic_layers(model)
    kept = {*rounding, *static_layers(model)}
    floats = [name for name in model.encodings.weights if name not in kept]
    return sentences(
        told,
        wide,
        f"XNNPACK rounds the inputs of {listed(rounding)} to 8 bits in ranges that it finds while it runs, which the "
        "simulation does not." if rounding else "",
        f"The weights of {listed(floats)} are stored as rounded float32: XNNPACK has no integer kernel for such "
        "layers." if floats else "",
    )  # fmt: skip


def dynamic_layers(model: "TorchModel") -> tuple[str, ...]:
    """Layers with integer weights whose inputs XNNPACK rounds as they come: it has kernels for linear ones."""
    from torch import nn

    fixed = static_layers(model)
    return tuple(
        name
        for name, encoding in model.encodings.weights.items()
        if name not in fixed
        and why_no_kernel(encoding) is None
        and isinstance(model.module.get_submodule(name), nn.Linear)
    )


def why_no_kernel(encoding: "WeightEncoding") -> str | None:
    """Why XNNPACK's kernels do not take such integers, as a sentence; None where they do."""
    if encoding.granularity == "group" or encoding.is_affine:
        return "XNNPACK has kernels for symmetric scales per channel: other integers are stored as rounded floats."
    if encoding.bits not in _BITS:
        return f"XNNPACK has kernels for 8 and 4 bits: weights of {encoding.bits} are stored as rounded floats."
    return None


def static_layers(model: "TorchModel") -> tuple[str, ...]:
    """Layers that XNNPACK computes in integers with the model's own ranges."""
    from torch import nn

    without = set(float_results(model))

    def has_kernel(layer: nn.Module) -> bool:
        is_plain = isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d)
        return is_plain or (isinstance(layer, nn.ConvTranspose2d) and layer.groups == 1)

    return tuple(
        name for name in computed_layers(model) if name not in without and has_kernel(model.module.get_submodule(name))
    )


def write(model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
    """Trace, hand over to XNNPACK what it takes, and write the program; UserError where torch.export cannot trace."""
    import executorch.kernels.quantized  # noqa: F401 - the import registers what is left to ExecuTorch's own kernels
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    from secateur.formats.exporting.telling import tell

    logging.getLogger().setLevel(logging.ERROR)
    network = as_torch(model)
    tell(0, 3, "Tracing the network")
    program = traced(executorch_module(network), network)
    _keep_axes(program)
    tell(1, 3, "Handing layers over to XNNPACK")
    edge = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    tell(2, 3, "Writing the program")
    path.write_bytes(edge.to_executorch().buffer)
    return (path,)


def executorch_module(model: "TorchModel") -> "nn.Module":
    """The network as XNNPACK recognises it."""
    from secateur.formats.torch_files.int8_graph import int8_module

    if not model.encodings:
        return model.module.eval()
    rounding = dynamic_layers(model)
    module = int8_module(model, {*rounding, *static_layers(model)})
    _round_inputs(module, rounding)
    _join_on_one_grid(module)
    _dequantize_for_each(module)
    return module


def traced(module: "nn.Module", model: "TorchModel") -> Any:
    """The torch.export program for inputs of one size; UserError where it cannot be traced."""
    import torch

    try:
        with torch.no_grad():
            return torch.export.export(module.eval(), fixed_inputs(model))
    except Exception as error:  # torch.export raises types of its own for everything that it cannot trace
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UserError(
            f"torch.export cannot trace {model.name}: {lines[0] if lines else type(error).__name__}",
            "Export it as ONNX.",
        ) from error


def run(path: Path) -> Runner:
    """Load the program into ExecuTorch's own runtime, as many samples at a time as it takes."""
    import torch
    from executorch.runtime import Runtime

    from secateur.formats.torch_files.int8_graph import as_array
    from secateur.graph.network import in_batches_of

    torch.set_num_threads(1)
    program = Runtime.get().load_program(str(path))
    method = program.load_method(_METHOD)
    if method is None:
        raise RuntimeError(f"the program has no method {_METHOD}")
    sizes = method.metadata.input_tensor_meta(0).sizes()

    def run_all(*inputs: NDArray[Any]) -> list[NDArray[Any]]:
        given = [torch.from_numpy(np.ascontiguousarray(value)) for value in inputs]
        # the runtime answers in memory that the next run overwrites
        return [as_array(output) for output in method.execute(given)]

    # the runner refers to the program's memory through the method
    return Runner(in_batches_of(int(sizes[0]) if len(sizes) else None, run_all))


# ---------------------------------------------------------------------- inputs that are rounded as they come


def _round_inputs(module: Any, layers: tuple[str, ...]) -> None:
    """Put in front of these linear layers the operators with which XNNPACK says: choose a range for what comes."""
    import torch

    from secateur.formats.torch_files.qdq import decomposed_operators

    operators, graph = decomposed_operators(), module.graph
    names = {f"{layer}.weight" for layer in layers}
    limits = (-128, 127)
    for node in list(graph.nodes):
        if node.target is not torch.nn.functional.linear or _stored_weight(node) not in names:
            continue
        source = node.args[0]
        with graph.inserting_before(node):
            chosen = graph.call_function(
                operators.choose_qparams.tensor, (source, *limits, torch.finfo(torch.float32).eps, torch.int8)
            )
            scale = graph.call_function(_item(), (chosen, 0))
            zero = graph.call_function(_item(), (chosen, 1))
            grid = (scale, zero, *limits, torch.int8)
            quantized = graph.call_function(operators.quantize_per_tensor.tensor, (source, *grid))
            rounded = graph.call_function(operators.dequantize_per_tensor.tensor, (quantized, *grid))
        node.args = (rounded, *node.args[1:])
    graph.lint()
    module.recompile()


def _dequantize_for_each(module: Any) -> None:
    """Give every reader of an activation a dequantize operator of its own: shared ones tear XNNPACK's parts apart."""
    from secateur.formats.torch_files.qdq import decomposed_operators

    operator, graph = decomposed_operators().dequantize_per_tensor.default, module.graph
    for node in list(graph.nodes):
        if node.target is operator:
            for reader in list(node.users)[1:]:
                with graph.inserting_after(node):
                    twin = graph.node_copy(node)
                reader.replace_input_with(node, twin)
    graph.lint()
    module.recompile()


def _join_on_one_grid(module: Any) -> None:
    """Round what is concatenated to the grid of the result before, not after: XNNPACK joins integers of one grid."""
    import torch

    from secateur.formats.torch_files.qdq import decomposed_operators

    operators, graph = decomposed_operators(), module.graph
    quantize, dequantize = operators.quantize_per_tensor.default, operators.dequantize_per_tensor.default
    for node in list(graph.nodes):
        readers = list(node.users)
        if node.target is not torch.cat or len(readers) != 1 or readers[0].target is not quantize:
            continue
        grid, parts = readers[0].args[1:], []
        for part in node.args[0]:
            with graph.inserting_before(node):
                rounded = graph.call_function(quantize, (part, *grid))
                parts.append(graph.call_function(dequantize, (rounded, *grid)))
        node.args = (parts, *node.args[1:])
    graph.lint()
    module.recompile()


def _keep_axes(program: Any) -> None:
    """Spell a mean over an image, in place, as XNNPACK takes it: axes kept, and dropped afterwards."""
    import torch

    mean, view = torch.ops.aten.mean.dim, torch.ops.aten.view.default
    for node in list(program.graph.nodes):
        if node.target is not mean or (len(node.args) > 2 and node.args[2]) or node.kwargs:
            continue
        source, axes = node.args[0].meta["val"], node.args[1]
        if source.dim() != 4 or sorted(axis % 4 for axis in axes) != [2, 3]:
            continue
        with program.graph.inserting_before(node):
            kept = program.graph.call_function(mean, (node.args[0], axes, True))
        kept.meta = {**node.meta, "val": source.mean(axes, keepdim=True)}
        node.target, node.args = view, (kept, list(node.meta["val"].shape))
    program.graph_module.recompile()


def _stored_weight(node: "fx.Node") -> str:
    """The path of the integers behind a layer's dequantized weight; empty where it has a float weight."""
    weight: Any = node.args[1]
    source = weight.args[0] if weight.op == "call_function" and weight.args else weight
    return str(source.target) if source.op == "get_attr" else ""


def _item() -> Any:
    import operator

    return operator.getitem
