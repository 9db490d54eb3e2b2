"""Opening a model: whatever the source is, one of the three kinds of model comes out, or a sentence."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from secateur.errors import TrustNeeded, UserError
from secateur.formats.base import Progress
from secateur.formats.describing.describe import describe as describe
from secateur.formats.recognition import model_file, recognise, suffix_note, told_as_broken
from secateur.formats.torch_files import factory as factories
from secateur.formats.weight_files.shards import SUFFIX, shards
from secateur.graph.network import Model, OnnxModel, TorchModel
from secateur.model.description import ModelSource, Port
from secateur.resources import resource

if TYPE_CHECKING:
    from torch import nn

    from secateur.formats.torch_files.state_dicts import StateDict
    from secateur.graph.onnx_files.reading import OnnxFile
    from secateur.graph.shipped import ShippedGraph

SAMPLE: Final = "sample:model"
_STEPS: Final = 3


def _silent(done: int, total: int, text: str) -> None:
    """Report nothing."""


def open_model(source: ModelSource, progress: Progress = _silent) -> Model:
    """The model that `source` names.

    A file is known by its content. ONNX becomes a TorchModel where the importer knows all its operators and
    ONNX Runtime agrees with the result, else an OnnxModel with the reason. Weights become a TorchModel with a
    factory, and a StoredModel without one.
    Raises UserError with one sentence where the source is wrong; `progress` may raise to cancel.
    """
    if not source.path and not source.factory:
        raise UserError("No model was named.", "Give a file, a folder, `sample:model` or a factory.")
    if not source.factory and factories.is_factory(source.path) and not Path(source.path).exists():
        source = ModelSource(factory=source.path)
    if source.factory:
        return _open_factory(source, progress)
    path = model_file(_located(source.path))
    progress(0, _STEPS, f"Reading {path.name}")
    with told_as_broken(path):
        kind = recognise(path)
        model = kind.read(path, source, progress)
    note = suffix_note(path, kind)
    return replace(model, notes=(note, *model.notes)) if note else model


def _located(text: str) -> Path:
    """The path that a source's text means; `sample:model` is the bundled one."""
    if text == SAMPLE:
        return resource("sample/model.onnx")
    if text.startswith("sample:"):
        raise UserError(f"There is no sample called '{text}'.", f"The bundled model is `{SAMPLE}`.")
    return Path(text).expanduser()


def _model_name(source: ModelSource, path: Path | None) -> str:
    if source.path == SAMPLE:
        return "sample"
    return path.stem if path is not None else source.factory.rpartition(":")[2]


# ---------------------------------------------------------------------- factories


def _open_factory(source: ModelSource, progress: Progress) -> TorchModel:
    from secateur.formats.torch_files.state_dicts import fit
    from secateur.graph.checking import finite_notes, torch_tensors
    from secateur.graph.describing.input_shapes import find_inputs, output_ports

    progress(0, _STEPS, f"Building {source.factory}")
    built = factories.build(source.factory)
    notes: tuple[str, ...] = ()
    path = model_file(_located(source.path)) if source.path else None
    kind = "pytorch"
    if path is not None:
        progress(1, _STEPS, f"Reading {path.name}")
        with told_as_broken(path):
            kind = recognise(path).id
        if kind == "onnx":
            raise UserError(f"{path.name} is an ONNX file, which brings its own network.", "Open it without a factory.")
        notes = fit(built.module, _state_dict(path, kind, source, progress), path, source.factory)
    else:
        notes = ("No weights file was given: the network has the weights that its factory gives it.",)
    progress(2, _STEPS, "Trying the network")
    inputs, found = find_inputs(built.module, built.hints, source.factory)
    return TorchModel(
        name=_model_name(source, path),
        module=built.module,
        inputs=inputs,
        outputs=output_ports(built.module, inputs),
        source=source,
        format=kind,
        source_bytes=_size_of(path) if path else 0,
        path=path,
        notes=(*notes, *found, *finite_notes(torch_tensors(built.module))),
        inputs_guessed=bool(found),
    )


def _size_of(path: Path) -> int:
    files = shards(path) if path.name.endswith(SUFFIX) else (path,)
    return sum(file.stat().st_size for file in files)


def _state_dict(path: Path, kind: str, source: ModelSource, progress: Progress) -> "StateDict":
    """The weights for a factory; those of a whole pickled module by way of a confined process, where it is trusted."""
    from secateur.formats.torch_files.state_dicts import read_state_dict

    try:
        return read_state_dict(path, kind)
    except TrustNeeded:
        if not source.trusted:
            raise
    from secateur.formats.confined.opening import trusted_weights

    return trusted_weights(path, source.factory, progress)


def with_sample_shape(model: TorchModel, shape: tuple[int, ...]) -> TorchModel:
    """`model` taking samples of this shape, tried out; UserError where its network does not take them."""
    from secateur.graph.describing.input_shapes import output_ports

    port = replace(model.inputs[0], shape=(None, *shape))
    inputs = (port, *model.inputs[1:])
    try:
        outputs = output_ports(model.module, inputs)
    except (RuntimeError, ValueError, IndexError) as problem:
        wanted = "×".join(str(size) if size else "any" for size in model.inputs[0].shape[1:])
        given = "×".join(str(size) for size in shape)
        raise UserError(
            f"{model.name} takes samples of {wanted} and the data has {given}.",
            "Resize or crop the data in its preprocessing.",
        ) from problem
    return replace(model, inputs=inputs, outputs=outputs)


# ---------------------------------------------------------------------- ONNX


def open_onnx(path: Path, source: ModelSource, progress: Progress) -> Model:
    """The network of an ONNX file, or the file itself with the reason why it is not one."""
    from secateur.formats.onnx_files.batches import free_batch, takes_batches, with_fixed_lengths
    from secateur.formats.onnx_files.sizes import settle_heights, with_lengths
    from secateur.graph.checking import finite_notes, onnx_tensors
    from secateur.graph.homes import shipped
    from secateur.graph.onnx_files.reading import graph_ports, read_onnx
    from secateur.graph.onnx_import.check import TOLERATED, size_deviation
    from secateur.graph.onnx_layers import forget_sessions
    from secateur.graph.qdq.decoding import decoded
    from secateur.graph.qdq.planes import in_words
    from secateur.model.authorship import authorship_of

    file = read_onnx(path)
    blocked = _why_not_loaded(file, path)
    settled = "" if blocked else settle_heights(file.proto)
    inputs, outputs = with_lengths(file.proto), graph_ports(file.proto)[1]
    common: dict[str, Any] = {
        "name": _model_name(source, path),
        "source": source,
        "format": "onnx",
        "source_bytes": sum(part.stat().st_size for part in file.files),
        "path": path,
        "narrow": {**file.narrow, **in_words(file.planes)},
    }
    notes = (*file.notes, *([settled] if settled else []), *finite_notes(onnx_tensors(file.proto)))
    if blocked:
        common |= {"reason": blocked, "blocked": blocked}
        return OnnxModel(proto=file.proto, inputs=graph_ports(file.proto)[0], outputs=outputs, notes=notes, **common)
    progress(1, _STEPS, "Importing the network")
    known = decoded(file.proto, file.planes)
    network = file if known is None else replace(file, proto=known.proto)
    module, reason = _imported(network, path, inputs, progress)
    if module is None:
        return OnnxModel(proto=file.proto, inputs=inputs, outputs=outputs, reason=reason, notes=notes, **common)
    for read in (file.proto, network.proto):
        forget_sessions(read)
    file = network
    lowered: ShippedGraph | None = shipped(file.proto, module)
    if inputs and inputs[0].shape and inputs[0].shape[0] == 1 and takes_batches(module, inputs):
        inputs, outputs = free_batch(inputs), free_batch(outputs)
        notes = (*notes, "The file takes one sample at a time; the network imported from it takes batches.")
        lowered = None
    if not size_deviation(file.proto, module, inputs) <= TOLERATED:
        inputs = with_fixed_lengths(inputs)
        shapes = ", ".join("×".join(str(size) for size in port.shape[1:]) for port in inputs)
        notes = (*notes, f"The file takes other sizes too; the network imported from it is right for {shapes} alone.")
    common |= {"notes": notes, "authorship": authorship_of(file.proto)}
    if known is not None:
        common |= {"encodings": known.encodings, "narrow": file.narrow}
    forget_sessions(file.proto)  # it was run again, in other sizes
    return TorchModel(module=module, inputs=inputs, outputs=outputs, lowered=lowered, **common)


def _why_not_loaded(file: "OnnxFile", path: Path) -> str:
    """Why ONNX Runtime does not load a file whose layers can be looked at; UserError where it has none."""
    from secateur.graph.onnx_files.reading import require_layers
    from secateur.graph.onnx_layers import session_of

    try:
        session_of(file.proto)
    except Exception as problem:  # noqa: BLE001 - the runtime raises types of its own; the sentence says which
        lines = str(problem).strip().splitlines()
        said = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", lines[0]) if lines else type(problem).__name__
        sentence = f"ONNX Runtime cannot load {path.name}: {said}"
        hint = "Export the model again with operators that ONNX Runtime has."
        require_layers(file.proto, UserError(sentence, hint), problem)
        return f"{sentence.rstrip('.')}. {hint}"
    return ""


def _imported(
    file: "OnnxFile", path: Path, inputs: tuple[Port, ...], progress: Progress
) -> "tuple[nn.Module | None, str]":
    """The trainable network of a file, or None and the sentence that says why there is none."""
    from secateur.graph.onnx_import.check import TOLERATED, batch_deviation, import_deviation
    from secateur.graph.onnx_import.importer import import_model, quantized_reason
    from secateur.graph.onnx_import.values import ImportRefused

    try:
        if reason := quantized_reason(file.proto):
            raise ImportRefused(reason)
        module = import_model(file.proto, inputs)
    except ImportRefused as refusal:
        return None, f"{str(refusal)[:1].upper()}{str(refusal)[1:]}"
    progress(2, _STEPS, "Comparing the import with ONNX Runtime")
    try:
        deviation = import_deviation(file.proto, module, inputs=inputs)
        deviation = max(deviation, batch_deviation(file.proto, module, inputs))
    except Exception as problem:  # noqa: BLE001 - both runtimes raise types of their own; the reason is kept
        lines = str(problem).strip().splitlines()
        return None, f"It could not be compared with ONNX Runtime: {lines[0] if lines else type(problem).__name__}"
    if deviation > TOLERATED:
        return None, f"The imported network's answers differ from ONNX Runtime's by {deviation:.2g} of the largest."
    return module, ""
