"""What the engine has open: models, their lowered forms and spectra, data sets, baselines.

Everything is made on first use and found again by its source, so a restarted engine needs no replay: the next
request that names a model opens it anew.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.documents import Evaluation
from secateur.analysis.evaluation import Predictions
from secateur.engine.reporting import Reporter
from secateur.engine.requests import DataSource
from secateur.errors import UserError
from secateur.formats.describe import model_files
from secateur.model.description import ModelDescription, ModelSource
from secateur.model.model import Model, OnnxModel, TorchModel, fixed_batch, in_batches_of
from secateur.model.spectrum import Spectra

if TYPE_CHECKING:
    import onnx

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
    """One opened model and what has been made of it."""

    model: Model
    description: ModelDescription
    spectra: dict[str, Spectra] = field(default_factory=dict)
    lowered: TorchModel | None = None
    file: Path | None = None
    data: "dict[str, Dataset]" = field(default_factory=dict)
    baselines: dict[str, Baseline] = field(default_factory=dict)


class Workshop:
    """Opened things by source; the three models used last are kept. `threads` is what runtimes may use."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._benches: OrderedDict[tuple[ModelSource, float], Bench] = OrderedDict()
        self._folder = TemporaryDirectory(prefix="secateur-", ignore_cleanup_errors=True)

    def bench(self, source: ModelSource, reporter: Reporter) -> Bench:
        """The opened model; opens it where it is not, or where its file has changed since."""
        key = (source, _changed_at(source))
        if key not in self._benches:
            from secateur.formats.reading import describe, open_model

            reporter.progress(0, 2, f"Opening {source.label}")
            model = open_model(source)
            reporter.progress(1, 2, f"Describing {source.label}")
            self._benches[key] = Bench(model, describe(model))
            while len(self._benches) > MOST_MODELS:
                self._benches.popitem(last=False)
        self._benches.move_to_end(key)
        return self._benches[key]

    def data(self, bench: Bench, source: DataSource, reporter: Reporter) -> "Dataset":
        """The data set prepared for this model's input, and checked to fit the model."""
        from secateur.data.fit import check_fit
        from secateur.data.sources import open_data

        key = f"{source!r} {_file_changed_at(source.path)}"
        if key not in bench.data:
            dataset = open_data(source, bench.description.inputs, progress=reporter.progress)
            check_fit(dataset, bench.description.inputs, bench.description.outputs)
            bench.data.clear()
            bench.data[key] = dataset
        return bench.data[key]

    def lowered(self, bench: Bench, reporter: Reporter) -> TorchModel:
        """The model as the float ONNX graph that ships, imported again; UserError for a file that stays a file."""
        from secateur.methods.quantize.lowering import lower

        if isinstance(bench.model, OnnxModel):
            raise UserError(
                f"{bench.description.name} cannot be measured layer by layer: {bench.model.reason}",
                "Its weights can still be inspected, pruned and exported.",
            )
        if bench.lowered is None:
            bench.lowered = lower(bench.model, reporter.context())
        return bench.lowered

    def spectra(self, bench: Bench, reporter: Reporter) -> dict[str, Spectra]:
        """Spectra of every weighted layer, counted once."""
        from secateur.model.counting import spectra_of

        layers = [layer for layer in bench.description.weighted_layers if layer.name not in bench.spectra]
        weights = bench.model.weights() if layers else {}
        for done, layer in enumerate(layers):
            reporter.progress(done, len(layers), f"Counting {layer.name}")
            bench.spectra[layer.name] = spectra_of(weights[layer.name], layer.channel_axis)
        return bench.spectra

    def file(self, bench: Bench) -> Path:
        """An ONNX file that runs the untouched model: the opened one, or a float export of it."""
        if bench.file is None:
            model = bench.model
            if model.path is not None and model.format == "onnx" and len(model_files(model, model.path)) == 1:
                bench.file = model.path
            else:
                bench.file = self.write(model, f"original-{len(self._benches)}-{bench.description.fingerprint[:8]}")
        return bench.file

    def shipped_proto(self, bench: Bench, reporter: Reporter) -> "onnx.ModelProto":
        """The float graph that ships of a torch network (batch norms folded), or the file's own graph."""
        from secateur.methods.quantize.lowering import to_onnx

        model = bench.model
        return model.proto if isinstance(model, OnnxModel) else to_onnx(self.lowered(bench, reporter))

    def write(self, model: Model, stem: str) -> Path:
        """A float ONNX file of `model` in the engine's temporary folder."""
        import onnx

        from secateur.methods.quantize.lowering import to_onnx

        path = Path(self._folder.name) / f"{stem}.onnx"
        onnx.save(model.proto if isinstance(model, OnnxModel) else to_onnx(model), str(path))
        return path

    def baseline(self, bench: Bench, data: "Dataset", reporter: Reporter) -> Baseline:
        """Evaluation of the untouched model on the test split, taken once for each data set."""
        from secateur.engine.jobs.evaluating import evaluate_file

        key = f"{data.source} {data.preprocessing} {data.task} {data.metric} {id(data.labels)}"
        if key not in bench.baselines:
            bench.baselines[key] = evaluate_file(self, bench, data, reporter)
        return bench.baselines[key]

    def session(self, path: Path) -> Callable[..., NDArray[np.float32]]:
        """A function that runs an ONNX file on a batch: first output, float32."""
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_inputs()]

        def run(*inputs: NDArray[Any]) -> list[NDArray[Any]]:
            feeds = dict(zip(names, inputs, strict=False))
            return [np.asarray(session.run(None, feeds)[0], dtype=np.float32)]

        run_any = in_batches_of(fixed_batch(session), run)
        return lambda *inputs: run_any(*inputs)[0]


def _changed_at(source: ModelSource) -> float:
    """When the model's files were last changed: weights and, for a factory in a file, its code."""
    return max(_file_changed_at(source.path), _file_changed_at(source.factory.rpartition(":")[0]))


def _file_changed_at(name: str) -> float:
    path = Path(name)
    return path.stat().st_mtime if name and path.is_file() else 0.0
