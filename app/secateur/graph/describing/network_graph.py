"""The graph of an opened model, whichever kind it is."""

from secateur.errors import UserError
from secateur.graph.network import Model, OnnxModel, TorchModel
from secateur.model.description import ModelDescription
from secateur.model.graph import NetworkGraph


def network_graph(model: Model, description: ModelDescription) -> NetworkGraph:
    """Layers and operators of `model` and how data flows between them; UserError where it has no network."""
    layers = {layer.name: layer for layer in description.layers}
    if isinstance(model, OnnxModel):
        from secateur.graph.describing.graph_of_onnx import graph_of_onnx

        return graph_of_onnx(model.proto, layers)
    if isinstance(model, TorchModel):
        if model.lowered is not None:
            from secateur.graph.describing.graph_of_onnx import graph_of_onnx

            return graph_of_onnx(model.lowered.structure, layers)
        from secateur.graph.describing.graph_of_torch import graph_of_torch

        return graph_of_torch(model, layers)
    raise UserError(
        f"{model.name} holds tensors alone: nothing says how they are connected.",
        "Open the network that they belong to with From Python code, with this file as its weights.",
    )
