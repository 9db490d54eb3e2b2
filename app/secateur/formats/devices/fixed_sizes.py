"""Files whose inputs have one size: which size that is, and what a person is told about it."""

from typing import TYPE_CHECKING, Any

from secateur.graph.layers import example_input, example_shape

if TYPE_CHECKING:
    from secateur.graph.network import Model


def batch_size(model: "Model") -> int:
    """How many samples a file takes at a time: what the network insists on, else one."""
    shape = model.inputs[0].shape if model.inputs else ()
    return shape[0] if shape and shape[0] is not None else 1


def fixed_inputs(model: "Model") -> tuple[Any, ...]:
    """One tensor for each input, in the one size that the file will take."""
    import torch

    batch = batch_size(model)
    return tuple(torch.from_numpy(example_input(port, batch, place)) for place, port in enumerate(model.inputs))


def told_sizes(model: "Model", title: str) -> str:
    """The sentence about inputs that lose free axes other than the batch; empty where none does."""
    free = [port for port in model.inputs if any(size is None for size in port.shape[1:])]
    if not free:
        return ""
    named = ", ".join(f"{port.name} of {_spelled(example_shape(port, batch_size(model)))}" for port in free)
    return f"{title} files take inputs of one size: {named}."


def _spelled(shape: tuple[int, ...]) -> str:
    return " × ".join(str(size) for size in shape)
