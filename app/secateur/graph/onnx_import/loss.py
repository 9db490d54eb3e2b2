"""Losses that were exported with their network."""

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.values import OnnxNode, OperatorTable, Result

_NOTHING_IGNORED = -100
"""Torch's index of targets that do not count; no class has it."""


def negative_log_likelihood(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    return _likelihood(build, node, build.tensor(node.required(0)))


def softmax_cross_entropy(build: GraphBuilder, node: OnnxNode) -> Result:
    """SoftmaxCrossEntropyLoss; its second output is the logarithm of the softmax."""
    logarithms = build.call(torch.log_softmax, build.tensor(node.required(0)), 1)
    loss = _likelihood(build, node, logarithms)
    return loss if len(node.outputs) == 1 else (loss, logarithms)


def _likelihood(build: GraphBuilder, node: OnnxNode, logarithms: fx.Node) -> fx.Node:
    """The chosen logarithms, negative; the mean is weighted."""
    weight = node.input(2)
    return build.call(
        F.nll_loss,
        logarithms,
        build.call(torch.Tensor.long, build.tensor(node.required(1))),
        None if weight is None else build.tensor(weight),
        ignore_index=int(node.attributes.get("ignore_index", _NOTHING_IGNORED)),
        reduction=node.word("reduction", "mean"),
    )


OPERATORS: OperatorTable = {
    "NegativeLogLikelihoodLoss": negative_log_likelihood,
    "SoftmaxCrossEntropyLoss": softmax_cross_entropy,
}
