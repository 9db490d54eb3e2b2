"""Lowering: a network as the float ONNX graph that will be shipped, and that graph as the network that is simulated.

Quantized models live on a lowered graph, so that what is simulated in torch and what is written to the file are the
same graph by construction: batch norms are folded, every layer's weight is an initializer `<layer>.weight`, and each
activation encoding names a tensor of it.
"""

import copy
import functools
import importlib
import logging
import warnings
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.graph.layers import batch_axis, example_inputs
from secateur.graph.lowered_once import known_of, remember, remember_lowered

if TYPE_CHECKING:
    import onnx
    from torch import nn

    from secateur.graph.network import TorchModel

OPSET = 21
"""What is exported: the first opset with 4-bit integers."""

TOLERANCE = 1e-4
"""Largest deviation of a lowered network from its original, relative to the largest output."""

_STEPS = 3


def lower(model: "TorchModel", context: Context | None = None) -> "TorchModel":
    """`model` as a network imported from its own float ONNX graph; itself where it already is one.

    The layers keep their names. Outputs agree with the original's within 1e-4 of the largest; UserError where the
    network cannot be exported or does not agree. `model` is not changed.
    """
    context = context or Context()
    if model.lowered is not None and is_lowered(model.lowered.structure, _layer_names(model.module)):
        return model
    broken = next((name for name, weight in model.weights().items() if not np.isfinite(weight).all()), None)
    if broken is not None:
        raise UserError(
            f"The weights of {broken} in {model.name} hold values that are not finite (NaN or infinity).",
            "Such a network answers nothing: take an earlier checkpoint.",
        )
    from secateur.graph.homes import shipped

    known = known_of(model)
    if known is not None and known.lowered is not None:
        module, graph = known.lowered
        return replace(model, module=module, lowered=graph)
    context.progress(0, _STEPS, "Exporting the network as an ONNX graph")
    proto = export(model)
    context.progress(1, _STEPS, "Reading the graph back")
    module = _imported(proto, model)
    context.progress(2, _STEPS, "Comparing the graph with the network")
    _share(module, model.module)
    lowered = replace(model, module=module, lowered=shipped(proto, module))
    deviation = _deviation(model, lowered)
    if not deviation <= TOLERANCE:
        raise UserError(
            f"The ONNX graph of {model.name} gives other results than the network (they differ by {deviation:.2g}).",
            "The network probably decides on values in its forward method, which a fixed graph cannot follow.",
        )
    context.progress(_STEPS, _STEPS, "Lowered")
    remember_lowered(model, lowered)
    return lowered


def _imported(proto: "onnx.ModelProto", model: "TorchModel") -> "nn.Module":
    from secateur.graph.onnx_import.importer import ImportRefused, import_model

    try:
        return import_model(proto)
    except ImportRefused as refusal:
        raise UserError(
            f"The ONNX graph of {model.name} cannot be simulated: {refusal}",
            "Quantization needs a network whose every operator is known here.",
        ) from refusal


def _share(module: "nn.Module", original: "nn.Module") -> None:
    """Let the parameters of a network that was just made lie where equal ones of the original lie, in place."""
    import torch

    known = dict(original.named_parameters())
    for name, own in module.named_parameters():
        other = known.get(name)
        if other is None or other.shape != own.shape or other.dtype != own.dtype or other.device != own.device:
            continue
        if other.is_contiguous() and own.is_contiguous() and torch.equal(own, other):
            own.data = other.detach()


def to_onnx(model: "TorchModel") -> "onnx.ModelProto":
    """The float ONNX graph of a network, encodings not applied: the one that it was imported from, else a new one.

    It is the caller's own. A graph with operators of other domains is written anew in those of ONNX, which every
    runtime has.
    """
    if model.lowered is not None and _holds(model.lowered.structure, _layer_names(model.module)):
        return model.lowered.whole()
    return export(model)


def graph_of(model: "TorchModel") -> "onnx.ModelProto":
    """The ONNX graph of a model that came out of `lower`, complete: the caller's own, with a copy of all weights."""
    if model.lowered is None:
        raise ValueError(f"{model.name} is not lowered")
    return model.lowered.whole()


def structure_of(model: "TorchModel") -> "onnx.ModelProto":
    """The same without weights, for what follows from nodes, names and shapes; not to be changed."""
    if model.lowered is None:
        raise ValueError(f"{model.name} is not lowered")
    return model.lowered.structure


def require_layers(model: "TorchModel", layers: Sequence[str], title: str) -> None:
    """UserError where the lowered graph lacks one of these layers."""
    known = _layer_names(model.module)
    for name in layers:
        if name not in known:
            raise UserError(
                f"{title} cannot find the layer {name} in the ONNX graph of {model.name}.",
                f"Leave it out; the graph has: {', '.join(sorted(known)[:8])}…",
            )


def is_lowered(proto: "onnx.ModelProto", layers: Collection[str]) -> bool:
    """Whether a graph can carry encodings as it is: these layers, batch norms folded, nothing but ONNX's operators."""
    convolved = {out for node in proto.graph.node if node.op_type == "Conv" for out in node.output}
    unfolded = any(node.op_type == "BatchNormalization" and node.input[0] in convolved for node in proto.graph.node)
    return not unfolded and _holds(proto, layers)


def _holds(proto: "onnx.ModelProto", layers: Collection[str]) -> bool:
    """Whether a graph has these layers, and no operators but ONNX's own."""
    from secateur.graph.onnx_layers import onnx_layers

    if any(node.domain not in {"", "ai.onnx"} for node in proto.graph.node):
        return False
    return set(layers) <= {layer.name for layer in onnx_layers(proto)}


def export(model: "TorchModel") -> "onnx.ModelProto":
    """Export with `torch.onnx` (dynamic batch, batch norms folded) under the model's own layer names, once a network.

    It is the caller's own.
    """
    known = known_of(model)
    if known is None:
        known = remember(model, _exported(model))
    return known.copy()


def _exported(model: "TorchModel") -> "onnx.ModelProto":
    import torch

    from secateur.graph.onnx_files.reading import name_nodes
    from secateur.graph.onnx_files.recurrent import translations, with_written_layers

    _parse_translations_once()
    module = with_written_layers(copy.deepcopy(model.module).eval().cpu().float())
    inputs = tuple(torch.from_numpy(value) for value in example_inputs(model, batch=2))
    try:
        with _quiet():
            program: Any = torch.onnx.export(
                module,
                inputs,
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=_open_axes(model),
                input_names=[port.name for port in model.inputs],
                output_names=[port.name for port in model.outputs],
                custom_translation_table=translations(),
                verbose=False,
            )
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise UserError(
            f"{model.name} cannot be exported as an ONNX graph: {reason[0] if reason else type(error).__name__}",
            "Quantization and ONNX export need a network that torch.export can trace with a free batch size.",
        ) from error
    proto: onnx.ModelProto = program.model_proto
    if _is_tied(module):  # one initializer then has several layers, which only their nodes can tell
        name_nodes(proto)
    strip(proto)
    _name_after_layers(proto, module)
    return proto


@functools.cache
def _parse_translations_once() -> None:
    """Keep the exporter's table of operators: it parses the source of 500 functions anew each time, for a third of a
    second. Where a later torch has it in another place, the exporter does as ever.
    """
    with suppress(ImportError, AttributeError):
        table: Any = importlib.import_module("torch.onnx._internal._lazy_import").onnxscript_apis
        table.get_torchlib_ops = functools.cache(table.get_torchlib_ops)


def _is_tied(module: "nn.Module") -> bool:
    """Whether a parameter belongs to more than one layer."""
    return len(list(module.named_parameters(remove_duplicate=False))) > len(list(module.parameters()))


def _open_axes(model: "TorchModel") -> tuple[dict[int, Any], ...]:
    """What `torch.onnx.export` is told of each input's axes: the batch stays free, others where the network lets them.

    A network that was traced or imported may hold an axis to the length that it has in the example.
    """
    import torch

    batch = torch.export.Dim("batch")
    return tuple(
        {
            axis: batch if axis == batch_axis(port) else torch.export.Dim.AUTO
            for axis, size in enumerate(port.shape)
            if size is None
        }
        for port in model.inputs
    )


def strip(proto: "onnx.ModelProto") -> None:
    """Remove, in place, what says where and how a graph was made: stack traces, paths, comments, inferred shapes."""
    graph = proto.graph
    for holder in (proto, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        holder.ClearField("doc_string")
        holder.ClearField("metadata_props")
    graph.ClearField("value_info")
    graph.name = "network"
    proto.producer_name, proto.producer_version = "secateur", ""
    used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    used |= {name for node in graph.node for name in _captured(node)}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    if len(kept) < len(graph.initializer):
        kept = [copy.deepcopy(tensor) for tensor in kept]
        graph.ClearField("initializer")
        graph.initializer.extend(kept)


def rename_tensors(graph: "onnx.GraphProto", names: dict[str, str]) -> None:
    """Rename tensors everywhere in a graph, in place (not inside subgraphs, whose captures must not be named)."""
    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    for node in graph.node:
        for fields in (node.input, node.output):
            for position, name in enumerate(fields):
                if name in names:
                    fields[position] = names[name]


def _captured(node: "onnx.NodeProto") -> list[str]:
    """Names that a node's subgraphs (If, Loop) read."""
    graphs = [graph for attribute in node.attribute for graph in (attribute.g, *attribute.graphs)]
    return [name for graph in graphs for inner in graph.node for name in (*inner.input, *_captured(inner))]


def _name_after_layers(proto: "onnx.ModelProto", module: "nn.Module") -> None:
    """Give every layer's weight and bias the initializer names `<layer>.weight` and `<layer>.bias`.

    The exporter transposes the weights of linear layers on inputs with more than two axes and gives them names of its
    own; these are found by their values.
    """
    from onnx import numpy_helper

    from secateur.graph.network import weighted_modules

    graph = proto.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    names: dict[str, str] = {}
    for layer, part in weighted_modules(module):
        if f"{layer}.weight" not in tensors:
            weight = part.weight.detach().numpy()
            found = _find_equal(graph, tensors, weight, numpy_helper.to_array, taken=names)
            if found is not None:
                names[found] = f"{layer}.weight"
        folded = f"{layer}.weight_bias"
        if folded in tensors and f"{layer}.bias" not in tensors:
            names[folded] = f"{layer}.bias"
    rename_tensors(graph, names)


def _find_equal(
    graph: "onnx.GraphProto",
    tensors: dict[str, Any],
    weight: NDArray[Any],
    to_array: Any,
    taken: dict[str, str],
) -> str | None:
    """The initializer that holds this weight or its transpose as a product's second input; None where none does."""
    for node in graph.node:
        if node.op_type not in ("MatMul", "Gemm", "Conv") or node.input[1] not in tensors or node.input[1] in taken:
            continue
        dims = tuple(tensors[node.input[1]].dims)
        if dims not in (weight.shape, weight.shape[::-1]):
            continue
        value = to_array(tensors[node.input[1]])
        if (dims == weight.shape and np.array_equal(value, weight)) or np.array_equal(value, weight.T):
            return str(node.input[1])
    return None


def _layer_names(module: "nn.Module") -> set[str]:
    from secateur.graph.network import weighted_modules

    return {name for name, _ in weighted_modules(module)}


def _deviation(model: "TorchModel", lowered: "TorchModel") -> float:
    """Largest difference of the first output on random inputs, relative to its largest magnitude."""
    inputs = example_inputs(model, batch=3, seed=1)
    expected = replace(model, encodings=type(model.encodings)()).run(*inputs)
    try:
        actual = replace(lowered, encodings=type(model.encodings)()).run(*inputs)
    except RuntimeError as error:  # a size of the example batch stands fixed in the graph
        raise UserError(
            f"The ONNX graph of {model.name} works for one batch size only: {str(error).splitlines()[0]}",
            "In its forward method take sizes from x.shape, not from len(x) or int(…), which fix them.",
        ) from error
    if expected.shape != actual.shape:
        return float("inf")
    return float(np.abs(expected - actual).max(initial=0.0) / max(float(np.abs(expected).max(initial=0.0)), 1e-12))


class _quiet:  # noqa: N801 - reads as a word in `with _quiet()`
    """Keeps the exporter's warnings and log lines to itself for a `with` block."""

    def __enter__(self) -> None:
        self._level = logging.root.manager.disable
        logging.disable(logging.WARNING)
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.simplefilter("ignore")

    def __exit__(self, *exception: Any) -> None:
        self._warnings.__exit__(*exception)
        logging.disable(self._level)
