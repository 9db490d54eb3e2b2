"""Targets: what each says of every precision, and whether it runs here."""

import pytest

from secateur.errors import UserError
from secateur.model.description import Layer, TensorInfo
from secateur.model.workload import FLOAT, Precision
from secateur.targets import TARGETS, target_named
from secateur.targets.base import Target

LAYER = Layer("conv", "Conv2d", TensorInfo("conv.weight", "float32", (8, 8, 3, 3), 2304), kernel=(3, 3))
PRECISIONS = (FLOAT, Precision(8, 8), Precision(8), Precision(4), Precision(4, group=32), Precision(8, 16))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.id)
def test_every_target_says_a_sentence_of_every_precision(target: Target) -> None:
    for precision in PRECISIONS:
        assert target.sentence(precision, LAYER).endswith(".")
    assert target.computes(Precision(8, 8), LAYER) is None
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
