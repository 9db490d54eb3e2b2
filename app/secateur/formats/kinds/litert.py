"""What LiteRT, formerly TensorFlow Lite, runs."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from secateur.formats.base import Format, Progress, Runner, WriteOptions
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.model.encoding import WeightEncoding
    from secateur.model.stored import StoredTensor


class LiteRtFormat(Format):
    """LiteRT, formerly TensorFlow Lite (`.tflite`), for Android and microcontrollers; int8 by static quantization."""

    id: ClassVar[str] = "litert"
    title: ClassVar[str] = "LiteRT"
    suffixes: ClassVar[tuple[str, ...]] = (".tflite",)
    runtime: ClassVar[str] = "LiteRT"
    reads: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    activation_bits: ClassVar[tuple[int, ...]] = (8,)
    extra: ClassVar[str] = "litert"
    modules: ClassVar[tuple[str, ...]] = ("litert_torch", "ai_edge_litert")

    def recognises(self, path: Path, head: bytes) -> bool:
        """The flatbuffer's identifier."""
        return head[4:8] == b"TFL3"

    def read(self, path: Path, source: ModelSource, progress: Progress) -> "Model":
        from secateur.formats.weight_files.tflite_read import read_tflite
        from secateur.formats.weight_files.weights_alone import weights_alone

        found = read_tflite(path)
        return weights_alone(
            self,
            path,
            source,
            found.tensors,
            f"{path.name} is compiled for LiteRT, which nothing here turns back into a network that can be trained. "
            "Open the model that it was made from.",
            layers=found.layers,
            inputs=found.inputs,
            outputs=found.outputs,
            notes=found.notes,
        )

    def tensors(self, path: Path) -> "tuple[StoredTensor, ...]":
        from secateur.formats.weight_files.tflite_read import read_tflite

        return read_tflite(path).tensors

    def holds_weights(self, encoding: "WeightEncoding", shape: tuple[int, ...] = ()) -> str | None:
        if encoding.feeds_integer_kernels:
            return None
        return "LiteRT's converter keeps symmetric 8-bit integers per channel: others are stored as rounded floats."

    def can_write(self, model: "Model") -> str | None:
        from secateur.formats.torch_files.pt2_write import why_not

        return why_not(model)

    def losses(self, model: "Model") -> str:
        from secateur.formats.devices.litert_write import losses

        return losses(model)

    def write(self, model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
        from secateur.formats.devices.litert_write import write

        return write(model, path, options)

    def run(self, path: Path) -> Runner:
        from secateur.formats.devices.litert_write import run

        return run(path)
