"""Documents and records of runs that were never run."""

from secateur.engine.events import RunRecord
from secateur.model.documents import Evaluation, Latency, LayerError, Metric, RunDocument
from secateur.model.run_details import RunOrigin

RECIPE_YAML = "schema: 1\nsteps: []\n"


def an_evaluation(
    value: float = 0.9, size_bytes: int = 1_000_000, ms: float = 1.0, macs: int = 9_000_000
) -> Evaluation:
    return Evaluation(
        metric=Metric(name="top1", value=value, ci95=(value - 0.01, value + 0.01)),
        loss=0.3,
        samples=1000,
        bytes=size_bytes,
        zip_bytes=size_bytes,
        params=190_000,
        nonzero_params=180_000,
        macs=macs,
        latency_ms=Latency(median=ms, p10=ms * 0.9, p90=ms * 1.1, runtime="ONNX Runtime", threads=1),
        peak_memory_bytes=15_000_000,
    )


def a_document(run: str = "r1", **origin: object) -> RunDocument:
    layers = tuple(LayerError(layer=f"conv{n}", weight_sqnr_db=40.0 - n, output_sqnr_db=35.0 - n) for n in range(3))
    told = {
        "model": "net.onnx",
        "fingerprint": "abc",
        "data": "digits.zip",
        "recipe_yaml": RECIPE_YAML,
        "created": 1.0,
        **origin,
    }
    return RunDocument(
        run=run,
        name=run,
        original=an_evaluation(),
        result=an_evaluation(0.89, 250_000, 0.5),
        files=(),
        layers=layers,
        origin=RunOrigin.model_validate(told),
    )


def a_record(run: str = "r1") -> RunRecord:
    return RunRecord(run, run, "net.onnx", "abc", "digits.zip", RECIPE_YAML, "running", 1.0, f"/nowhere/{run}")
