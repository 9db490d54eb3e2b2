"""What an exporter's process needs, in a folder and without pickle: graph, encodings, options and inputs."""

import dataclasses
import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.formats.base import Format, Samples, WriteOptions
from secateur.formats.proving.running import Batching
from secateur.model.authorship import Authorship
from secateur.model.description import ModelSource, Port
from secateur.model.encoding import ActivationEncoding, Encodings, IntegerEncoding

if TYPE_CHECKING:
    from secateur.graph.context import Context
    from secateur.graph.network import Model

TASK: Final = "task.json"
MODEL: Final = "model.json"
GRAPH: Final = "graph.onnx"
INPUTS: Final = "inputs.npz"
OUTPUTS: Final = "outputs.npz"
LOG: Final = "converter.log"
_ENCODINGS: Final = "encodings"
_REPLACED: Final = "replaced.npz"
_KINDS: Final[dict[str, type[Any]]] = {
    **{kind.__name__: kind for kind in (IntegerEncoding, ActivationEncoding)},
    "WeightEncoding": IntegerEncoding,  # as runs of earlier versions call it
}


@dataclasses.dataclass(frozen=True)
class Task:
    """What a child is to do: a format, how it writes, the file that is written or opened, and how samples lie."""

    format: Format
    options: WriteOptions
    path: Path
    batching: Batching

    def store(self, folder: Path) -> None:
        kind = type(self.format)
        document = {
            "format": f"{kind.__module__}:{kind.__qualname__}",
            "options": self.options.model_dump(mode="json"),
            "path": str(self.path),
            "batch": self.batching.size,
            "axes": self.batching.axes,
        }
        (folder / TASK).write_text(json.dumps(document), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> "Task":
        document = json.loads((folder / TASK).read_text(encoding="utf-8"))
        module, _, name = document["format"].partition(":")
        entry: Format = getattr(importlib.import_module(module), name)()
        options = entry.options.model_validate(document["options"])
        batching = Batching(document["batch"], tuple(document["axes"]))
        return Task(entry, options, Path(document["path"]), batching)


# ---------------------------------------------------------------------- the model


def stage_model(folder: Path, model: "Model") -> None:
    """Write down a model so that `staged_model` makes an equal one; a torch network as its lowered graph.

    UserError where a torch network has no ONNX graph.
    """
    from secateur.formats.onnx_files.external import write_external
    from secateur.graph.network import StoredModel, TorchModel

    document: dict[str, Any] = {
        "kind": type(model).__name__,
        "name": model.name,
        "inputs": [dataclasses.asdict(port) for port in model.inputs],
        "outputs": [dataclasses.asdict(port) for port in model.outputs],
    }
    if isinstance(model, StoredModel):
        document |= {"format": model.format, "path": str(model.path.resolve()) if model.path else ""}
        _store_arrays(folder / _REPLACED, model.replaced)
        _store_encodings(folder, model.encodings)
    elif isinstance(model, TorchModel):
        if model.lowered is None:
            raise ValueError(f"{model.name} is not lowered")
        write_external(model.lowered, folder / GRAPH)
        _store_encodings(folder, model.encodings)
        document["authorship"] = dataclasses.asdict(model.authorship)
    else:
        document["reason"] = model.reason
        _store_encodings(folder, model.encodings)
        write_external(model.proto, folder / GRAPH)
    (folder / MODEL).write_text(json.dumps(document), encoding="utf-8")


def in_staged_form(model: "Model", context: "Context") -> "Model":
    """The model as it is staged, simulated and compared: a torch network lowered, any other as it is."""
    from secateur.graph.lowering import lower
    from secateur.graph.network import TorchModel

    return lower(model, context) if isinstance(model, TorchModel) else model


def staged_model(folder: Path) -> "Model":
    """The model that `stage_model` wrote down."""
    import onnx

    from secateur.graph.network import OnnxModel, TorchModel

    document = json.loads((folder / MODEL).read_text(encoding="utf-8"))
    if document["kind"] == "StoredModel":
        return _stored_model(folder, document)
    common: dict[str, Any] = {
        "name": document["name"],
        "inputs": _ports(document["inputs"]),
        "outputs": _ports(document["outputs"]),
    }
    proto = onnx.load(str(folder / GRAPH))
    if document["kind"] == "OnnxModel":
        return OnnxModel(proto=proto, reason=document["reason"], encodings=_load_encodings(folder), **common)
    from secateur.graph.homes import shipped
    from secateur.graph.onnx_import.importer import import_model

    module = import_model(proto)
    common |= {"encodings": _load_encodings(folder), "authorship": _authorship(document.get("authorship", {}))}
    return TorchModel(module=module, lowered=shipped(proto, module), **common)


def _stored_model(folder: Path, document: dict[str, Any]) -> "Model":
    """A file of weights is opened again where it lies: it is mapped, and may be larger than the memory."""
    from secateur.formats import format_named
    from secateur.formats.weight_files.stored import open_stored

    path = Path(document["path"])
    model = open_stored(format_named(document["format"]), path, ModelSource(str(path)))
    replaced = {name: np.asarray(value, np.float32) for name, value in load_arrays(folder / _REPLACED).items()}
    return replace(model, name=document["name"], replaced=replaced, encodings=_load_encodings(folder))


def _authorship(document: Mapping[str, Any]) -> Authorship:
    """JSON has lists where the value has tuples; runs of earlier versions have nothing."""

    def in_tuples(value: Any) -> Any:
        return tuple(map(in_tuples, value)) if isinstance(value, list) else value

    return Authorship(**{name: in_tuples(value) for name, value in document.items()})


def _ports(documents: Sequence[Mapping[str, Any]]) -> tuple[Port, ...]:
    return tuple(Port(**{**document, "shape": tuple(document["shape"])}) for document in documents)


# ---------------------------------------------------------------------- arrays and encodings


def store_inputs(folder: Path, inputs: Samples) -> None:
    """One array per input, in order."""
    _store_arrays(folder / INPUTS, {f"{index:03}": np.ascontiguousarray(value) for index, value in enumerate(inputs)})


def store_outputs(folder: Path, outputs: Sequence[NDArray[Any]]) -> None:
    _store_arrays(folder / OUTPUTS, {f"{index:03}": value for index, value in enumerate(outputs)})


def in_order(path: Path) -> list[NDArray[Any]]:
    """What `store_inputs` or `store_outputs` wrote."""
    arrays = load_arrays(path)
    return [arrays[name] for name in sorted(arrays)]


def store_named(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Arrays under any names, read back by `load_arrays` of `OUTPUTS`."""
    _store_arrays(folder / OUTPUTS, arrays)


def _store_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Any names: npz holds numbers only, and the names go into a JSON list beside it."""
    names = list(arrays)
    path.with_suffix(".json").write_text(json.dumps(names), encoding="utf-8")
    np.savez(path, allow_pickle=False, **{str(index): np.asarray(arrays[name]) for index, name in enumerate(names)})


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """What `_store_arrays` wrote, under its names."""
    names = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[str(index)] for index, name in enumerate(names)}


def _store_encodings(folder: Path, encodings: Encodings) -> None:
    """Fields of every encoding: arrays into npz, numbers into JSON."""
    arrays: dict[str, NDArray[Any]] = {}
    document: dict[str, dict[str, Any]] = {}
    for part in dataclasses.fields(encodings):
        document[part.name] = {}
        for owner, encoding in getattr(encodings, part.name).items():
            plain: dict[str, Any] = {"kind": type(encoding).__name__}
            for entry in dataclasses.fields(encoding):
                value = getattr(encoding, entry.name)
                if isinstance(value, np.ndarray):
                    plain[entry.name] = {"array": f"{part.name}/{owner}/{entry.name}"}
                    arrays[plain[entry.name]["array"]] = value
                else:
                    plain[entry.name] = value.item() if isinstance(value, np.generic) else value
            document[part.name][owner] = plain
    (folder / f"{_ENCODINGS}-fields.json").write_text(json.dumps(document), encoding="utf-8")
    _store_arrays(folder / f"{_ENCODINGS}.npz", arrays)


def _load_encodings(folder: Path) -> Encodings:
    document = json.loads((folder / f"{_ENCODINGS}-fields.json").read_text(encoding="utf-8"))
    arrays = load_arrays(folder / f"{_ENCODINGS}.npz")

    def encoding(plain: dict[str, Any]) -> Any:
        values = {
            name: arrays[value["array"]] if isinstance(value, dict) else value
            for name, value in plain.items()
            if name != "kind"
        }
        return _KINDS[plain["kind"]](**values)

    return Encodings(**{part: {owner: encoding(plain) for owner, plain in items.items()}
                        for part, items in document.items()})  # fmt: skip
