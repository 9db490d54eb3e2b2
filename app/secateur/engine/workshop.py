"""What the engine has open: models, their lowered forms and spectra, data sets, baselines.

Everything is made on first use and found again by its source, so a restarted engine needs no replay: the next
request that names a model opens it anew.
"""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.evaluation import Predictions
from secateur.engine.protection import data_files
from secateur.engine.reporting import Reporter
from secateur.engine.requests import DataSource
from secateur.engine.weight_views import WeightLooks
from secateur.errors import UserError
from secateur.formats.describing.describe import model_files
from secateur.graph.network import Model, OnnxModel, StoredModel, TorchModel, fixed_batch, in_batches_of
from secateur.graph.stored_layers import LayerTensor, layer_tensors
from secateur.methods.facts import Facts, facts_of
from secateur.model.description import Couplings, ModelDescription, ModelSource
from secateur.model.documents import Evaluation
from secateur.model.spectrum import Spectra
from secateur.targets import TARGETS, target_named

if TYPE_CHECKING:
    import onnx

    from secateur.data.batch import Run
    from secateur.data.dataset import Dataset

T = TypeVar("T")
MOST_MODELS = 3
LAYER_SAMPLES = 64
"""Samples on which layers are compared."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """The untouched model on the test split."""

    evaluation: Evaluation
    predictions: Predictions


@dataclass
class Bench:
    """One opened model and what has been made of it.

    `open` gives the network; of a file that is too large to be loaded for a look it is called by the first job that
    needs more. `files` are all that was opened, the model first. `tensors` are the weights, by layer, that lie in a
    file as they are: what spectra are counted from.
    """

    description: ModelDescription
    open: Callable[[], Model]
    files: tuple[Path, ...] = ()
    tensors: Mapping[str, LayerTensor] = field(default_factory=dict)
    spectra: dict[str, Spectra] = field(default_factory=dict)
    singular_values: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    has_read_singular_values: bool = False
    """Whether those that the disk keeps were looked for."""
    has_new_singular_values: bool = False
    """Whether some were found that the disk does not keep yet."""
    lowered: TorchModel | None = None
    file: Path | None = None
    data: "dict[str, Dataset]" = field(default_factory=dict)
    baselines: dict[str, Baseline] = field(default_factory=dict)
    couplings: Couplings | None = None
    """Which channels leave together, once that was asked for: see `secateur.engine.couplings`."""

    @cached_property
    def model(self) -> Model:
        return self.open()

    def take(self, description: ModelDescription, model: Model) -> None:
        """The same network for another input: what was made for the one before is dropped."""
        self.description, self.open = description, lambda: model
        self.__dict__["model"] = model  # where the cached property keeps it
        self.lowered = self.file = self.couplings = None
        self.data.clear()
        self.baselines.clear()

    @property
    def places(self) -> tuple[Path, ...]:
        """Where the network's own files lie: what it was opened from, and its code."""
        source = self.description.source
        named = (source.path, source.factory.rpartition(":")[0])
        return tuple(dict.fromkeys((*(Path(name).expanduser() for name in named if name), *self.files)))

    @cached_property
    def weights(self) -> Mapping[str, NDArray[np.float32]]:
        """Weights by layer, as the network holds them."""
        return self.model.weights()


class Workshop:
    """Opened things by source; the models used last are kept. `threads` is what runtimes may use."""

    def __init__(self, threads: int, most_models: int = MOST_MODELS) -> None:
        self.threads, self._most_models = threads, most_models
        self.looks = WeightLooks()
        self._benches: OrderedDict[tuple[ModelSource, float], Bench] = OrderedDict()
        self._folder = TemporaryDirectory(prefix="secateur-", ignore_cleanup_errors=True)

    @property
    def does_jobs(self) -> bool:
        """Whether this process does the jobs, and does not answer questions beside them: that one keeps one model."""
        return self._most_models > 1

    @property
    def folder(self) -> Path:
        """A temporary folder that is gone when the engine ends."""
        return Path(self._folder.name)

    def bench(self, source: ModelSource, reporter: Reporter) -> Bench:
        """The opened model; opens it where it is not, or where its file has changed since."""
        key = (source, _changed_at(source))
        if key not in self._benches:
            self._benches[key] = _new_bench(source, reporter)
            while len(self._benches) > self._most_models:
                self._benches.popitem(last=False)
        self._benches.move_to_end(key)
        return self._benches[key]

    def data(self, bench: Bench, source: DataSource, reporter: Reporter, beside: Sequence[Bench] = ()) -> "Dataset":
        """The data set prepared for this model's input, and checked to fit the model.

        What only lies beside another model (a tokenizer) is looked for beside these, too.
        """
        from secateur.data.fit import check_fit
        from secateur.data.sources import open_data

        if not bench.description.runnable:
            raise UserError(f"{bench.description.name} cannot be run on data: {bench.description.reason}")
        key = _data_key(source)
        if key not in bench.data:
            told = fit_to_data(bench, source)
            inputs, outputs = bench.description.inputs, bench.description.outputs
            places = tuple(dict.fromkeys(place for one in (bench, *beside) for place in one.places))
            dataset = open_data(source, inputs, progress=reporter.progress, outputs=outputs, beside=places)
            notes = (*told, *check_fit(dataset, inputs, outputs))
            bench.data.clear()
            bench.data[key] = replace(dataset, notes=(*dataset.notes, *notes))
        return bench.data[key]

    def lowered(self, bench: Bench, reporter: Reporter) -> TorchModel:
        """The model as the float ONNX graph that ships, imported again; UserError for a file that stays a file."""
        from secateur.graph.lowering import lower

        if not isinstance(bench.model, TorchModel):
            raise UserError(
                f"{bench.description.name} cannot be measured layer by layer: {bench.model.reason}",
                "Its weights can still be inspected, pruned and exported.",
            )
        if bench.lowered is None:
            bench.lowered = lower(bench.model, reporter.context())
        return bench.lowered

    def exportable(self, bench: Bench, reporter: Reporter) -> Model:
        """The model in the form from which files are written quickest: a torch network is exported once, and kept."""
        return self.lowered(bench, reporter) if isinstance(bench.model, TorchModel) else bench.model

    def spectra(self, bench: Bench, reporter: Reporter) -> dict[str, Spectra]:
        """Exact spectra of every weighted layer, counted once."""
        from secateur.engine.spectra import count_layers

        count_layers(bench, bench.description.weighted_layers, reporter, lambda ready: None)
        return bench.spectra

    def facts(self, bench: Bench, reporter: Reporter, target: str = TARGETS[0].id) -> dict[str, Facts]:
        """All that is known of every weighted layer without running anything; `target` is where it will run.

        Singular values are found when a method asks for them, within this job.
        """
        from secateur.engine.singular import SingularValues

        layers, spectra = bench.description.weighted_layers, self.spectra(bench, reporter)
        return facts_of(layers, spectra, singular_values=SingularValues(bench, reporter), target=target_named(target))

    def file(self, bench: Bench) -> Path:
        """An ONNX file that runs the untouched model: the opened one, or a float export of it."""
        if bench.file is None:
            model = bench.model
            if model.path is not None and model.format == "onnx" and len(bench.files) == 1:
                bench.file = model.path
            else:
                bench.file = self.write(
                    bench.lowered or model, f"original-{len(self._benches)}-{bench.description.fingerprint[:8]}"
                )
        return bench.file

    def shipped_proto(self, bench: Bench, reporter: Reporter) -> "onnx.ModelProto":
        """The float graph that ships of a torch network (batch norms folded), or the file's own graph."""
        from secateur.graph.lowering import to_onnx

        model = bench.model
        return model.proto if isinstance(model, OnnxModel) else to_onnx(self.lowered(bench, reporter))

    def write(self, model: Model, stem: str) -> Path:
        """A float ONNX file of `model` in the engine's temporary folder."""
        import onnx

        from secateur.graph.lowering import to_onnx

        path = Path(self._folder.name) / f"{stem}.onnx"
        if isinstance(model, StoredModel):
            raise UserError(f"{model.name} cannot be run: {model.reason}")
        onnx.save(model.proto if isinstance(model, OnnxModel) else to_onnx(model), str(path))
        return path

    def baseline(self, bench: Bench, data: "Dataset", reporter: Reporter) -> Baseline:
        """Evaluation of the untouched model on the test split, taken once for each content of the data."""
        from secateur.engine.jobs.evaluating import evaluate_file

        key = _samples_key(bench, data)
        if key not in bench.baselines:
            bench.baselines[key] = evaluate_file(self, bench, data, reporter)
        return bench.baselines[key]

    def has_data(self, bench: Bench, source: DataSource) -> bool:
        """Whether `data` is at hand."""
        return _data_key(source) in bench.data

    def has_baseline(self, bench: Bench, data: "Dataset") -> bool:
        """Whether `baseline` is at hand."""
        return _samples_key(bench, data) in bench.baselines

    def session(self, path: Path) -> "Run":
        """A function that runs an ONNX file on a batch: all outputs, float32."""
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_inputs()]

        def run(*inputs: NDArray[Any]) -> list[NDArray[Any]]:
            feeds = dict(zip(names, inputs, strict=False))
            return [np.asarray(output, dtype=np.float32) for output in session.run(None, feeds)]

        return in_batches_of(fixed_batch(session), run)


def fit_to_data(bench: Bench, source: DataSource) -> tuple[str, ...]:
    """Let the data's shape go before one that was guessed, where the network takes it; a sentence that says so.

    `bench` is then as if the network had been opened with that shape; its weights and their spectra stay.
    """
    from secateur.data.preprocessing import shape_text
    from secateur.data.sources import shape_of
    from secateur.formats.describing.describe import describe

    ports = bench.description.inputs
    if not bench.description.inputs_guessed or len(ports) != 1 or not isinstance(bench.model, TorchModel):
        return ()
    shape = shape_of(source, ports[0])
    if shape is None or shape == ports[0].shape[1:]:
        return ()
    from secateur.graph.describing.input_shapes import with_input_of

    model = with_input_of(bench.model, shape, Path(source.path).name)
    if model is None:
        return ()
    bench.take(_with_files(describe(model), bench.files), model)
    guessed = shape_text(ports[0].shape[1:])
    return (f"The network's input {guessed} was only found by trying: it takes the data's {shape_text(shape)} too.",)


def _new_bench(source: ModelSource, reporter: Reporter) -> Bench:
    from secateur.formats.describing.glance import glance
    from secateur.formats.reading import describe, open_model

    reporter.progress(0, 2, f"Opening {source.label}")
    seen = glance(source)
    if seen is not None:
        return Bench(
            _with_files(seen.description, seen.files),
            lambda: open_model(source),
            seen.files,
            seen.tensors,
            file=seen.path,
        )
    model = open_model(source)
    reporter.progress(1, 2, f"Describing {source.label}")
    files = model_files(model, model.path) if model.path is not None else ()
    return Bench(_with_files(describe(model), files), lambda: model, files, layer_tensors(model))


def _with_files(description: ModelDescription, files: tuple[Path, ...]) -> ModelDescription:
    return replace(description, files=tuple(str(file) for file in files))


def _changed_at(source: ModelSource) -> float:
    """When the model's files were last changed: weights and, for a factory in a file, its code."""
    return max(_file_changed_at(source.path), _file_changed_at(source.factory.rpartition(":")[0]))


def _file_changed_at(name: str) -> float:
    path = Path(name)
    return path.stat().st_mtime if name and path.exists() else 0.0


def _data_key(source: DataSource) -> str:
    return f"{source!r} {_state_of(source)}"


def _state_of(source: DataSource) -> str:
    """Size and time of change of every file that the data names; of a folder, those of all folders in it."""
    return " ".join(_stamp(path) for path in data_files(source))


def _stamp(path: Path) -> str:
    if path.is_dir():
        return " ".join(
            f"{folder} {Path(folder).stat().st_mtime_ns} {len(files)}" for folder, _, files in os.walk(path)
        )
    if not path.exists():
        return str(path)
    return f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}"


def _samples_key(bench: Bench, data: "Dataset") -> str:
    """What a test split is, by content: where it came from, how it is fed and judged, its labels and its places."""
    opened_as = next((key for key, known in bench.data.items() if known is data), data.source)
    words = f"{opened_as} {data.preprocessing} {data.task} {data.metric} {data.classes}"
    digest = hashlib.sha256(words.encode())
    for values in (data.labels, np.asarray(data.splits["test"])):
        digest.update(f"{values.dtype} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
