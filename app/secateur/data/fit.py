"""Whether data and network belong together: asked before anything is run, answered in one sentence."""

from collections.abc import Iterable, Sequence

import numpy as np

from secateur.data.dataset import Dataset
from secateur.data.preprocessing import shape_text
from secateur.data.tasks.classification import Classification
from secateur.data.tasks.regression import Regression
from secateur.errors import UserError
from secateur.model.description import Port


def check_fit(dataset: Dataset, model_inputs: tuple[Port, ...], model_outputs: tuple[Port, ...]) -> tuple[str, ...]:
    """UserError where the data's inputs or labels cannot be those of this network; sentences on what is odd.

    The shape of what each port is fed must be the network's; there must be no more classes than outputs of the
    network (its last axis), and targets of a regression as wide as them.
    """
    fed = dataset.batch("calibration", [0]).inputs
    if len(fed) != len(model_inputs):
        raise UserError(
            f"The network takes {listed(port.name for port in model_inputs)}, and {dataset.name} feeds {listed(fed)}.",
            "Give an array for each input, or open a network with as many inputs.",
        )
    for port, values in zip(model_inputs, fed.values(), strict=True):
        _check_shape(dataset, port, values.shape[1:])
    if model_outputs and isinstance(dataset.task, Classification):
        return _check_classes(dataset, model_outputs[0])
    if model_outputs and isinstance(dataset.task, Regression):
        _check_targets(dataset, model_outputs[0])
    return ()


def listed(names: Iterable[str]) -> str:
    """`ids` or `2 inputs (ids, mask)`."""
    known = list(names)
    return f"one input ({known[0]})" if len(known) == 1 else f"{len(known)} inputs ({', '.join(known)})"


def _check_shape(dataset: Dataset, port: Port, has: tuple[int, ...]) -> None:
    wants = port.shape[1:]
    fits = len(has) == len(wants) and all(b is None or a == b for a, b in zip(has, wants, strict=True))
    if wants and not fits:
        raise UserError(
            f"{dataset.name} feeds {shape_text(has)}, and the network's input {port.name} takes {shape_text(wants)}.",
            "Give data of that shape, or change resize, crop and layout in the preprocessing.",
        )


def _check_classes(dataset: Dataset, output: Port) -> tuple[str, ...]:
    outputs = output.shape[-1] if len(output.shape) > 1 else None
    classes = dataset.classes
    is_binary = outputs == 1 and len(classes) == 2
    if outputs is None or len(classes) == outputs or is_binary:
        return ()
    are = f"{dataset.name} has {len(classes)} classes ({_first_and_last(classes)}), and the network's output "
    are += f"{output.name} answers with {outputs} score{'' if outputs == 1 else 's'}"
    if len(classes) < outputs:
        unasked = _first_and_last([str(n) for n in range(len(classes), outputs)])
        return (f"{are}: no sample asks for {unasked}.",)
    hint = "Open the data that the network was trained for; labels count from 0."
    if outputs == 1:
        hint = "Say task: regression in a data.yaml where the labels are targets of that one number."
    unused = [name for number, name in enumerate(classes) if not (dataset.labels == number).any()]
    if unused:
        hint = (
            f"No sample is of {_first_and_last(unused)}: take that out, or give the network's classes in a data.yaml."
        )
    raise UserError(f"{are}.", hint)


def _first_and_last(names: Sequence[str]) -> str:
    """`cat`, `cat, dog`, `cat … zebra`."""
    return ", ".join(names) if len(names) < 4 else f"{names[0]} … {names[-1]}"


def _check_targets(dataset: Dataset, output: Port) -> None:
    width = int(np.prod(dataset.labels.shape[1:], dtype=np.int64))
    sides = output.shape[1:]
    if None not in sides and int(np.prod([side or 1 for side in sides], dtype=np.int64)) != width:
        raise UserError(
            f"{dataset.name} has {width} target{'s' if width > 1 else ''} for each sample, and the network's "
            f"output {output.name} is {shape_text(output.shape)}.",
            "Open the data that the network was trained for.",
        )
