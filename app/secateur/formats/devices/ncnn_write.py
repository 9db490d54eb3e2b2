"""ncnn networks: a `.param` with the layers as text and a `.bin` with the weights, converted by pnnx.

pnnx takes the traced network and writes float weights; layers that compute in integers are rewritten afterwards (see
`secateur.formats.devices.ncnn_int8`).
"""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.formats.base import Runner, WriteOptions
from secateur.formats.devices.encoded_layers import (
    activations_told,
    as_torch,
    computed_layers,
    in_eight_bits,
    listed,
    rounded,
    sentences,
)
from secateur.formats.devices.fixed_sizes import batch_size, fixed_inputs, told_sizes

if TYPE_CHECKING:
    from secateur.formats.devices.ncnn_int8 import Integers
    from secateur.graph.network import Model, TorchModel

_TITLE: Final = "ncnn"


def why_not(model: "Model") -> str | None:
    """Why a model cannot be stored as an ncnn network, as a sentence; None where it can."""
    from secateur.formats.torch_files.pt2_write import why_not as no_torch_network

    refusal = no_torch_network(model)
    if refusal:
        return refusal
    whole = next((port for port in model.inputs if not port.dtype.startswith("float")), None)
    if whole is not None:
        return f"ncnn networks are fed floats here, and {model.name} takes {whole.name} as {whole.dtype}."
    if batch_size(model) > 1:
        return f"ncnn takes one sample at a time, and {model.name} insists on {batch_size(model)}."
    return None


def losses(model: "Model") -> str:
    """What an ncnn network does not keep of a model; empty where nothing is lost."""
    from secateur.graph.network import TorchModel

    told = told_sizes(model, _TITLE)
    if not isinstance(model, TorchModel) or not model.encodings:
        return told
    wide, model = activations_told(model, "ncnn"), in_eight_bits(model)
    known = integer_layers(model)
    floats = [name for name in model.encodings.weights if name not in known]
    return sentences(
        told,
        wide,
        "ncnn rounds the inputs of 8-bit layers to integers around zero, half as fine as the simulation behind a ReLU, "
        "and adds in float." if known else "",
        f"The weights of {listed(floats)} are stored as rounded floats: ncnn has no 8-bit kernel for such layers."
        if floats else "",
    )  # fmt: skip


def write(model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
    """Trace the network for one sample, convert it, and put integers where layers compute in them."""
    from secateur.formats.devices.ncnn_int8 import store_integers

    network = as_torch(model)
    half = getattr(options, "computes_in", "float32") == "float16"
    with tempfile.TemporaryDirectory() as folder:
        layers, weights = _converted(network, Path(folder), half=half)
    known = integer_layers(network)
    if known:
        layers, weights = store_integers(layers, weights, rounded(network).weights(), known, half=half)
    path.write_text(layers, encoding="utf-8")
    bin_path(path).write_bytes(weights)
    return path, bin_path(path)


def bin_path(path: Path) -> Path:
    """Where the weights of a network stand: `net.param` → `net.bin`."""
    return path.with_suffix(".bin")


def integer_layers(model: "TorchModel") -> "Mapping[str, Integers]":
    """What ncnn can compute in integers: 2-D convolutions, plain or depthwise, and linear layers of vectors."""
    from torch import nn

    from secateur.formats.devices.ncnn_int8 import Integers, symmetric_limit
    from secateur.graph.lowering import structure_of
    from secateur.graph.onnx_layers import onnx_layers
    from secateur.graph.qdq.placing import layer_inputs

    if not model.encodings:
        return {}
    graph = structure_of(model)
    inputs, found = layer_inputs(graph), {}
    operators = {layer.name: layer.operator for layer in onnx_layers(graph)}
    for name in computed_layers(model):
        layer = model.module.get_submodule(name)
        # a linear layer on more than one row at a time is a product to ncnn, whose integers have one scale for all
        is_known = (isinstance(layer, nn.Linear) and operators[name] == "Gemm") or (
            isinstance(layer, nn.Conv2d) and layer.groups in (1, layer.out_channels)
        )
        if is_known and len(inputs[name]) == 1:
            limit = symmetric_limit(model.encodings.activations[inputs[name][0]])
            found[name] = Integers(model.encodings.weights[name], limit)
    return found


def _converted(model: "TorchModel", folder: Path, *, half: bool) -> tuple[str, bytes]:
    """What pnnx makes of the network with rounded weights: its layers and its weights."""
    import pnnx
    import torch

    from secateur.formats.exporting.telling import tell

    inputs = fixed_inputs(model)
    tell(0, 2, "Tracing the network")
    with torch.no_grad():
        trace: Any = torch.jit.trace  # torch does not say its types
        trace(rounded(model).module.eval(), inputs, check_trace=False).save(str(folder / "net.pt"))
    tell(1, 2, "Converting it with pnnx")
    shapes = ",".join(f"[{','.join(map(str, value.shape))}]f32" for value in inputs)
    command = [str(pnnx.EXEC_PATH), "net.pt", f"inputshape={shapes}", f"fp16={int(half)}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 - the program that the pnnx package brings
    layers, stored = folder / "net.ncnn.param", folder / "net.ncnn.bin"
    if done.returncode or not layers.exists() or not stored.exists():
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise UserError(
            f"pnnx cannot convert {model.name}: {lines[-1][:200] if lines else f'it ended with {done.returncode}'}",
            "Export it as ONNX.",
        )
    text = layers.read_text(encoding="utf-8")
    _refuse_foreign(text, model.name)
    return text, stored.read_bytes()


def _refuse_foreign(layers: str, name: str) -> None:
    """pnnx leaves operators that ncnn does not have under torch's names (`aten::…`, `F.…`)."""
    kinds = {line.split()[0] for line in layers.splitlines()[2:] if line.strip()}
    foreign = sorted(kind for kind in kinds if "::" in kind or "." in kind)
    if foreign:
        raise UserError(f"ncnn has no layer for these operators of {name}: {', '.join(foreign)}.", "Export it as ONNX.")


def run(path: Path) -> Runner:
    """Load the network into ncnn, one sample at a time, in float32 besides its integers, on one thread."""
    import ncnn

    from secateur.graph.network import in_batches_of

    net = ncnn.Net()
    net.opt.num_threads = 1
    net.opt.use_vulkan_compute = False
    for name in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage", "bf16_packed"):
        if hasattr(net.opt, f"use_{name}"):
            setattr(net.opt, f"use_{name}", False)
    if net.load_param(str(path)) or net.load_model(str(bin_path(path))):
        raise RuntimeError("ncnn cannot load the network")
    inputs, outputs = list(net.input_names()), list(net.output_names())

    def run_all(*batch: NDArray[Any]) -> list[NDArray[Any]]:
        # ncnn reads the arrays where they lie: they must outlive the run
        samples = [np.ascontiguousarray(value[0], dtype=np.float32) for value in batch]
        with net.create_extractor() as extractor:
            for name, sample in zip(inputs, samples, strict=True):
                extractor.input(name, ncnn.Mat(sample))
            return [_extracted(extractor, name)[None] for name in outputs]

    return Runner(in_batches_of(1, run_all))


def _extracted(extractor: Any, name: str) -> NDArray[np.float32]:
    """One output of a run, copied out of ncnn's memory."""
    status, result = extractor.extract(name)
    if status:
        raise RuntimeError(f"ncnn failed at the output {name}")
    return np.array(result, dtype=np.float32)
