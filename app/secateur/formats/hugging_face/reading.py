"""Opening a Hugging Face folder: as a network where transformers is there and knows it, else as its weights."""

from pathlib import Path

from secateur.errors import UserError
from secateur.formats.base import Format, Progress
from secateur.formats.hugging_face.folder import stored_tensors, weight_files
from secateur.graph.network import Model, TorchModel
from secateur.model.description import ModelSource

_STEPS = 3


def open_folder(kind: Format, path: Path, source: ModelSource, progress: Progress) -> Model:
    """The network of the folder at `path`; its weights with the reason where there can be none."""
    from secateur.formats.weight_files.weights_alone import weights_alone

    tensors = stored_tensors(path)
    if not tensors:  # before transformers is imported, which takes seconds
        raise UserError(f"The safetensors files of {path.name} hold no tensors.", "Copy or download the folder again.")
    missing = kind.missing()
    if missing is None:
        try:
            return _network(kind, path, source, progress)
        except UserError as problem:
            reason = problem.sentence
        except Exception as problem:  # noqa: BLE001 - transformers raises anything; the reason is kept
            lines = str(problem).strip().splitlines() or [type(problem).__name__]
            reason = f"transformers cannot build its network ({lines[0][:200].rstrip('.')})."
    else:
        reason = missing
    return weights_alone(kind, path, source, tensors, reason)


def _network(kind: Format, path: Path, source: ModelSource, progress: Progress) -> TorchModel:
    from secateur.formats.hugging_face.network import build, input_ports, output_ports, taking_tensors
    from secateur.graph.checking import finite_notes, torch_tensors

    progress(1, _STEPS, "Building the network")
    network, notes = build(path)
    progress(2, _STEPS, "Trying the network")
    inputs = input_ports(network)
    outputs = output_ports(network, inputs)
    module = taking_tensors(network, inputs)
    return TorchModel(
        name=path.resolve().name,
        module=module,
        inputs=inputs,
        outputs=outputs,
        source=source,
        format=kind.id,
        source_bytes=sum(file.stat().st_size for file in weight_files(path)),
        path=path,
        notes=(*notes, *finite_notes(torch_tensors(module))),
    )
