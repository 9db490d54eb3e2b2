"""The graph of a torch network: traced with torch.fx, else from the one run that describes it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from secateur.errors import UserError
from secateur.graph.describing.graph_nodes import Piece, assemble
from secateur.graph.describing.tracing import trace
from secateur.graph.layers import example_inputs
from secateur.graph.network import TorchModel
from secateur.model.description import Layer
from secateur.model.graph import NetworkGraph

if TYPE_CHECKING:
    from torch import fx

_PASSED: Final = """
Identity Dropout Dropout1d Dropout2d Dropout3d AlphaDropout dropout contiguous clone detach to float getitem
unsqueeze type_as
"""
PASSED: Final = frozenset(_PASSED.split())
"""Operators that do nothing that a person would look for."""

_KINDS: Final = """
add=Add add_=Add iadd=Add sub=Sub mul=Mul mul_=Mul imul=Mul div=Div truediv=Div matmul=MatMul bmm=MatMul cat=Concat
concat=Concat relu=Relu relu_=Relu ReLU=Relu gelu=Gelu GELU=Gelu silu=Silu SiLU=Silu sigmoid=Sigmoid tanh=Tanh
softmax=Softmax flatten=Flatten reshape=Reshape view=Reshape permute=Transpose transpose=Transpose mean=ReduceMean
adaptive_avg_pool2d=GlobalAveragePool AdaptiveAvgPool2d=GlobalAveragePool max_pool2d=MaxPool MaxPool2d=MaxPool
avg_pool2d=AveragePool AvgPool2d=AveragePool interpolate=Resize pad=Pad hardtanh=Clip clamp=Clip ReLU6=Clip
squeeze=Squeeze
"""
KINDS: Final[dict[str, str]] = {entry.partition("=")[0]: entry.partition("=")[2] for entry in _KINDS.split()}
"""What torch calls an operator → what this program shows, the same as for an ONNX file."""


def graph_of_torch(model: TorchModel, layers: Mapping[str, Layer]) -> NetworkGraph:
    """The graph of `model`; `layers` are those of its description, by name. `model` is not changed."""
    import torch

    module = model.module
    traced = module if isinstance(module, torch.fx.GraphModule) else _traced(module)
    if traced is None:
        return _layers_alone(model, layers, "its forward method decides on values")
    was_training = traced.training
    try:
        shapes = _shapes(traced.eval(), model)
    except Exception as problem:  # noqa: BLE001 - whatever a person's network raises; layers alone are shown then
        lines = str(problem).strip().splitlines()
        return _layers_alone(model, layers, lines[0] if lines else type(problem).__name__)
    finally:
        traced.train(was_training)
    return assemble(_pieces(traced, shapes, layers), layers)


def _traced(module: Any) -> "fx.GraphModule | None":
    """The network as torch.fx sees it, torch's own layers whole; None where it cannot follow the forward method."""
    from torch import fx

    class Tracer(fx.Tracer):
        def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
            return super().is_leaf_module(m, module_qualified_name) or not any(True for _ in m.children())

    try:
        return fx.GraphModule(module, Tracer().trace(module))
    except Exception:  # noqa: BLE001 - tracing runs a person's code on stand-ins, which may raise anything
        return None


def _shapes(traced: "fx.GraphModule", model: TorchModel) -> "dict[fx.Node, tuple[int, ...]]":
    """fx node → shape of its result (first tensor) for one sample; nodes without a tensor are not in it."""
    import torch
    from torch import fx

    found: dict[fx.Node, tuple[int, ...]] = {}

    class Recorder(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            result = super().run_node(n)
            first = result[0] if isinstance(result, tuple | list) and result else result
            if isinstance(first, torch.Tensor):
                found[n] = tuple(first.shape)
            return result

    inputs = [torch.from_numpy(array) for array in example_inputs(model)]
    with torch.no_grad():
        Recorder(traced).run(*inputs)
    return found


def _pieces(
    traced: "fx.GraphModule", shapes: "Mapping[fx.Node, tuple[int, ...]]", layers: Mapping[str, Layer]
) -> list[Piece]:
    """What stays of the fx graph: tensors that depend on an input, and parameters that stand alone."""
    modules = dict(traced.named_modules())
    made: dict[fx.Node, Piece | None] = {}
    pieces: list[Piece] = []
    for node in traced.graph.nodes:
        sources = [piece for source in node.all_input_nodes if (piece := made.get(source)) is not None]
        made[node] = piece = _piece(node, sources, shapes, layers, modules)
        if piece is not None:
            pieces.append(piece)
    return pieces


def _piece(
    node: "fx.Node",
    sources: list[Piece],
    shapes: "Mapping[fx.Node, tuple[int, ...]]",
    layers: Mapping[str, Layer],
    modules: Mapping[str, Any],
) -> Piece | None:
    shape = shapes.get(node, ())[1:]
    target = str(node.target)
    match node.op:
        case "placeholder":
            return Piece("input", shape=shape, label=node.name)
        case "output":
            return Piece("output", sources, shape=sources[0].shape if sources else (), label="output")
        case "get_attr":
            return Piece("Parameter", layer=target) if target in layers else None
    if node not in shapes or not sources:
        return None  # sizes, indices and what follows from constants alone
    if node.op == "call_module":
        kind = type(modules[target]).__name__
        layer = target if target in layers else ""
        scope = tuple(target.split(".")[:-1])
        passed = kind in PASSED and not layer
        return Piece(KINDS.get(kind, kind), sources, layer, scope, shape, passed)
    name = str(getattr(node.target, "__name__", target))
    scope_of = node.meta.get("nn_module_stack")
    written = tuple(str(list(scope_of)[-1]).split(".")) if scope_of else None
    return Piece(KINDS.get(name, name), sources, "", written, shape, name in PASSED)


def _layers_alone(model: TorchModel, layers: Mapping[str, Layer], why: str) -> NetworkGraph:
    """Layers with the readers that one run showed: no operators between them."""
    try:
        seen = trace(model)
    except UserError as problem:
        raise UserError(f"The graph of {model.name} cannot be drawn: {problem.sentence}", problem.hint) from problem
    pieces = {name: Piece(layers[name].kind, layer=name) for name in seen.shapes if name in layers}
    order = {name: place for place, name in enumerate(pieces)}
    for name, readers in seen.readers.items():
        for reader in readers:
            if name in pieces and order.get(reader, -1) > order[name]:
                pieces[reader].sources.append(pieces[name])
    note = f"Layers alone are shown, without the operators between them: {why}."
    return assemble(list(pieces.values()), layers, note)
