"""Which tensor of the ONNX file each node of an imported network stands for."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import fx, nn


def is_imported(module: "nn.Module") -> bool:
    """Whether this network came from an ONNX file through our importer, so that its nodes name its tensors."""
    from torch import fx

    return isinstance(module, fx.GraphModule) and any("onnx" in node.meta for node in module.graph.nodes)


def tensor_names(module: "fx.GraphModule") -> "dict[fx.Node, str]":
    """fx node → name of the tensor in the file. Nodes that only help (sizes, paddings) are not in it.

    `node.meta["onnx_aliases"]` holds further tensors with the same values; `node.meta["onnx_inner"]` is the
    product inside a linear layer whose bias the file adds in a node of its own.
    """
    return {node: str(node.meta["onnx"]) for node in module.graph.nodes if "onnx" in node.meta}


def nodes_by_tensor(module: "fx.GraphModule") -> "dict[str, fx.Node]":
    """Tensor name in the file → fx node, aliases included."""
    found = {}
    for node, name in tensor_names(module).items():
        for tensor in (name, *node.meta.get("onnx_aliases", ())):
            found[tensor] = node
    return found


def tensors_of_layers(module: "fx.GraphModule") -> dict[str, str]:
    """Layer name → name of the tensor that it makes (the first, where a layer is used several times)."""
    found: dict[str, str] = {}
    for node, name in tensor_names(module).items():
        if node.op == "call_module":
            found.setdefault(str(node.target), name)
    return found
