"""What a method says of speed is what the target says that the plan is made for, and no other runtime's word."""

import numpy as np
import pytest

from secateur.methods import METHODS
from secateur.methods.base import Method
from secateur.methods.facts import Facts
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.counting import spectra_of
from secateur.model.description import Layer, TensorInfo
from secateur.targets import TARGETS, target_named
from secateur.targets.base import Target

SPECTRA = spectra_of(np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32))
LINEAR = Layer(
    "fc", "Linear", TensorInfo("fc.weight", "float32", (64, 64), 16384), params=4096, macs=4096, size_bytes=16384
)


@pytest.mark.parametrize("kind", METHODS, ids=lambda kind: kind.id)
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.id)
def test_no_method_speaks_for_another_runtime(kind: type[Method], target: Target) -> None:
    facts = Facts(SPECTRA, target=target)
    effect = kind().predict(LINEAR, facts)
    others = [other.title for other in TARGETS if other is not target]
    assert not [title for title in others if title in effect.sentence]
    assert effect.faster == (kind().why_not_faster(LINEAR, facts) is None)


def test_the_same_four_bits_are_faster_in_one_target_and_not_in_another() -> None:
    method = WeightOnly(bits=4)
    here, there = (method.predict(LINEAR, Facts(SPECTRA, target=target_named(t))) for t in ("onnxruntime", "xnnpack"))
    assert (here.faster, there.faster) == (False, True)
    assert here.costs == there.costs


def test_sixteen_bits_of_activations_are_faster_nowhere() -> None:
    for target in TARGETS:
        effect = StaticInt8(activation_bits=16).predict(LINEAR, Facts(SPECTRA, target=target))
        assert not effect.faster
        assert "no kernels for 16-bit activations" in effect.sentence


def test_zeros_are_told_of_in_the_name_of_the_target() -> None:
    effect = MagnitudePruning().predict(LINEAR, Facts(SPECTRA, target=target_named("openvino")))
    assert effect.sentence == "OpenVINO has no sparse kernels: the zeros help only after zip."


def test_what_is_coupled_with_a_layer_is_told_where_channels_leave() -> None:
    effect = ChannelPruning(round_to=1, ratio=0.5).predict(LINEAR, Facts(SPECTRA, coupled=("a", "b")))
    assert "a and b with it" in effect.sentence
