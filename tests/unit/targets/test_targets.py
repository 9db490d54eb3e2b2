"""Targets: what each says of every precision, and whether it runs here."""

import pytest

from secateur.errors import UserError
from secateur.model.description import Layer, TensorInfo
from secateur.model.workload import FLOAT, Precision
from secateur.targets import TARGETS, target_in, target_named
from secateur.targets.base import Target

LAYER = Layer("conv", "Conv2d", TensorInfo("conv.weight", "float32", (8, 8, 3, 3), 2304), kernel=(3, 3))
PRECISIONS = (FLOAT, Precision(8, 8), Precision(8), Precision(4), Precision(4, group=32), Precision(8, 16))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.id)
def test_every_target_says_a_sentence_of_every_precision(target: Target) -> None:
    for precision in PRECISIONS:
        assert target.sentence(precision, LAYER).endswith(".")
    assert target.computes(Precision(8, 8), LAYER) is None
    assert target.computes(Precision(7, 8), LAYER) is None
    assert target.computes(FLOAT, LAYER) is not None


def test_a_target_on_other_machines_says_that_it_cannot_be_timed_here() -> None:
    reason = target_named("coreml").why_not_timed()
    assert reason is not None
    assert "Apple" in reason
    assert target_named("onnxruntime").why_not_timed() is None


def test_an_unknown_target_is_told_with_the_known_ones() -> None:
    with pytest.raises(UserError) as caught:
        target_named("abacus")
    assert "onnxruntime" in caught.value.hint


def test_a_target_that_forgets_its_title_fails_when_it_is_defined() -> None:
    with pytest.raises(TypeError, match="title"):
        type("Nameless", (Target,), {"id": "nameless", "runtime": "None", "formats": ()})


def test_weights_alone_are_unpacked_but_where_a_runtime_multiplies_them_as_they_are() -> None:
    linear = Layer("fc", "Linear", TensorInfo("fc.weight", "float32", (8, 8), 256))
    reason = target_named("onnxruntime").computes(Precision(4), linear)
    assert reason == "ONNX Runtime here unpacks 4-bit weights to float before it computes."
    xnnpack = target_named("xnnpack")
    assert xnnpack.computes(Precision(4, group=32), linear) is None
    assert "4-bit weights of this layer in integers" in xnnpack.sentence(Precision(4, group=32), linear)
    assert "XNNPACK unpacks 4-bit" in str(xnnpack.computes(Precision(4), LAYER)), "a convolution"


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.id)
def test_the_cause_of_slowness_is_told_in_the_name_of_the_target(target: Target) -> None:
    assert target.cause_of_slowness({Precision(4, group=32)}).startswith(f"{target.title} unpacks")
    assert bool(target.cause_of_slowness({Precision(4)})) != target.unpacks_once
    assert "leave the smallest in float" in target.cause_of_slowness({Precision(8, 8)})
    assert target.cause_of_slowness({FLOAT}) == ""


def test_a_target_is_found_by_the_runtime_that_a_measurement_names() -> None:
    assert target_in("ONNX Runtime") is target_named("onnxruntime")
    assert target_in("an abacus") is None
