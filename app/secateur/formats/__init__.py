"""How models come in and go out. Adding a format is adding a file to `kinds`, and its class here.

Order counts: a file is of the first format that recognises it, so the particular stand before the general.
"""

from secateur.errors import UserError
from secateur.formats.base import Format
from secateur.formats.kinds.coreml import CoreMlFormat
from secateur.formats.kinds.executorch import ExecuTorchFormat
from secateur.formats.kinds.exported_program import ExportedProgramFormat
from secateur.formats.kinds.gguf import GgufFormat
from secateur.formats.kinds.hugging_face import HuggingFaceFormat
from secateur.formats.kinds.litert import LiteRtFormat
from secateur.formats.kinds.ncnn import NcnnFormat
from secateur.formats.kinds.npz import NpzFormat
from secateur.formats.kinds.onnx_file import OnnxFormat
from secateur.formats.kinds.openvino_ir import OpenVinoFormat
from secateur.formats.kinds.package_file import PackageFormat
from secateur.formats.kinds.pytorch_file import PytorchFormat
from secateur.formats.kinds.safetensors_file import SafetensorsFormat
from secateur.formats.kinds.torchscript import TorchScriptFormat

FORMATS: tuple[Format, ...] = (
    SafetensorsFormat(),
    PackageFormat(),
    ExportedProgramFormat(),
    TorchScriptFormat(),
    GgufFormat(),
    LiteRtFormat(),
    NpzFormat(),
    PytorchFormat(),
    OpenVinoFormat(),
    HuggingFaceFormat(),
    OnnxFormat(),
    CoreMlFormat(),
    ExecuTorchFormat(),
    NcnnFormat(),
)


def format_named(name: str) -> Format:
    """The format with this id; UserError lists those that there are."""
    for candidate in FORMATS:
        if candidate.id == name:
            return candidate
    raise UserError(f"There is no format {name!r}.", f"Known: {', '.join(known.id for known in FORMATS)}.")
