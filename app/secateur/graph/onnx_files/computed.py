"""What ONNX Runtime really computes in integers: read from the graph that it makes of a file, not from the file."""

import tempfile
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Final

import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily

from secateur.graph.qdq.functions import DOMAIN

INTEGER_KERNELS: Final = frozenset({
    "QLinearConv", "ConvInteger", "QGemm", "QLinearMatMul", "MatMulInteger", "MatMulIntegerToFloat",
    "DynamicQuantizeMatMul", "QAttention",
})  # fmt: skip


def optimized_graph(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The graph that ONNX Runtime runs on a CPU with its default options, its fusions done."""
    import onnxruntime as ort

    with tempfile.TemporaryDirectory(prefix="secateur-optimized-") as folder:
        path = Path(folder) / "optimized.onnx"
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.optimized_model_filepath = str(path)
        ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(str(path))


def float_layers(proto: onnx.ModelProto, layers: Collection[str]) -> tuple[str, ...]:
    """Those of the named layers, stored as integers, that the runtime computes in float all the same."""
    kernels: dict[str, set[str]] = defaultdict(set)
    for node in optimized_graph(proto).graph.node:
        for name in node.input:
            kernels[name].add(node.op_type)
    made: dict[str, list[str]] = defaultdict(list)
    for node in proto.graph.node:
        if node.op_type == "Transpose" or node.domain == DOMAIN:
            made[node.input[0]].append(node.output[0])

    def used(weight: str) -> set[str]:
        """The kernels that read a weight: as it is stored, turned (one of two uses of a tied one), or unpacked."""
        return kernels[weight].union(*map(used, made[weight]))

    return tuple(layer for layer in layers if not used(f"{layer}.weight") & INTEGER_KERNELS)
