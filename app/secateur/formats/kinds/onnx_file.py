"""ONNX."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from secateur.formats.base import Format, LocalProof, Progress, Runner, Samples, WriteOptions
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from secateur.graph.network import Model
    from secateur.model.encoding import WeightEncoding

Opset = Literal["same", "13", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23", "24"]
"""Weights per channel need 13, 4-bit weights 21."""


class OnnxOptions(WriteOptions):
    """Operator set, number type, and where the weights lie."""

    opset: Opset = Field("same", title="Opset", description="Operator set of the file; `same` keeps the graph's own.")
    dtype: Literal["float32", "float16"] = Field(
        "float32",
        title="Numbers",
        description="float16 halves the file; inputs and outputs stay float32, and it is not faster on a CPU.",
    )
    groups: Literal["fast", "exact", "standard"] = Field(
        "fast",
        title="Groups",
        description="Products with weights in groups: fast as MatMulNBits of ONNX Runtime, which rounds their inputs "
        "to 8 bits; exact as the same with float32 inputs; standard as block-wise DequantizeLinear, for any runtime.",
    )
    few_bits: Literal["packed", "standard"] = Field(
        "packed",
        title="3, 5, 6 bits",
        description="Integers of 3, 5 and 6 bits: packed in as many bits as they have, unpacked by functions in the "
        "file that ONNX Runtime computes once, when it loads; standard as integers of 4 and 8 bits, for any runtime.",
    )
    integers: Literal["auto", "int8", "uint8"] = Field(
        "auto",
        title="8-bit weights",
        description="How static layers hold theirs: int8, for which processors have the fastest kernels; uint8 around "
        "128, the same numbers, which processors without VNNI compute exactly where int8 overflows; auto as the "
        "kernels of this processor need it, which is tried.",
    )
    external_data: bool = Field(
        False,
        title="Weights apart",
        description="Weights in a file beside it (`….onnx.data`), as is always done beyond 2 GB.",
    )

    @property
    def computes_in(self) -> Literal["float32", "float16"]:
        return self.dtype


class OnnxFormat(Format):
    """ONNX: what ONNX Runtime and most others run; carries quantized weights and activations."""

    id: ClassVar[str] = "onnx"
    title: ClassVar[str] = "ONNX"
    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)
    runtime: ClassVar[str] = "ONNX Runtime"
    reads: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    activation_bits: ClassVar[tuple[int, ...]] = (8, 16)
    options: ClassVar[type[WriteOptions]] = OnnxOptions
    in_child: ClassVar[bool] = False
    """Its graph is what the engine simulates, and its runtime what the engine evaluates with: nothing new can crash."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """A protobuf message that begins with field 1 (the IR version) as a small number, or the suffix."""
        is_message = len(head) > 2 and head[0] == 0x08 and head[1] < 0x40
        return is_message or (bool(head) and path.suffix.lower() in self.suffixes)

    def read(self, path: Path, source: ModelSource, progress: Progress) -> "Model":
        from secateur.formats.reading import open_onnx

        return open_onnx(path, source, progress)

    def holds_weights(self, encoding: "WeightEncoding", shape: tuple[int, ...] = ()) -> str | None:
        return None

    def can_write(self, model: "Model") -> str | None:
        from secateur.formats.weight_files.stored import needs_network

        return needs_network(model)

    def write(self, model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
        from secateur.formats.onnx_files.writing import write_onnx

        return write_onnx(model, path, options if isinstance(options, OnnxOptions) else OnnxOptions())

    def run(self, path: Path) -> Runner:
        from secateur.formats.onnx_files.writing import run_onnx

        return run_onnx(path)

    def layer_outputs(self, path: Path, inputs: Samples) -> "Mapping[str, NDArray[np.float32]] | None":
        from secateur.formats.onnx_files.writing import layer_outputs_of

        return layer_outputs_of(path, inputs)

    def local_proof(self, path: Path, model: "Model", inputs: Samples) -> LocalProof | None:
        from secateur.formats.proving.arithmetic import local_proof

        return local_proof(path, model, inputs)
