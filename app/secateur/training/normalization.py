"""Batch norm for the time of training, for convolutions whose own was folded into their weights.

Exported files mostly have their batch norm folded into the convolutions. Trained as it is, such a network
diverges at learning rates that are ordinary with batch norm. So each convolution with a bias and no batch norm
behind it gets one that changes nothing at first (scale and shift are the statistics it measures), and after
training it is folded into the convolution again: the network has the same layers as before.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import torch  # noqa: TID253 - imported by the training loop alone
from torch import nn  # noqa: TID253

from secateur.errors import UserError
from secateur.graph.network import weighted_modules

LEAST_BATCH: Final = 8
"""Statistics of fewer samples are too noisy to train with."""

_NORM: Final = "training_norm"
_NORMS: Final = {nn.Conv1d: nn.BatchNorm1d, nn.Conv2d: nn.BatchNorm2d, nn.Conv3d: nn.BatchNorm3d}


Fed = tuple[torch.Tensor, ...]
"""What a network is fed at once, a tensor for each port."""
Statistics = tuple[torch.Tensor, torch.Tensor]
"""Mean and variance of each output channel over all samples and places."""


class TemporaryNorms:
    """Batch norm behind the bare convolutions of `module`, which is changed; see `state_without`.

    Each norm gives its layer the statistics in `wanted` (by layer name), which must be all of them, or else
    those that the layer has on `batches`: then it changes nothing. Layers that are not in `only` get none.
    """

    def __init__(
        self,
        module: nn.Module,
        batches: Sequence[Fed],
        wanted: Mapping[str, Statistics] | None = None,
        only: Collection[str] | None = None,
    ) -> None:
        self._layers = {
            name: layer for name, layer in bare_convolutions(module, batches[0]).items() if only is None or name in only
        }
        present = output_statistics(module, self._layers, batches)
        for name, layer in self._layers.items():
            norm: Any = _NORMS[type(layer)](layer.out_channels).to(layer.weight.device)
            mean, variance = present[name]
            shift, spread = (wanted or present)[name]
            with torch.no_grad():
                norm.running_mean.copy_(mean)
                norm.running_var.copy_(variance)
                norm.weight.copy_((spread + norm.eps).sqrt())
                norm.bias.copy_(shift)
            layer.add_module(_NORM, norm)
            layer.register_forward_hook(_normalize)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the convolutions that have a temporary norm."""
        return tuple(self._layers)

    def state_without(self, module: nn.Module) -> dict[str, torch.Tensor]:
        """The state of `module` with every temporary norm folded into its convolution."""
        state = {name: tensor for name, tensor in module.state_dict().items() if f".{_NORM}." not in f".{name}"}
        for name, layer in self._layers.items():
            norm, scale = getattr(layer, _NORM), self._factor(layer)
            weight, bias = layer.weight.detach(), layer.bias.detach()
            state[f"{name}.weight"] = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
            state[f"{name}.bias"] = norm.bias.detach() + (bias - norm.running_mean) * scale
        return state

    def factors(self) -> dict[str, torch.Tensor]:
        """Layer → what folding its norm multiplies the weights of each output channel by, float32 (channels,)."""
        return {name: self._factor(layer).float().cpu() for name, layer in self._layers.items()}

    @staticmethod
    def _factor(layer: Any) -> torch.Tensor:
        norm = getattr(layer, _NORM)
        return norm.weight.detach() / (norm.running_var + norm.eps).sqrt()  # type: ignore[no-any-return]


def _normalize(layer: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
    return getattr(layer, _NORM)(output)  # type: ignore[no-any-return]


def bare_convolutions(module: nn.Module, inputs: Fed) -> dict[str, Any]:
    """Convolutions with a bias that run once in a forward pass and whose output meets no batch norm, by name."""
    outputs: list[tuple[nn.Module, torch.Tensor]] = []
    normalized: set[nn.Module] = set()

    def made(layer: nn.Module, _: Any, output: torch.Tensor) -> None:
        outputs.append((layer, output))

    def met(_: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        normalized.update(layer for layer, output in outputs if output is arguments[0])

    hooks: list[Any] = []
    for part in module.modules():
        if type(part) in _NORMS:
            hooks.append(part.register_forward_hook(made))
        elif isinstance(part, nn.modules.batchnorm._BatchNorm):
            hooks.append(part.register_forward_pre_hook(met))
    _run(module, [inputs])
    for hook in hooks:
        hook.remove()
    calls = [layer for layer, _ in outputs]
    return {
        name: layer
        for name, layer in weighted_modules(module)
        if calls.count(layer) == 1 and layer not in normalized and layer.bias is not None
    }


def output_statistics(
    module: nn.Module, layers: Mapping[str, nn.Module], batches: Iterable[Fed]
) -> dict[str, Statistics]:
    """Statistics of the outputs of `layers`, which are layers of `module`, over all `batches`."""
    sums: dict[nn.Module, list[torch.Tensor]] = {}

    def add(layer: nn.Module, _: Any, output: torch.Tensor) -> None:
        values = output.detach().double().transpose(0, 1).flatten(1)
        part = [values.new_tensor(values.shape[1]), values.sum(dim=1), values.square().sum(dim=1)]
        known = sums.get(layer)
        sums[layer] = part if known is None else [a + b for a, b in zip(known, part, strict=True)]

    hooks = [layer.register_forward_hook(add) for layer in layers.values()]
    _run(module, batches)
    for hook in hooks:
        hook.remove()
    result = {}
    for name, layer in layers.items():
        count, total, squares = sums[layer]
        mean = total / count
        result[name] = (mean.float(), (squares / count - mean.square()).clamp_min(0.0).float())
    return result


def check_trains_on(module: nn.Module, batch_size: int) -> str:
    """What to know of learning from batches of this size; UserError, before it starts, where that cannot be."""
    norms = _batch_norms(module)
    if batch_size > 1 or not norms:
        return ""
    if any(norm.running_mean is None for norm in norms):
        raise UserError(
            "This network's batch norm knows only the statistics of the batch itself, and one sample has none.",
            "Choose a batch size of at least 2.",
        )
    return (
        "With batches of one sample batch norm keeps the statistics it has. Each step follows a single sample: "
        "a learning rate that suits whole batches is often too high."
    )


def set_training(module: nn.Module, samples: int, *, is_encoded: bool = False) -> None:
    """Training mode for a batch of `samples`: batch norm keeps its statistics where there is a single one.

    The variance of one sample is zero, or not defined: its statistics are no estimate of anything. In a network that
    is trained through its rounding the norms of its own keep theirs too: ranges were found with them.
    """
    module.train()
    temporary = {getattr(part, _NORM) for part in module.modules() if hasattr(part, _NORM)}
    for norm in _batch_norms(module):
        if samples == 1 or (is_encoded and norm not in temporary):
            norm.eval()


def _batch_norms(module: nn.Module) -> list[Any]:
    return [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]


def settle(module: nn.Module, batches: Iterable[Fed]) -> None:
    """Measure the running statistics of every batch norm of `module` anew, as a mean over `batches` (in place).

    Each batch holds two samples or more.
    """
    norms = _batch_norms(module)
    module.eval()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        for batch in batches:
            module(*batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    module.eval()


def _run(module: nn.Module, batches: Iterable[Fed]) -> None:
    module.eval()
    with torch.no_grad():
        for batch in batches:
            module(*batch)
