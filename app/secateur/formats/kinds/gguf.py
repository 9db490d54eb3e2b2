"""GGUF: what llama.cpp and its relatives run."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from secateur.formats.base import Format, Progress, WriteOptions
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from secateur.graph.network import Model
    from secateur.model.encoding import WeightEncoding
    from secateur.model.stored import StoredTensor


class GgufOptions(WriteOptions):
    """How weights are stored."""

    weights: Literal["float32", "float16", "q8_0"] = Field(
        "float32",
        title="Weights",
        description="Q8_0 has 8 bits and a scale for every 32 values; rows that do not fill such blocks become "
        "float16. Vectors stay float32, and layers in 4-bit groups stay so, as Q4_0 or Q4_1.",
    )

    @property
    def computes_in(self) -> Literal["float32", "float16"]:
        return "float32" if self.weights == "float32" else "float16"

    @property
    def weight_error(self) -> float | None:
        """Half a step of a block, whose scale is float16: 1/254 of its largest value, and 2⁻¹¹ of each value."""
        return 1 / 254 + 2**-11 if self.weights == "q8_0" else None


class GgufFormat(Format):
    """GGUF weights, floats and ggml's blocks of 2 to 8 bits, mapped and decoded; the rarer by the gguf package."""

    id: ClassVar[str] = "gguf"
    title: ClassVar[str] = "GGUF"
    suffixes: ClassVar[tuple[str, ...]] = (".gguf",)
    runtime: ClassVar[str] = ""
    reads: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    extra: ClassVar[str] = "gguf"
    modules: ClassVar[tuple[str, ...]] = ("gguf",)
    options: ClassVar[type[WriteOptions]] = GgufOptions
    in_child: ClassVar[bool] = False
    """Numpy alone writes it, from the model as it is: a process of its own would be given the lowered network."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Its four letters."""
        return head[:4] == b"GGUF"

    def read(self, path: Path, source: ModelSource, progress: Progress) -> "Model":
        from secateur.formats.weight_files.gguf_read import read_gguf
        from secateur.formats.weight_files.weights_alone import weights_alone

        found = read_gguf(path)
        architecture = found.facts.get("general.architecture", "")
        whose = f"of the architecture {architecture} " if isinstance(architecture, str) and architecture else ""
        return weights_alone(
            self,
            path,
            source,
            found.tensors,
            f"{path.name} holds the weights {whose}without a network that can be trained. "
            "Open the Hugging Face folder that it was converted from.",
        )

    def tensors(self, path: Path) -> "tuple[StoredTensor, ...]":
        from secateur.formats.weight_files.gguf_read import stored_tensors

        return stored_tensors(path)

    def holds_weights(self, encoding: "WeightEncoding", shape: tuple[int, ...] = ()) -> str | None:
        from secateur.formats.weight_files.ggml_blocks import why_not_in_blocks

        return why_not_in_blocks(encoding, shape)

    def can_write(self, model: "Model") -> str | None:
        from secateur.formats.weight_files.gguf_write import why_not

        return why_not(model)

    def losses(self, model: "Model") -> str:
        from secateur.formats.weight_files.gguf_write import losses

        return losses(model)

    def write(self, model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
        from secateur.formats.weight_files.gguf_write import write

        return write(model, path, options)

    def why_not_run(self) -> str | None:
        return "A GGUF file holds weights and no network; they were read back and compared."

    def weights(self, path: Path) -> "Mapping[str, NDArray[np.float32]]":
        from secateur.formats.weight_files.gguf_write import weights

        return weights(path)
