"""Where a written file first leaves the simulation: the layer that a person should look at."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from secateur.errors import Cancelled, UserError
from secateur.formats.base import Format, Samples
from secateur.formats.exporting.exporters import CannotRun, Exporter
from secateur.formats.proving.judging import Limits, compared
from secateur.formats.proving.running import Batching, run_in_batches
from secateur.graph.context import Context

if TYPE_CHECKING:
    from secateur.graph.network import Model

MOST_SAMPLES: Final = 16
MOST_SECONDS: Final = 300.0
"""Time that may be spent on looking for the layer: the file is not exported in any case."""


@dataclass(frozen=True)
class Found:
    """The layer's name, empty where none was found, and a sentence that says so."""

    name: str = ""
    sentence: str = ""


def first_deviating_layer(
    path: Path,
    model: "Model",
    target: Format,
    exporter: Exporter,
    inputs: Samples,
    limits: Limits,
    context: Context,
    seconds: float = MOST_SECONDS,
) -> Found:
    """The first layer whose results in the file at `path` differ from the simulation's by more than `limits`.

    Where the runtime shows what stands between layers, one run tells. Else the network is cut behind one layer after
    the other, written through the same exporter, and run: by bisection, for at most `seconds`.
    """
    batching = Batching.of(model)
    few = batching.part(inputs, 0, batching.size or MOST_SAMPLES)
    shown = target.layer_outputs(path, few)
    if shown is not None:
        return _first_shown(model, shown, few, limits)
    try:
        return _bisect(model, path, exporter, few, limits, context, time.monotonic() + seconds)
    except Cancelled:
        raise
    except UserError as error:
        return Found("", f"The layer where it begins could not be found: {error.sentence}")


# ---------------------------------------------------------------------- outputs of every layer at once


def _first_shown(model: "Model", shown: Mapping[str, NDArray[np.float32]], inputs: Samples, limits: Limits) -> Found:
    expected = simulated_layers(model, inputs)
    names = [name for name in expected if name in shown and shown[name].shape == expected[name].shape]
    for name in names:
        if not compared(expected[name], shown[name]).is_within(limits):
            return Found(name, f"The first layer that deviates is {name}.")
    return Found("", f"None of its {len(names)} layers deviates by itself: the difference arises behind them.")


def simulated_layers(model: "Model", inputs: Samples) -> dict[str, NDArray[np.float32]]:
    """Layer → its output in the simulation, in the order in which they are computed (the first call of each)."""
    from secateur.graph.layer_outputs import layer_outputs
    from secateur.graph.network import TorchModel

    if not isinstance(model, TorchModel):
        proto = getattr(model, "proto", None)
        return dict(layer_outputs(proto, tuple(inputs))) if proto is not None else {}
    return _hooked(model, inputs)


def _hooked(model: "Model", inputs: Samples) -> dict[str, NDArray[np.float32]]:
    import torch

    from secateur.graph.network import TorchModel
    from secateur.graph.simulation import executable

    found: dict[str, NDArray[np.float32]] = {}
    if not isinstance(model, TorchModel):
        return found

    def keeper(name: str) -> "torch.utils.hooks.RemovableHandle":
        def keep(part: object, given: object, output: object) -> None:
            if isinstance(output, torch.Tensor):
                found.setdefault(name, output.detach().float().numpy().copy())

        return module.get_submodule(name).register_forward_hook(keep)

    module = executable(model)
    handles = [keeper(name) for name, part in module.named_modules() if name and not list(part.children())]
    try:
        model.run(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


# ---------------------------------------------------------------------- cutting the network


def _bisect(
    model: "Model",
    path: Path,
    exporter: Exporter,
    inputs: Samples,
    limits: Limits,
    context: Context,
    deadline: float,
) -> Found:
    """Smallest number of layers after which the file deviates, taking for granted that it does from there on."""
    from secateur.formats.proving.cutting import cut_behind, cuts_of

    cuts = cuts_of(model)
    low, high = -1, len(cuts)  # none of the layers is innocent, the whole network deviates
    while high - low > 1:
        if time.monotonic() > deadline:
            begins = f"behind {cuts[low].layer}" if low >= 0 else "at the input"
            ends = f" and before the end of {cuts[high].layer}" if high < len(cuts) else ""
            return Found("", f"The deviation begins {begins}{ends}; there was no time to look closer.")
        middle = (low + high) // 2
        context.progress(len(cuts) - (high - low), len(cuts), f"Looking for the layer: {cuts[middle].layer}")
        part = cut_behind(model, cuts[middle])
        if _deviates(part.model, path.suffix, exporter, [inputs[i] for i in part.inputs], limits, context):
            high = middle
        else:
            low = middle
    if high == len(cuts):
        return Found("", f"None of its {len(cuts)} layers deviates by itself: the difference arises behind them.")
    return Found(cuts[high].layer, f"The first layer that deviates is {cuts[high].layer}.")


def _deviates(
    part: "Model", suffix: str, exporter: Exporter, inputs: Sequence[NDArray[np.generic]], limits: Limits,
    context: Context,
) -> bool:  # fmt: skip
    """Whether the first layers, written through the same exporter, answer something else than their simulation."""
    batching = Batching.of(part)
    silent = replace(context, progress=lambda done, total, text: context.progress(0, 1, "Looking for the layer"))
    with tempfile.TemporaryDirectory(prefix="secateur-cut-") as folder:
        path = Path(folder).resolve() / f"{part.name}{suffix}"
        exporter.write(part, path, silent)
        try:
            ran = exporter.run(path, inputs, batching, silent.progress, timed=False)
        except CannotRun:
            return True
    expected = run_in_batches(part.run_all, inputs, batching, silent.progress, "")
    return any(not compared(ours, theirs).is_within(limits) for ours, theirs in zip(expected, ran.outputs, strict=True))
