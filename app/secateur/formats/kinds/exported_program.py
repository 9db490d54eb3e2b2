"""What `torch.export.save` writes."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from secateur.formats.base import Format, Progress, Runner, WriteOptions
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.model.encoding import WeightEncoding
    from secateur.model.stored import StoredTensor


class ProgramOptions(WriteOptions):
    """How quantized layers are spelled out."""

    operators: Literal["plain", "decomposed"] = Field(
        "plain",
        title="Operators",
        description="For quantized layers: plain ones load in any torch, quantized_decomposed is what backends know.",
    )


class ExportedProgramFormat(Format):
    """torch.export programs (`.pt2`): a network as a list of operators, with its weights; read without running code."""

    id: ClassVar[str] = "pt2"
    title: ClassVar[str] = "torch.export program"
    suffixes: ClassVar[tuple[str, ...]] = (".pt2",)
    runtime: ClassVar[str] = "torch"
    reads: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    activation_bits: ClassVar[tuple[int, ...]] = (8, 16)
    options: ClassVar[type[WriteOptions]] = ProgramOptions

    def recognises(self, path: Path, head: bytes) -> bool:
        """A zip with a program in it, in either of the two ways in which torch has stored them."""
        if head[:2] != b"PK":
            return False
        from secateur.formats.archives import member_names

        names = member_names(path)
        return "serialized_exported_program.json" in names or any(
            name.count("/") == 2 and name.split("/")[1] == "models" and name.endswith(".json") for name in names
        )

    def read(self, path: Path, source: ModelSource, progress: Progress) -> "Model":
        from secateur.formats.program.reading import open_program

        return open_program(path, source, progress)

    def tensors(self, path: Path) -> "tuple[StoredTensor, ...]":
        from secateur.formats.program.archive import stored_tensors

        return stored_tensors(path)

    def holds_weights(self, encoding: "WeightEncoding", shape: tuple[int, ...] = ()) -> str | None:
        return None

    def can_write(self, model: "Model") -> str | None:
        from secateur.formats.torch_files.pt2_write import why_not

        return why_not(model)

    def losses(self, model: "Model") -> str:
        from secateur.formats.torch_files.pt2_write import losses

        return losses(model)

    def write(self, model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
        from secateur.formats.torch_files.pt2_write import write_pt2

        return write_pt2(model, path, options)

    def run(self, path: Path) -> Runner:
        from secateur.formats.torch_files.pt2_write import run_pt2

        return run_pt2(path)
