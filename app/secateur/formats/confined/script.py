"""A TorchScript program, loaded inside the confined process: out comes an ONNX graph under the program's own names."""

import io
import logging
import warnings
from pathlib import Path
from typing import Any

import torch  # noqa: TID253 - runs in the confined process alone
from torch import nn  # noqa: TID253

from secateur.errors import UserError
from secateur.graph.describing.input_shapes import find_inputs

OPSET = 17


def convert_script(path: Path, folder: Path) -> dict[str, Any]:
    """Load a TorchScript program and write `model.onnx`; the reason where torch cannot export it."""
    load: Any = torch.jit.load
    module = load(str(path), map_location="cpu").eval()
    try:
        inputs, notes = find_inputs(module, (module,), path.name, like=_alike(module))
        examples = tuple(
            torch.zeros([2, *(size or 16 for size in port.shape[1:])], dtype=getattr(torch, port.dtype))
            for port in inputs
        )
        data = _exported(module, examples, [port.name for port in inputs])
    except Exception as problem:  # noqa: BLE001 - its weights can be looked at all the same; the reason is told
        text = problem.sentence if isinstance(problem, UserError) else f"{type(problem).__name__}: {problem}"
        return {"reason": text.strip().splitlines()[0][:200].rstrip(".")}
    (folder / "model.onnx").write_bytes(data)
    return {"notes": list(notes)}


def _exported(module: Any, examples: tuple[torch.Tensor, ...], names: list[str]) -> bytes:
    """The graph by torch's older exporter, the one that follows TorchScript; batch norms are kept as they are."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(action="ignore"), torch.inference_mode():
        given = module(*examples)
        count = len(given) if isinstance(given, tuple | list) else 1
        outputs = ["output", *(f"output_{place}" for place in range(1, count))]
        data = io.BytesIO()
        export: Any = torch.onnx.export  # it takes a stream too, though it does not say so
        export(
            module,
            examples,
            data,
            dynamo=False,
            opset_version=OPSET,
            input_names=names,
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in (*names, *outputs)},
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )
    return data.getvalue()


def _alike(module: Any) -> nn.Module:
    """Empty torch layers in the place of the program's, by their names and weights: what an input is guessed from."""
    layers: list[nn.Module] = []
    for _, part in module.named_modules():
        weight = getattr(part, "weight", None)
        shape = tuple(weight.shape) if isinstance(weight, torch.Tensor) else ()
        layer = _empty(str(part.original_name), part, shape)
        if layer is not None:
            layers.append(layer)
    return nn.ModuleList(layers)


def _empty(kind: str, part: Any, shape: tuple[int, ...]) -> nn.Module | None:
    """A layer of the kind and sizes, without numbers; a traced program no longer knows strides and groups."""
    if kind in ("Conv1d", "Conv2d", "Conv3d"):
        groups = int(getattr(part, "groups", 1))
        stride = getattr(part, "stride", 1)
        make: type[nn.Module] = getattr(nn, kind)
        return make(shape[1] * groups, shape[0], shape[2:], stride, groups=groups, device="meta")
    if kind == "Linear":
        return nn.Linear(shape[1], shape[0], device="meta")
    if kind == "Embedding":
        return nn.Embedding(shape[0], shape[1], device="meta")
    if kind in ("LSTM", "GRU", "RNN"):
        return nn.LSTM(int(part.weight_ih_l0.shape[1]), 1, device="meta")
    return None
