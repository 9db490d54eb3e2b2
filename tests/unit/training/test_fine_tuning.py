"""Fine-tuning: the labels alone, and no teacher is run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch

from secateur.data.tasks import task_of
from secateur.errors import Cancelled, UserError
from secateur.graph import lowering
from secateur.graph.context import Context
from secateur.graph.lowering import lower, to_onnx
from secateur.methods.distil.distillation import Distillation
from secateur.methods.distil.fine_tuning import FineTuning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.training.curves import CurvePoint, SoftAnswers

METHOD = FineTuning(epochs=3, batch_size=16, learning_rate=0.05)


def test_the_labels_are_learned_without_an_original(student: Any, data: Any) -> None:
    seen: list[Any] = []
    METHOD.model_copy(update={"epochs": 5}).apply(student, (), Context(data=data, emit=seen.append))
    points = [value for value in seen if isinstance(value, CurvePoint)]
    assert points[-1].metric > 0.9
    assert all(point.agreement is None for point in points)
    assert [term.title for term in points[-1].terms] == ["label"]
    answers = [value for value in seen if isinstance(value, SoftAnswers)][-1]
    assert answers.teacher is None
    assert len(answers.student) == len(answers.previews) == 8


def test_the_original_is_not_run(student: Any, data: Any) -> None:
    class Untouched(torch.nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            raise AssertionError("the original was run")

    original = replace(student, module=Untouched())
    METHOD.model_copy(update={"epochs": 1}).apply(student, (), Context(data=data, original=original))


def test_it_learns_what_distillation_from_labels_alone_learns(student: Any, teacher: Any, data: Any) -> None:
    context = Context(data=data, original=teacher)
    tuned = METHOD.apply(student, (), context)
    distilled = Distillation(alpha=1.0, epochs=3, batch_size=16, learning_rate=0.05).apply(student, (), context)
    for name, tensor in tuned.module.state_dict().items():
        assert torch.equal(tensor, distilled.module.state_dict()[name]), name


def test_a_graph_that_was_opened_is_shipped_with_what_was_learned(student: Any, data: Any, monkeypatch: Any) -> None:
    lowered = lower(student)
    before = lowered.lowered.whole().SerializeToString()
    monkeypatch.setattr(lowering, "_exported", None)  # nothing is exported again
    tuned = METHOD.apply(lowered, (), Context(data=data))
    batch = next(iter(data.batches("test", 16))).first
    session = ort.InferenceSession(to_onnx(tuned).SerializeToString(), providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {tuned.inputs[0].name: batch})
    assert np.abs(answer - lowered.run(batch)).max() > 1e-2, "it has learned"
    np.testing.assert_allclose(answer, tuned.run(batch), rtol=1e-4, atol=1e-4)
    assert lowered.lowered.whole().SerializeToString() == before


def test_data_without_labels_is_refused_with_a_way_out(student: Any, data: Any) -> None:
    with pytest.raises(UserError, match="has no class labels") as caught:
        METHOD.apply(student, (), Context(data=replace(data, task=task_of("none"))))
    assert "distillation" in caught.value.hint
    with pytest.raises(UserError, match="needs data"):
        METHOD.apply(student, (), Context())


def test_after_a_quantization_it_trains_through_the_rounding(teacher: Any, data: Any) -> None:
    encoded = StaticInt8(samples=32).apply(teacher, ("0", "6"), Context(data=data, original=teacher))
    trained = METHOD.model_copy(update={"learning_rate": 0.005}).apply(encoded, (), Context(data=data))
    assert trained.encodings.activations == encoded.encodings.activations
    assert trained.weights()["6"].tolist() != encoded.weights()["6"].tolist()


def test_it_resumes_to_the_same_bits(student: Any, data: Any, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if done == 11 and text.startswith("epoch"):
            raise Cancelled

    context = Context(data=data, folder=tmp_path)
    unbroken = METHOD.apply(student, (), replace(context, folder=None))
    with pytest.raises(Cancelled):
        METHOD.apply(student, (), replace(context, progress=stop))
    resumed = METHOD.apply(student, (), replace(context, resume=True))
    for name, tensor in unbroken.module.state_dict().items():
        assert torch.equal(tensor, resumed.module.state_dict()[name]), name
