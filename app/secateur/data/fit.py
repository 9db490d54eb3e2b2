"""Whether data and network belong together: asked before anything is run, answered in one sentence."""

import numpy as np

from secateur.data.dataset import Dataset
from secateur.data.preprocessing import shape_text
from secateur.errors import UserError
from secateur.model.description import Port


def check_fit(dataset: Dataset, model_inputs: tuple[Port, ...], model_outputs: tuple[Port, ...]) -> None:
    """UserError where the data's inputs or labels cannot be those of this network.

    The shape of one ready input must be that of the network's; class labels must be below the number of the
    network's outputs (its last axis), targets of a regression as wide as them.
    """
    if len(model_inputs) != 1:
        raise UserError(
            f"The network takes {len(model_inputs)} inputs, and {dataset.name} feeds one.",
            "Open a network with one input.",
        )
    wants = model_inputs[0].shape[1:]
    has = dataset.batch("train", [0])[0].shape[1:]
    fits = len(has) == len(wants) and all(b is None or a == b for a, b in zip(has, wants, strict=True))
    if wants and not fits:
        raise UserError(
            f"{dataset.name} feeds {shape_text(has)}, and the network's input {model_inputs[0].name} takes "
            f"{shape_text(wants)}.",
            "Give data of that shape, or change resize, crop and layout in the preprocessing.",
        )
    if model_outputs and dataset.task == "classification":
        _check_classes(dataset, model_outputs[0])
    if model_outputs and dataset.task == "regression":
        _check_targets(dataset, model_outputs[0])


def _check_classes(dataset: Dataset, output: Port) -> None:
    outputs = output.shape[-1] if len(output.shape) > 1 else None
    highest = int(dataset.labels.max())
    if outputs is not None and highest >= outputs:
        raise UserError(
            f"{dataset.name} has the label {highest} ({dataset.classes[highest]}), and the network has only "
            f"{outputs} outputs.",
            "Open the data that the network was trained for; labels count from 0.",
        )


def _check_targets(dataset: Dataset, output: Port) -> None:
    width = int(np.prod(dataset.labels.shape[1:], dtype=np.int64))
    sides = output.shape[1:]
    if None not in sides and int(np.prod([side or 1 for side in sides], dtype=np.int64)) != width:
        raise UserError(
            f"{dataset.name} has {width} target{'s' if width > 1 else ''} for each sample, and the network's "
            f"output {output.name} is {shape_text(output.shape)}.",
            "Open the data that the network was trained for.",
        )
