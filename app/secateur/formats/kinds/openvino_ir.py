"""What OpenVINO keeps: a graph in XML, the weights in a `.bin` beside it."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from secateur.formats.base import Format, Progress, Runner, WriteOptions
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.model.encoding import WeightEncoding
    from secateur.model.stored import StoredTensor


class OpenVinoOptions(WriteOptions):
    """How OpenVINO IR is stored."""

    compress_to_fp16: bool = Field(
        False,
        title="Half weights",
        description="Float weights as float16, which halves the file; OpenVINO computes in float32 all the same.",
    )

    @property
    def computes_in(self) -> Literal["float32", "float16"]:
        return "float16" if self.compress_to_fp16 else "float32"


class OpenVinoFormat(Format):
    """OpenVINO IR (`.xml` and `.bin`): what OpenVINO runs on Intel's processors; keeps int8 and int4 as they are."""

    id: ClassVar[str] = "openvino"
    title: ClassVar[str] = "OpenVINO IR"
    suffixes: ClassVar[tuple[str, ...]] = (".xml",)
    named_by_suffix: ClassVar[bool] = True
    runtime: ClassVar[str] = "OpenVINO"
    reads: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    activation_bits: ClassVar[tuple[int, ...]] = (8,)
    extra: ClassVar[str] = "openvino"
    modules: ClassVar[tuple[str, ...]] = ("openvino",)
    options: ClassVar[type[WriteOptions]] = OpenVinoOptions

    def recognises(self, path: Path, head: bytes) -> bool:
        """XML whose first element is `net`."""
        if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<?xml", b"<net ")):
            return False
        with path.open("rb") as stream:
            return b"<net " in stream.read(4096)

    def read(self, path: Path, source: ModelSource, progress: Progress) -> "Model":
        from secateur.formats.weight_files.openvino_read import read_ir
        from secateur.formats.weight_files.weights_alone import weights_alone

        found = read_ir(path)
        return weights_alone(
            self,
            path,
            source,
            found.tensors,
            f"{path.name} is compiled for OpenVINO, which nothing here turns back into a network that can be trained. "
            "Open the model that it was made from.",
            layers=found.layers,
            inputs=found.inputs,
            outputs=found.outputs,
        )

    def tensors(self, path: Path) -> "tuple[StoredTensor, ...]":
        from secateur.formats.weight_files.openvino_read import read_ir

        return read_ir(path).tensors

    def holds_weights(self, encoding: "WeightEncoding", shape: tuple[int, ...] = ()) -> str | None:
        from secateur.formats.devices.openvino_write import why_not_held

        return why_not_held(encoding, shape)

    def can_write(self, model: "Model") -> str | None:
        from secateur.formats.devices.openvino_write import why_not

        return why_not(model)

    def losses(self, model: "Model") -> str:
        from secateur.formats.devices.openvino_write import losses

        return losses(model)

    def write(self, model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
        from secateur.formats.devices.openvino_write import write

        return write(model, path, options)

    def run(self, path: Path) -> Runner:
        from secateur.formats.devices.openvino_write import run

        return run(path)
