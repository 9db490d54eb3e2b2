"""What a result says of its metric: worse is worse in the metric's own direction, and what is no number is said."""

import pytest

from secateur.data.metrics import kind_of
from secateur.engine.result_rows import rows_of
from secateur.engine.verdict import computed_in_float, headline_of, told_by_target, warnings_of
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.model.documents import Evaluation, Latency, Metric, RunDocument
from secateur.model.workload import Precision
from secateur.recipe.recipe import Recipe, Step
from secateur.recipe.resolve import require_plan
from secateur.targets import TARGETS, target_named


def evaluation(metric: Metric | None, warnings: tuple[str, ...] = ()) -> Evaluation:
    return Evaluation(
        metric=metric, loss=None, samples=150, bytes=900, zip_bytes=800, params=10, nonzero_params=10, macs=10,
        latency_ms=None, warnings=warnings,
    )  # fmt: skip


def run(before: Evaluation, after: Evaluation) -> RunDocument:
    return RunDocument(run="r", name="r", original=before, result=after, files=())


def metric(name: str, value: float, half: float) -> Metric:
    return Metric(name=name, value=value, ci95=(value - half, value + half))


@pytest.mark.parametrize(
    ("name", "before", "after", "verb"),
    [("mse", 0.007, 3.83, "rose"), ("top1", 0.9, 0.5, "fell"), ("mse", 3.83, 0.007, ""), ("top1", 0.5, 0.9, "")],
)
def test_a_warning_is_given_of_what_became_worse_and_only_of_that(name, before, after, verb):
    warnings = warnings_of(run(evaluation(metric(name, before, 0.001)), evaluation(metric(name, after, 0.001))))
    assert len(warnings) == bool(verb)
    assert not verb or warnings[0].startswith(f"{kind_of(name).title} {verb} by more than its sampling noise")
    assert not ("%" in "".join(warnings) and name == "mse")


def test_answers_that_are_no_numbers_are_told_of_the_one_that_gives_them():
    broken = evaluation(None, ("All 150 answers are not finite (NaN or infinity).",))
    assert warnings_of(run(evaluation(metric("mse", 0.1, 0.01)), broken)) == (
        "Result: All 150 answers are not finite (NaN or infinity).",
    )


def test_a_row_of_the_report_stays_where_one_side_has_no_metric():
    name, before, after, change = rows_of(evaluation(metric("mse", 0.1, 0.01)), evaluation(None))[0]
    assert (name, after, change) == ("squared error", "–", "")
    assert before.startswith("0.100 (0.0900")


def timed(milliseconds: float, runtime: str) -> Evaluation:
    latency = Latency(median=milliseconds, p10=milliseconds, p90=milliseconds, runtime=runtime, threads=1)
    return evaluation(None).model_copy(update={"latency_ms": latency})


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.id)
def test_the_cause_of_slowness_is_that_of_the_runtime_that_was_measured(target):
    told = headline_of(timed(1.0, target.runtime), timed(1.5, target.runtime), {Precision(4, group=32)})
    assert told.startswith("Slower here: 1.00")
    assert f"{target.title} unpacks weights" in told
    assert told.count("ONNX Runtime") == (target.id == "onnxruntime")


def test_a_runtime_that_nobody_knows_is_blamed_for_nothing():
    assert headline_of(timed(1.0, "abacus"), timed(1.5, "abacus"), {Precision(4)}).endswith("%.")


def test_layers_that_stay_in_float_are_told_in_the_name_of_the_target():
    (told,) = computed_in_float(target_named("openvino"), ["a", "b"], ["a", "b", "c"])
    assert told.startswith("OpenVINO computes a and b in float, 2 of 3 statically quantized layers")


def test_a_target_on_other_machines_says_before_the_run_what_it_will_not_compute_in_integers():
    conv = Layer("conv", "Conv2d", TensorInfo("c", "float32", (8, 8, 3, 3), 2304), size_bytes=2304, kernel=(3, 3))
    linear = Layer("fc", "Linear", TensorInfo("f", "float32", (8, 8), 256), size_bytes=256)
    model = ModelDescription("m", ModelSource("m"), "onnx", 3000, (conv, linear), (), ())
    four, eight = Recipe((Step(WeightOnly(bits=4)),)), Recipe((Step(StaticInt8()),))
    assert told_by_target(target_named("xnnpack"), require_plan(four, model), model) == (
        "conv: XNNPACK unpacks 4-bit weights to float before it computes.",
    )
    assert told_by_target(target_named("xnnpack"), require_plan(eight, model), model) == ()
