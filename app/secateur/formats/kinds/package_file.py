"""A package to hand on: the model with what tells where it comes from and that it arrived whole."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from secateur.formats.base import Format, Progress, Runner, WriteOptions
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.model.encoding import WeightEncoding

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class PackageOptions(WriteOptions):
    """What goes into a package besides the model."""

    attachments: tuple[str, ...] = Field(
        (),
        title="Attached",
        description="Paths of files that go along, such as recipe and report.",
        json_schema_extra={"form": False},  # a run attaches its own
    )


class PackageFormat(Format):
    """A zip (`.zip`, or `.tar.zst` with the extra zstd): ONNX file, recipe, report, checksums and a README."""

    id: ClassVar[str] = "package"
    title: ClassVar[str] = "Package"
    suffixes: ClassVar[tuple[str, ...]] = (".zip", ".tar.zst")
    runtime: ClassVar[str] = "ONNX Runtime"
    reads: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    activation_bits: ClassVar[tuple[int, ...]] = (8, 16)
    options: ClassVar[type[WriteOptions]] = PackageOptions
    in_child: ClassVar[bool] = False
    """It holds the ONNX file that the engine writes and runs itself."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """A zip with our checksums beside an ONNX file, or a zstd stream under its suffix."""
        if head.startswith(ZSTD_MAGIC):
            return path.name.endswith(".tar.zst")
        if head[:2] != b"PK":
            return False
        from secateur.formats.archives import member_names
        from secateur.formats.package import is_package

        return is_package(member_names(path))

    def read(self, path: Path, source: ModelSource, progress: Progress) -> "Model":
        from secateur.formats.package import read

        return read(path, source, progress)

    def holds_weights(self, encoding: "WeightEncoding", shape: tuple[int, ...] = ()) -> str | None:
        return None

    def can_write(self, model: "Model") -> str | None:
        from secateur.formats.weight_files.stored import needs_network

        return needs_network(model)

    def write(self, model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
        from secateur.formats.package import write

        return write(model, path, options if isinstance(options, PackageOptions) else PackageOptions())

    def run(self, path: Path) -> Runner:
        from secateur.formats.package import run

        return run(path)
