"""How much each output channel of a layer matters."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: TID253 - imported by channel removal alone
from numpy.typing import NDArray
from torch import nn  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.data.task import Task
from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.graph.network import all_outputs, weighted_modules

if TYPE_CHECKING:
    from secateur.methods.prune.channel import ChannelPruning

Scores = dict[str, NDArray[np.float64]]
"""Layer name → importance of each of its output channels, mean 1."""

TAYLOR_SAMPLES = 256
TAYLOR_BATCH = 32


def channel_scores(module: nn.Module, method: "ChannelPruning", context: Context) -> Scores:
    """Scores of every convolution and linear layer of `module`, which is not changed.

    `l1` and `l2` are norms of a channel's weights; `taylor` is the root mean square, over batches of
    calibration samples, of the sum of weight × gradient (Molchanov et al. 2019, arXiv:1906.10771, eq. 8).
    Each layer's scores are divided by their mean, so that coupled layers have an equal say.
    """
    if method.criterion == "taylor":
        return {name: _relative(values) for name, values in _taylor(module, context).items()}
    order = 1 if method.criterion == "l1" else 2
    return {
        name: _relative(_rows(layer, layer.weight).norm(order, dim=1).double().numpy())
        for name, layer in weighted_modules(module)
    }


def _rows(layer: Any, values: torch.Tensor) -> torch.Tensor:
    """`values` shaped like the layer's weight as (output channels, numbers of one channel)."""
    values = values.detach().float().cpu()
    if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        # stored as (in, out / groups, …): the groups lie one after another in the output
        first, second, *rest = values.shape
        values = values.reshape(layer.groups, first // layer.groups, second, *rest).transpose(1, 2)
        return values.reshape(layer.groups * second, -1)
    return values.reshape(values.shape[0], -1)


def _relative(values: NDArray[np.float64]) -> NDArray[np.float64]:
    mean = float(values.mean())
    return values / mean if mean > 0.0 else np.ones_like(values)


def _taylor(module: nn.Module, context: Context) -> Scores:
    data = context.data
    if data is None:
        raise UserError(
            "The Taylor criterion needs samples to take gradients on.", "Open a data set, or choose l1 or l2."
        )
    import copy

    module = copy.deepcopy(module).eval().requires_grad_(True)
    total = min(TAYLOR_SAMPLES, data.size("calibration"))
    layers = weighted_modules(module)
    squares: Scores = {name: np.zeros(_rows(layer, layer.weight).shape[0]) for name, layer in layers}
    done = 0
    with torch.enable_grad():
        for batch in data.batches("calibration", batch_size=TAYLOR_BATCH, limit=total):
            context.progress(done, total, "Channel pruning: gradients")
            module.zero_grad()
            fed = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in batch.inputs.items()}
            scores = data.task.torch_scores(all_outputs(module(*fed.values())), fed, batch.passes)
            _loss(data.task, scores, torch.from_numpy(batch.targets)).backward()  # type: ignore[no-untyped-call]
            for name, layer in layers:
                if layer.weight.grad is not None:
                    products = _rows(layer, layer.weight * layer.weight.grad).sum(dim=1)
                    squares[name] += products.double().numpy() ** 2
            done += len(batch)
    return {name: np.sqrt(values) for name, values in squares.items()}


def _loss(task: Task, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The task's loss; without labels that of the network's own decisions, taken for class scores."""
    if task.has_labels:
        return task.torch_loss(scores, targets)
    return F.cross_entropy(scores, scores.detach().argmax(dim=1))
