"""Whether an encoded ONNX file is what its encodings say: every stored number, then the arithmetic of every layer.

Two files that agree on the whole may still differ in a layer, and a right file of fifty layers may differ on the whole:
integer kernels round ties their own way, and the differences add up. So each layer is judged by itself: fed with what
the file gave it, it must give what the encoding's arithmetic gives, to one step of its output's scale.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
import torch  # noqa: TID253
from numpy.typing import NDArray
from torch import fx  # noqa: TID253

from secateur.formats.base import LocalProof, Samples
from secateur.formats.proving.stored import first_wrong_number, rounded_tensors
from secateur.graph.lowering import structure_of
from secateur.graph.network import all_outputs
from secateur.graph.onnx_layers import GraphIndex, new_session, onnx_layers
from secateur.graph.qdq.blocks import INT8_INPUTS, OPERATOR
from secateur.graph.qdq.standard import in_standard_form
from secateur.graph.simulation import ROUNDS, executable

if TYPE_CHECKING:
    from secateur.graph.network import Model, TorchModel

STEPS: Final = 1.0
"""How far a rounded value may lie from that of the simulation: ties are rounded either way."""

SHIFT: Final = 0.5
"""How far they may lie on average: ties go both ways, a wrong offset goes one way."""

FLOAT: Final = 1e-3
"""Deviation of what is computed in float from the last rounded values on, relative to the largest value."""

OWN_NOISE: Final = 10.0 ** (-30.0 / 10.0)
"""Noise to signal of products whose inputs the runtime rounds to 8 bits by itself (see `rounds_inputs`)."""

OWN_ROUNDING: Final = "ONNX Runtime by itself rounds the inputs of products with stored weights to 8 bits."


def local_proof(path: Path, model: "Model", inputs: Samples) -> LocalProof | None:
    """The proof of an ONNX file of a lowered, encoded network; None for all others, and beyond what memory can hold.

    The file runs as it ships, the runtime's optimiser on: what is asked for besides its outputs are integers that it
    computes anyway.
    """
    from secateur.formats.onnx_files.external import weight_bytes
    from secateur.formats.onnx_files.writing import LARGEST_BYTES
    from secateur.graph.network import TorchModel

    if not isinstance(model, TorchModel) or not model.encodings or model.lowered is None:
        return None
    proto = onnx.load(str(path))
    if weight_bytes(proto) > LARGEST_BYTES:
        return None
    wrong = first_wrong_number(in_standard_form(proto), model) or wrong_arithmetic(proto, model, inputs)
    if wrong is not None:
        return wrong
    return LocalProof(own_noise=OWN_NOISE, remark=OWN_ROUNDING) if rounds_inputs(proto) else LocalProof()


def wrong_arithmetic(proto: onnx.ModelProto, model: "TorchModel", inputs: Samples) -> LocalProof | None:
    """The first rounded tensor or output of the file that its own inputs do not explain; None where all are right."""
    module = executable(model)
    if not isinstance(module, fx.GraphModule):
        raise ValueError(f"{model.name} is not lowered")
    file = _run(proto, inputs)
    replay = _Replay(module, model, file, rounds_itself=rounds_inputs(proto))
    with torch.inference_mode():
        answers = replay.run(*(torch.from_numpy(np.ascontiguousarray(values)) for values in inputs))
    return replay.fault or _wrong_answers(model, answers, file, rounds_itself=rounds_inputs(proto))


def rounds_inputs(proto: onnx.ModelProto) -> bool:
    """Whether ONNX Runtime rounds inputs that no encoding rounds: of matrix products with weights that are only stored
    in few bits.

    With its default options it makes MatMulNBits of them, which computes with 8-bit inputs, a scale for each block;
    where the file has that operator, it says itself what inputs are rounded to.
    """
    graph = GraphIndex(proto)

    def is_unpacked(name: str) -> bool:
        maker = graph.makers.get(name)
        return maker is not None and maker.op_type == "DequantizeLinear"

    def rounds(node: onnx.NodeProto) -> bool:
        if node.op_type == OPERATOR:
            return any(told.name == "accuracy_level" and told.i == INT8_INPUTS for told in node.attribute)
        return node.op_type == "MatMul" and is_unpacked(node.input[1]) and not is_unpacked(node.input[0])

    return any(rounds(node) for node in proto.graph.node)


def _run(proto: onnx.ModelProto, inputs: Samples) -> Mapping[str, NDArray[Any]]:
    """Name → values of every network output and every rounded tensor of the file, the latter as integers."""
    exposed = onnx.ModelProto()
    exposed.CopyFrom(proto)
    rounded = rounded_tensors(proto)
    integers = {tensor.integers: name for name, tensor in rounded.items()}
    exposed.graph.output.extend(
        onnx.helper.make_tensor_value_info(tensor.integers, tensor.kind, None) for tensor in rounded.values()
    )
    session = new_session(exposed)
    names = [value.name for value in session.get_inputs()]
    values = session.run(None, dict(zip(names, inputs, strict=True)))
    found = dict(zip((value.name for value in session.get_outputs()), values, strict=True))
    return {integers.get(name, name): found[name] for name in sorted(found, key=lambda name: name in integers)}


class _Replay(fx.Interpreter):
    """Runs the simulation, and behind each rounded tensor goes on with what the file had there."""

    def __init__(
        self, module: fx.GraphModule, model: "TorchModel", file: Mapping[str, NDArray[Any]], *, rounds_itself: bool
    ) -> None:
        super().__init__(module)
        self._model, self._file = model, file
        self._rounds_itself = rounds_itself
        self.fault: LocalProof | None = None

    def run_node(self, n: fx.Node) -> Any:
        expected = super().run_node(n)
        name = n.meta.get(ROUNDS)
        if name is None:
            return expected
        encoding = self._model.encodings.activations[name]
        actual = (torch.from_numpy(self._file[name].astype(np.float32)) - encoding.zero_point) * encoding.scale
        if self.fault is None:
            self.fault = self._compared(name, expected, actual, encoding.scale)
        return actual

    def _compared(self, name: str, expected: torch.Tensor, actual: torch.Tensor, scale: float) -> LocalProof | None:
        if expected.shape != actual.shape:
            return _fault(self._model, name, "gives another shape in the file than in the simulation")
        if not expected.numel():
            return None
        steps = (actual - expected) / scale
        largest, shift = float(steps.abs().max()), float(steps.mean())
        is_right = largest <= STEPS + 0.01 and abs(shift) <= SHIFT
        if self._rounds_itself and not is_right:
            is_right = float((actual - expected).square().mean()) <= OWN_NOISE * float(expected.square().mean())
        if is_right:
            return None
        words = f"gives results up to {largest:.3g} steps apart in file and simulation ({shift:+.2f} on average)"
        return _fault(self._model, name, f"{words}, where rounding explains one")


def _wrong_answers(
    model: "TorchModel", answers: Any, file: Mapping[str, NDArray[Any]], *, rounds_itself: bool
) -> LocalProof | None:
    """What is computed in float from the last rounded tensors on."""
    for expected, value in zip(all_outputs(answers), structure_of(model).graph.output, strict=True):
        name = value.name
        if name in model.encodings.activations:
            continue  # compared where it was rounded
        ours, theirs = expected.double().numpy(), np.asarray(file[name], np.float64)
        if ours.shape != theirs.shape:
            return _fault(model, name, "gives another shape in the file than in the simulation")
        difference, largest = np.abs(ours - theirs), max(float(np.abs(ours).max(initial=0.0)), 1e-12)
        if rounds_itself and np.square(difference).mean() <= OWN_NOISE * np.square(ours).mean():
            continue
        if difference.max(initial=0.0) > FLOAT * largest:
            return _fault(model, name, f"gives results {difference.max() / largest:.2%} apart in file and simulation")
    return None


def _fault(model: "TorchModel", tensor: str, words: str) -> LocalProof:
    layer = _maker_of(model, tensor)
    return LocalProof(layer, f"Fed with the same values, {layer} {words}.")


def _maker_of(model: "TorchModel", tensor: str) -> str:
    """The layer that makes a tensor, or the nearest before it; the tensor's own name where there is none."""
    graph = structure_of(model)
    makers = {name: index for index, node in enumerate(graph.graph.node) for name in node.output}
    layers = {index: layer.name for layer in onnx_layers(graph) for index in (*layer.nodes, *layer.absorbed)}
    seen, waiting = set(), [tensor]
    while waiting:
        index = makers.get(waiting.pop(0), -1)
        if index in layers:
            return layers[index]
        if index >= 0 and index not in seen:
            seen.add(index)
            waiting += [name for name in graph.graph.node[index].input if name]
    return tensor
