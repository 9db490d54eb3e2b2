"""Training after quantization: through the rounding, with the same encodings, to the file that is proven."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from secateur.data.tasks.classification import softened_divergence
from secateur.errors import Cancelled
from secateur.formats import format_named
from secateur.formats.proving.verify import export
from secateur.graph.context import Context
from secateur.graph.lowering import graph_of
from secateur.graph.simulation import simulate
from secateur.methods.distil.distillation import Distillation
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.encoding import Encodings, WeightEncoding
from secateur.training.checkpoint import encodings_identity
from secateur.training.curves import CurvePoint
from secateur.training.encoded import rescaled
from secateur.training.schedule import Course

METHOD = Distillation(epochs=2, batch_size=16, learning_rate=0.01)
LAYERS = ("0", "6")


METHODS = {
    "static_int8": StaticInt8(samples=32),
    "weight_only": WeightOnly(bits=4, rounding="nearest"),
    "gptq": WeightOnly(bits=4, rounding="gptq"),
}


@pytest.fixture(scope="module", params=METHODS)
def encoded(request: pytest.FixtureRequest, teacher: Any) -> Any:
    method = METHODS[request.param]
    return method.apply(teacher, LAYERS, Context(data=request.getfixturevalue("toy"), original=teacher))


SMALL = METHOD.model_copy(update={"batch_size": 4, "learning_rate": 0.002})
"""Batches too small for a batch norm for the time of training."""


def test_in_small_batches_the_encodings_stay_and_the_weights_learn(encoded: Any, teacher: Any, data: Any) -> None:
    trained = SMALL.apply(encoded, (), Context(data=data, original=teacher))
    assert encodings_identity(trained.encodings) == encodings_identity(encoded.encodings)
    for name in LAYERS:
        assert not np.array_equal(trained.weights()[name], encoded.weights()[name])


def test_a_norm_for_the_time_of_training_leaves_its_factor_in_the_scales(encoded: Any, teacher: Any, data: Any) -> None:
    trained = METHOD.apply(encoded, (), Context(data=data, original=teacher))
    before, after = encoded.encodings, trained.encodings
    assert after.activations == before.activations
    assert np.array_equal(after.weights["6"].scale, before.weights["6"].scale)  # a linear layer has none
    assert not np.array_equal(after.weights["0"].scale, before.weights["0"].scale)
    kinds = [(one.bits, one.axis, one.granularity, one.is_affine) for one in (before.weights["0"], after.weights["0"])]
    assert kinds[0] == kinds[1]


def test_folding_a_norm_leaves_the_integers_as_they_were() -> None:
    weight = np.random.default_rng(0).normal(0, 1, (4, 3, 3, 3)).astype(np.float32)
    encoding = WeightEncoding(4, np.array([0.1, 0.2, 0.3, 0.4], np.float32))
    factors = torch.tensor([0.5, 2.0, -4.0, 1.0])  # exact in binary: no integer may change
    (changed,) = rescaled({"a": encoding}, {"network.a": factors}).values()
    signs = np.sign(factors.numpy())[:, None, None, None]
    folded = weight * factors.numpy()[:, None, None, None]
    np.testing.assert_array_equal(changed.quantize(folded), encoding.quantize(weight) * signs)
    np.testing.assert_allclose(
        changed.round_trip(folded), encoding.round_trip(weight) * factors.numpy()[:, None, None, None], rtol=1e-6
    )


def test_it_comes_closer_to_the_teacher_than_rounding_alone(toy: Any, teacher: Any, data: Any) -> None:
    rough = WeightOnly(bits=4).apply(teacher, LAYERS, Context(data=toy, original=teacher))
    method = SMALL.model_copy(update={"epochs": 4, "alpha": 0.0, "augment": False})
    trained = method.apply(rough, (), Context(data=data, original=teacher))
    inputs = data.batch("test", range(40)).first
    before, after = (np.abs(model.run(inputs) - teacher.run(inputs)).mean() for model in (rough, trained))
    assert after < before


def test_what_is_minimised_is_the_loss_of_the_rounded_network(encoded: Any, teacher: Any, data: Any) -> None:
    """The first point is the loss of the first batch before learning: that of the simulation."""
    seen: list[Any] = []
    method = SMALL.model_copy(update={"alpha": 0.0, "augment": False})
    method.apply(encoded, (), Context(data=data, original=teacher, emit=seen.append))
    first = next(value for value in seen if isinstance(value, CurvePoint))
    places = Course(method.training_plan(), data.size("train")).positions(0)
    inputs = data.batch("train", places).first
    taught, rounded, plain = (
        torch.from_numpy(run(inputs)) for run in (teacher.run, encoded.run, replace(encoded, encodings=Encodings()).run)
    )
    # ties of a rounding fall either way where sums are added in another order
    assert first.loss == pytest.approx(float(softened_divergence(taught, rounded, method.temperature)), rel=5e-2)
    if not torch.equal(plain, rounded):  # else its weights are what they are rounded to
        assert first.loss != pytest.approx(float(softened_divergence(taught, plain, method.temperature)), rel=1e-1)


def test_the_simulation_of_the_result_is_the_network_that_was_trained_and_its_file_is_proven(
    encoded: Any, teacher: Any, data: Any, tmp_path: Path
) -> None:
    trained = METHOD.apply(encoded, (), Context(data=data, original=teacher))
    inputs = data.batch("test", range(40)).first
    with torch.inference_mode():
        expected = simulate(trained.module, trained.encodings)(torch.from_numpy(inputs)).numpy()
    np.testing.assert_allclose(trained.run(inputs), expected, atol=0.02 * expected.std())  # sums of integers, of floats
    written = export(trained, format_named("onnx"), tmp_path / "trained.onnx", [inputs])
    assert written.verdict == "proven", written.sentence


@pytest.mark.parametrize("step", [1, 8, 13])
def test_it_resumes_to_the_same_bits(step: int, encoded: Any, teacher: Any, data: Any, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if done == step and text.startswith("epoch"):
            raise Cancelled

    context = Context(data=data, original=teacher, folder=tmp_path)
    unbroken = METHOD.apply(encoded, (), replace(context, folder=None))
    with pytest.raises(Cancelled):
        METHOD.apply(encoded, (), replace(context, progress=stop))
    log: list[str] = []
    resumed = METHOD.apply(encoded, (), replace(context, resume=True, log=log.append))
    assert any(f"goes on at step {step} of 16" in line for line in log)
    for name, tensor in unbroken.module.state_dict().items():
        assert torch.equal(tensor, resumed.module.state_dict()[name]), name


def test_a_checkpoint_of_other_encodings_is_not_gone_on_from(toy: Any, teacher: Any, data: Any, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if done == 3 and text.startswith("epoch"):
            raise Cancelled

    eight, four = (WeightOnly(bits=bits).apply(teacher, LAYERS, Context(data=toy, original=teacher)) for bits in (8, 4))
    context = Context(data=data, original=teacher, folder=tmp_path)
    with pytest.raises(Cancelled):
        METHOD.apply(eight, (), replace(context, progress=stop))
    log: list[str] = []
    METHOD.model_copy(update={"epochs": 2}).apply(four, (), replace(context, resume=True, log=log.append))
    assert any(line.startswith("Training starts anew") for line in log)


def test_nothing_that_it_is_given_is_changed(encoded: Any, teacher: Any, data: Any) -> None:
    before = {name: tensor.clone() for name, tensor in encoded.module.state_dict().items()}
    graph = graph_of(encoded).SerializeToString()
    METHOD.apply(encoded, (), Context(data=data, original=teacher))
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoded.module.state_dict().items())
    assert graph_of(encoded).SerializeToString() == graph
    assert not any(module._forward_hooks for module in encoded.module.modules())


def test_training_in_bf16_ships_float_weights(encoded: Any, teacher: Any, data: Any) -> None:
    method = METHOD.model_copy(update={"precision": "bf16"})
    trained = method.apply(encoded, (), Context(data=data, original=teacher))
    assert all(parameter.dtype == torch.float32 for parameter in trained.module.parameters())
