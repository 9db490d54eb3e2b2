"""What LSTM, GRU and RNN layers are in plain values: they hold several weights, and use them once a step."""

from math import prod
from typing import TYPE_CHECKING

from secateur.model.description import Layer, TensorInfo

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]


def is_recurrent(module: "nn.Module") -> bool:
    """Whether a module is a recurrent layer (torch's, one step of it, or the importer's own)."""
    from torch import nn

    from secateur.graph.onnx_import.recurrent_cell import RecurrentCell

    return isinstance(module, nn.RNNBase | nn.RNNCellBase | RecurrentCell)


def recurrent_layer(name: str, module: "nn.Module", given: Shape, made: Shape) -> Layer:
    """The layer; its weight for the input stands for all, its output shape is that of one sample.

    `given` and `made` are the shapes of the sequence before and behind it, empty where it was not run.
    """
    parameters = dict(module.named_parameters(recurse=False))
    first = next(key for key in parameters if key.startswith("weight_ih"))
    weight = parameters[first]
    settings = getattr(module, "settings", None)
    is_batched_first = getattr(module, "batch_first", False)
    kind = type(module).__name__ if settings is None else settings.kind
    has_steps = not kind.endswith("Cell") and bool(given)
    steps = given[1 if is_batched_first else 0] if has_steps else len(given) > 0
    batch_axis = 0 if is_batched_first or not has_steps else 1
    return Layer(
        name=name,
        kind=kind,
        weight=TensorInfo(
            f"{name}.{first}", str(weight.dtype).removeprefix("torch."), tuple(weight.shape),
            weight.numel() * weight.element_size(),
        ),
        params=sum(value.numel() for value in parameters.values()),
        macs=int(steps) * sum(value.numel() for key, value in parameters.items() if key.startswith("weight_")),
        size_bytes=sum(value.numel() * value.element_size() for value in parameters.values()),
        output_shape=tuple(size for axis, size in enumerate(made) if axis != batch_axis),
    )  # fmt: skip


def recurrent_macs(weights: tuple[Shape, ...], given: Shape) -> int:
    """Multiply-accumulates of one sample in a recurrent node of ONNX, sequence first."""
    return sum(prod(shape) for shape in weights) * given[0] if given else 0


def recurrent_notes(layers: tuple[Layer, ...]) -> list[str]:
    """A sentence about the layers whose weights no method rewrites, where there are any."""
    found = [layer for layer in layers if layer.kind.removesuffix("Cell") in {"LSTM", "GRU", "RNN"}]
    total = sum(layer.params for layer in layers)
    if not found or not total:
        return []
    share = 100.0 * sum(layer.params for layer in found) / total
    words = f"{len(found)} recurrent layers hold" if len(found) > 1 else f"The recurrent layer {found[0].name} holds"
    return [f"{words} {share:.0f} % of the parameters: trained with the rest, but neither pruned nor quantized."]
