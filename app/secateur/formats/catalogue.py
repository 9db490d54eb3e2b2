"""The formats of this version. Heavy work is imported when a model is read, written or run, not before."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from secateur.formats.base import Format, Runner
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from secateur.model.model import Model


class OnnxFormat(Format):
    """ONNX: what ONNX Runtime and most others run; carries quantized weights and activations."""

    id: ClassVar[str] = "onnx"
    title: ClassVar[str] = "ONNX"
    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)
    runtime: ClassVar[str] = "ONNX Runtime"

    def recognises(self, path: Path, head: bytes) -> bool:
        """A protobuf message that begins with field 1 (the IR version) as a small number, or the suffix."""
        is_message = len(head) > 2 and head[0] == 0x08 and head[1] < 0x40
        return path.suffix.lower() in self.suffixes or is_message

    def read(self, source: ModelSource) -> "Model":
        from secateur.formats.reading import open_model

        return open_model(source)

    def can_write(self, model: "Model") -> str | None:
        return None

    def write(self, model: "Model", path: Path) -> tuple[Path, ...]:
        from secateur.formats.onnx_write import write_onnx

        return write_onnx(model, path)

    def run(self, path: Path) -> Runner:
        from secateur.formats.onnx_write import run_onnx

        return run_onnx(path)


class SafetensorsFormat(Format):
    """safetensors and architecture: the weights, and beside them the network as plain torch code (`…_network.py`)."""

    id: ClassVar[str] = "safetensors"
    title: ClassVar[str] = "safetensors + architecture"
    suffixes: ClassVar[tuple[str, ...]] = (".safetensors",)
    runtime: ClassVar[str] = "torch"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Eight bytes with the header's length, then JSON."""
        return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 100_000_000

    def read(self, source: ModelSource) -> "Model":
        from secateur.formats.reading import open_model

        return open_model(source)

    def can_write(self, model: "Model") -> str | None:
        from secateur.formats.safetensors_write import why_not

        return why_not(model)

    def write(self, model: "Model", path: Path) -> tuple[Path, ...]:
        from secateur.formats.safetensors_write import write_safetensors

        return write_safetensors(model, path)

    def run(self, path: Path) -> Runner:
        from secateur.formats.safetensors_write import run_safetensors

        return run_safetensors(path)


class PytorchFormat(Format):
    """PyTorch state dicts (`.pt`, `.pth`, `.th`, `.bin`) with a factory; read only, never unpickling code."""

    id: ClassVar[str] = "pytorch"
    title: ClassVar[str] = "PyTorch state dict"
    suffixes: ClassVar[tuple[str, ...]] = (".pt", ".pth", ".th", ".bin")
    runtime: ClassVar[str] = ""

    def recognises(self, path: Path, head: bytes) -> bool:
        """A zip or a pickle by one of the suffixes."""
        return path.suffix.lower() in self.suffixes and (head[:2] == b"PK" or head[:1] == b"\x80")

    def read(self, source: ModelSource) -> "Model":
        from secateur.formats.reading import open_model

        return open_model(source)

    def can_write(self, model: "Model") -> str | None:
        return "PyTorch's pickles can hide code, so none are written: export as safetensors + architecture."
