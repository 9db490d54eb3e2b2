"""Journals of autopilots of a small network, as the engine tells them. No Qt, no torch."""

from secateur.engine.autopilot import Ahead, AutopilotDocument, TrialDocument
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.documents import Evaluation, Latency, Metric
from secateur.recipe.recipe import Recipe, Step

WHY = "Training with the encodings in place wins back what rounding costs, so that fewer bits are enough."


def scored(value: float = 0.81, metric: str = "top1") -> Evaluation:
    """What the original scores."""
    latency = Latency(median=1.0, p10=0.9, p90=1.1, runtime="ONNX Runtime", threads=1)
    return Evaluation(
        metric=Metric(name=metric, value=value, ci95=(value - 0.01, value + 0.01)), loss=0.5, samples=1000, bytes=5000,
        zip_bytes=4000, params=900, nonzero_params=900, macs=3000, latency_ms=latency,
    )  # fmt: skip


def trial(number: int, **changes: object) -> TrialDocument:
    """One that ended and keeps the quality, the smaller the later."""
    method = StaticInt8() if number == 1 else WeightOnly(bits=4)
    recipe = Recipe((Step(method, ("conv1",)),)).to_document()
    values: dict[str, object] = {
        "number": number, "family": "encodings", "place": number, "title": f"Encodings: {3 + number}× smaller planned",
        "why": WHY, "run": f"p-{number:02}", "recipe": recipe, "state": "finished", "drop": 0.002 * number,
        "interval": (0.0, 0.004 * number), "test_drop": 0.003 * number, "size": 0.25 / number, "latency": 0.6,
        "is_proven": True, "keeps": True, "seconds": 12.0,
    }  # fmt: skip
    return TrialDocument.model_validate({**values, **changes})


def search(*trials: TrialDocument, **changes: object) -> AutopilotDocument:
    """A search that was stopped after these trials; the last one that keeps the quality is the best."""
    best = max((one.number for one in trials if one.keeps), default=0)
    values: dict[str, object] = {
        "run": "p", "metric": "top1", "goal": {"drop": 0.01}, "original": scored(), "name": "Autopilot",
        "state": "stopped", "trials": trials, "best": best, "ahead": Ahead(trials=5, seconds=130.0, is_least=True),
        "created": 1.0,
        "sentence": "Stopped by hand: the best so far.",
    }  # fmt: skip
    return AutopilotDocument.model_validate({**values, **changes})
