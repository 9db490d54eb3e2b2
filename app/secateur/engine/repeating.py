"""How a run is done again: the command, and the description of its data where that is more than a name."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from secateur.data.source import DataSource
from secateur.engine.events import RunRecord

USUAL_TARGET = "onnxruntime"


@dataclass(frozen=True)
class Repeat:
    """`command` is one line for a shell. `data_yaml` is to be saved as data.yaml where it is run; empty for none."""

    command: str
    data_yaml: str = ""


def repeat_of(record: RunRecord) -> Repeat | None:
    """How to repeat a run into a folder beside its own; None for one that does not say how its model is opened."""
    if record.model_source is None:
        return None
    document, folder = record.document, Path(record.folder)
    words = ["secateur", "compress", *record.model_source.words]
    data, described = record.data_source, ""
    if data is not None and data.path:
        named, described = _data(data)
        words += ["--data", named]
    words += ["--recipe", str(folder / "recipe.yaml")]
    if exports := [name for name in record.exports if name != "onnx"]:
        words += ["--export", ",".join(exports)]
    target = document.origin.target if document is not None and document.origin is not None else ""
    if target and target != USUAL_TARGET:
        words += ["--target", target]
    if document is not None and document.device == "CPU":
        words += ["--device", "cpu"]
    if document is not None and document.threads:
        words += ["--threads", str(document.threads)]
    words += ["--output", str(folder.with_name(f"{folder.name}-again"))]
    return Repeat(shlex.join(words), described)


def _data(data: DataSource) -> tuple[str, str]:
    """What --data is given, and the data.yaml that this names, where one is needed."""
    if not data.preprocessing and not data.said:
        return data.path, ""
    try:
        return "data.yaml", data.described()
    except (OSError, ValueError, TypeError, KeyError):  # the description is not there any more, or is another
        return data.path, ""
