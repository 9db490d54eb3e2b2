"""Distillation on the training loop: it learns, can be stopped and resumed, and changes nothing it is given."""

import copy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from secateur.data.tasks import task_of
from secateur.errors import Cancelled, UserError
from secateur.graph.context import Context
from secateur.methods.distil.distillation import Distillation
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.training.curves import CurvePoint, SoftAnswers
from secateur.training.distil import distil

METHOD = Distillation(epochs=2, batch_size=16, learning_rate=0.05)


def state_of(model: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.module.state_dict().items()}


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name]), name


class StopAt:
    """Progress that cancels once at a step; remembers the texts."""

    def __init__(self, step: int) -> None:
        self.step, self.texts = step, []

    def __call__(self, done: int, total: int, text: str) -> None:
        self.texts.append(text)
        if done == self.step and text.startswith("epoch"):
            raise Cancelled


def test_the_loss_falls_and_the_student_comes_to_agree_with_its_teacher(student: Any, teacher: Any, data: Any) -> None:
    seen: list[Any] = []
    method = METHOD.model_copy(update={"epochs": 5})
    method.apply(student, (), Context(data=data, original=teacher, emit=seen.append))
    points = [value for value in seen if isinstance(value, CurvePoint)]
    assert points[-1].loss < 0.5 * points[0].loss
    assert points[-1].agreement > 0.9
    assert points[-1].metric > 0.9


def test_the_curve_goes_from_the_first_step_to_the_last(student: Any, teacher: Any, data: Any) -> None:
    seen: list[Any] = []
    METHOD.apply(student, (), Context(data=data, original=teacher, emit=seen.append))
    points = [value for value in seen if isinstance(value, CurvePoint)]
    assert points[0].step == 0
    assert points[-1].step == points[-1].steps
    assert points[-1].epoch == METHOD.epochs
    assert all(a.step < b.step for a, b in pairwise(points))


def test_softened_answers_are_shown_for_a_few_held_out_samples(student: Any, teacher: Any, data: Any) -> None:
    seen: list[Any] = []
    METHOD.apply(student, (), Context(data=data, original=teacher, emit=seen.append))
    answers = [value for value in seen if isinstance(value, SoftAnswers)][-1]
    assert answers.teacher.shape == answers.student.shape == (8, 3)
    assert len(answers.previews) == 8
    np.testing.assert_allclose(answers.teacher, teacher.run(data.batch("validation", range(8)).first), atol=1e-5)


def test_held_out_samples_are_never_learned_from(student: Any, teacher: Any, data: Any) -> None:
    METHOD.apply(student, (), Context(data=data, original=teacher))
    held_out = set(data.splits["validation"].tolist())
    assert held_out.isdisjoint(data.asked)
    assert set(data.asked) == set(data.splits["train"].tolist()) - held_out


def test_neither_student_nor_teacher_is_changed(student: Any, teacher: Any, data: Any) -> None:
    before = state_of(student), state_of(teacher)
    trained = METHOD.apply(student, (), Context(data=data, original=teacher))
    assert_same(state_of(student), before[0])
    assert_same(state_of(teacher), before[1])
    assert not torch.equal(trained.module[0].weight, student.module[0].weight)


def test_the_result_is_a_plain_network_in_evaluation_mode(student: Any, teacher: Any, data: Any) -> None:
    trained = METHOD.model_copy(update={"precision": "bf16"}).apply(student, (), Context(data=data, original=teacher))
    assert type(trained.module) is type(student.module)
    assert not any(part.training for part in trained.module.modules())
    assert "forward" not in vars(trained.module)
    assert all(p.dtype == torch.float32 and p.grad is None for p in trained.module.parameters())


def test_the_same_seed_gives_the_same_bits(student: Any, teacher: Any, data: Any) -> None:
    context = Context(data=data, original=teacher)
    assert_same(state_of(METHOD.apply(student, (), context)), state_of(METHOD.apply(student, (), context)))


def test_another_seed_gives_another_result(student: Any, teacher: Any, data: Any) -> None:
    context = Context(data=data, original=teacher)
    other = METHOD.model_copy(update={"seed": 5})
    a, b = METHOD.apply(student, (), context), other.apply(student, (), context)
    assert not torch.equal(a.module[0].weight, b.module[0].weight)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("step", [1, 5, 8, 16])
def test_a_cancelled_training_resumes_to_the_same_bits_as_an_unbroken_one(
    step: int, precision: str, student: Any, teacher: Any, data: Any, tmp_path: Path
) -> None:
    method = METHOD.model_copy(update={"precision": precision})
    context = Context(data=data, original=teacher, folder=tmp_path)
    unbroken = method.apply(student, (), replace(context, folder=None))
    with pytest.raises(Cancelled):
        method.apply(student, (), replace(context, progress=StopAt(step)))
    torch.rand(17)
    log: list[str] = []
    resumed = method.apply(student, (), replace(context, resume=True, log=log.append))
    said = "All 16 steps of this training were taken before" if step == 16 else f"goes on at step {step} of 16"
    assert any(said in line for line in log)
    assert_same(state_of(resumed), state_of(unbroken))


def test_a_killed_training_resumes_from_its_last_written_checkpoint(
    student: Any, teacher: Any, data: Any, tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    def die(done: int, total: int, text: str) -> None:
        if done == 7:
            raise Killed

    context = Context(data=data, original=teacher, folder=tmp_path)
    with pytest.raises(Killed):
        distil(
            student,
            METHOD.training_plan(),
            replace(context, progress=die),
            temperature=METHOD.temperature,
            alpha=METHOD.alpha,
            checkpoint_seconds=0.0,
        )
    log: list[str] = []
    resumed = METHOD.apply(student, (), replace(context, resume=True, log=log.append))
    assert any("goes on at step 7" in line for line in log)
    assert_same(state_of(resumed), state_of(METHOD.apply(student, (), replace(context, folder=None))))


def test_a_resumed_training_shows_the_curve_from_its_beginning(
    student: Any, teacher: Any, data: Any, tmp_path: Path
) -> None:
    context = Context(data=data, original=teacher, folder=tmp_path)
    with pytest.raises(Cancelled):
        METHOD.apply(student, (), replace(context, progress=StopAt(12)))
    seen: list[Any] = []
    METHOD.apply(student, (), replace(context, resume=True, emit=seen.append))
    steps = [value.step for value in seen if isinstance(value, CurvePoint)]
    assert steps[0] == 0
    assert steps == sorted(set(steps))


def test_a_finished_training_is_not_run_again_on_resume(student: Any, teacher: Any, data: Any, tmp_path: Path) -> None:
    context = Context(data=data, original=teacher, folder=tmp_path)
    trained = METHOD.apply(student, (), context)
    data.asked.clear()
    again = METHOD.apply(student, (), replace(context, resume=True))
    assert data.asked == []
    assert_same(state_of(again), state_of(trained))


def test_a_checkpoint_of_another_plan_is_refused_and_training_starts_anew(
    student: Any, teacher: Any, data: Any, tmp_path: Path
) -> None:
    context = Context(data=data, original=teacher, folder=tmp_path)
    with pytest.raises(Cancelled):
        METHOD.apply(student, (), replace(context, progress=StopAt(5)))
    other = METHOD.model_copy(update={"temperature": 2.0})
    log: list[str] = []
    trained = other.apply(student, (), replace(context, resume=True, log=log.append))
    assert any(line.startswith("Training starts anew") for line in log)
    assert_same(state_of(trained), state_of(other.apply(student, (), replace(context, folder=None))))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_total_is_alpha_of_the_label_loss_and_the_rest_of_the_distillation(
    alpha: float, student: Any, teacher: Any, data: Any
) -> None:
    seen: list[Any] = []
    method = METHOD.model_copy(update={"alpha": alpha, "epochs": 1})
    method.apply(student, (), Context(data=data, original=teacher, emit=seen.append))
    for point in (value for value in seen if isinstance(value, CurvePoint)):
        terms = alpha * (point.term("label") or 0.0) + (1.0 - alpha) * (point.term("distillation") or 0.0)
        assert point.loss == pytest.approx(terms, rel=1e-5)
        assert {term.title for term in point.terms} == ({"label"} if alpha > 0 else set()) | (
            {"distillation"} if alpha < 1 else set()
        )
        assert {term.unit for term in point.terms} == {"nats"}


def test_progress_says_epoch_loss_and_speed(student: Any, teacher: Any, data: Any) -> None:
    progress = StopAt(-1)
    METHOD.apply(student, (), Context(data=data, original=teacher, progress=progress))
    assert progress.texts[-1].startswith("epoch 2 of 2 · loss ")
    assert progress.texts[-1].endswith("images/s")


def test_a_loss_that_is_no_number_ends_the_training_with_a_way_out(student: Any, teacher: Any, data: Any) -> None:
    data.inputs[data.splits["train"][40]] = np.nan
    with pytest.raises(UserError, match="learning rate"):
        METHOD.apply(student, (), Context(data=data, original=teacher))


def test_a_full_disk_costs_the_checkpoint_but_not_the_training(
    student: Any, teacher: Any, data: Any, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    log: list[str] = []
    context = Context(data=data, original=teacher, folder=blocked / "run", log=log.append)
    trained = METHOD.apply(student, (), context)
    assert_same(state_of(trained), state_of(METHOD.apply(student, (), replace(context, folder=None))))
    assert len([line for line in log if "checkpoint" in line]) == 1


def test_pruned_weights_stay_zero(student: Any, teacher: Any, data: Any) -> None:
    pruned = MagnitudePruning(ratio=0.5).apply(student, ("0", "6"), Context())
    trained = METHOD.apply(pruned, (), Context(data=data, original=teacher))
    for name, weight in pruned.weights().items():
        assert np.array_equal(trained.weights()[name] == 0, weight == 0), name


def test_without_labels_the_teacher_alone_is_followed(student: Any, teacher: Any, data: Any) -> None:
    unlabelled = copy.copy(data)
    unlabelled.task, unlabelled.labels = task_of("none"), np.zeros(200, dtype=np.int64)
    seen: list[Any] = []
    METHOD.apply(student, (), Context(data=unlabelled, original=teacher, emit=seen.append))
    points = [value for value in seen if isinstance(value, CurvePoint)]
    assert all(point.term("label") is None and point.metric is None for point in points)
    assert points[-1].agreement is not None


def test_a_student_equal_to_its_teacher_has_no_distillation_loss(teacher: Any, data: Any) -> None:
    seen: list[Any] = []
    METHOD.apply(teacher, (), Context(data=data, original=teacher, emit=seen.append))
    first = next(value for value in seen if isinstance(value, CurvePoint))
    assert first.term("distillation") == pytest.approx(0.0, abs=1e-6)
    assert first.agreement == 1.0


def test_distillation_without_data_or_original_says_what_is_missing(student: Any, data: Any) -> None:
    with pytest.raises(UserError, match="needs data"):
        METHOD.apply(student, (), Context(original=student))
    with pytest.raises(UserError, match="original"):
        METHOD.apply(student, (), Context(data=data))


def test_a_network_without_class_scores_is_refused(student: Any, data: Any) -> None:
    single = replace(student, module=torch.nn.Sequential(student.module, torch.nn.Linear(3, 1)).eval())
    with pytest.raises(UserError, match="class scores"):
        METHOD.apply(single, (), Context(data=data, original=single))


# ------------------------------------------------------------------ labels alone, the teacher alone


class Counted(torch.nn.Module):
    """A network that counts how often it is run, also in copies of it."""

    calls: list[int]

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner, self.calls = inner, []

    def __deepcopy__(self, memo: Any) -> "Counted":
        made = Counted(copy.deepcopy(self.inner, memo))
        made.calls = self.calls
        return made

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.calls.append(len(inputs))
        return self.inner(inputs)


def calls_of_teacher(student: Any, teacher: Any, data: Any, method: Distillation) -> int:
    counted = replace(teacher, module=Counted(teacher.module))
    method.apply(student, (), Context(data=data, original=counted))
    return len(counted.module.calls)


def test_labels_alone_are_learned_without_running_the_teacher(student: Any, teacher: Any, data: Any) -> None:
    once = calls_of_teacher(student, teacher, data, METHOD.model_copy(update={"alpha": 1.0, "epochs": 1}))
    assert once <= 2  # its scores on the held-out samples, and what they look like
    assert once == calls_of_teacher(student, teacher, data, METHOD.model_copy(update={"alpha": 1.0, "epochs": 3}))
    assert once < calls_of_teacher(student, teacher, data, METHOD.model_copy(update={"epochs": 1}))


def test_labels_alone_are_learned(student: Any, teacher: Any, data: Any) -> None:
    seen: list[Any] = []
    method = METHOD.model_copy(update={"alpha": 1.0, "epochs": 5})
    method.apply(student, (), Context(data=data, original=teacher, emit=seen.append))
    points = [value for value in seen if isinstance(value, CurvePoint)]
    assert points[-1].metric > 0.9
    assert all(point.term("distillation") is None for point in points)


def test_the_teacher_alone_needs_no_labels(student: Any, teacher: Any, data: Any) -> None:
    wrong = copy.copy(data)
    wrong.labels = np.full_like(data.labels, -1)  # a cross-entropy with these would fail
    method = METHOD.model_copy(update={"alpha": 0.0})
    assert_same(
        state_of(
            method.apply(
                student, (), Context(data=replace(data, task=task_of("classification", "agreement")), original=teacher)
            )
        ),
        state_of(
            method.apply(
                student, (), Context(data=replace(wrong, task=task_of("classification", "agreement")), original=teacher)
            )
        ),
    )


def test_labels_alone_are_refused_where_there_are_none(student: Any, teacher: Any, data: Any) -> None:
    unlabelled = replace(data, task=task_of("none"))
    with pytest.raises(UserError, match="has no class labels"):
        METHOD.model_copy(update={"alpha": 1.0}).apply(student, (), Context(data=unlabelled, original=teacher))
    log: list[str] = []
    METHOD.apply(student, (), Context(data=unlabelled, original=teacher, log=log.append))
    assert any("the teacher's answers alone" in line for line in log)


# ------------------------------------------------------------------ batches of one sample


def test_batch_norm_keeps_its_statistics_in_batches_of_one(student: Any, teacher: Any, data: Any) -> None:
    method = METHOD.model_copy(update={"batch_size": 1, "epochs": 1, "learning_rate": 0.002})
    seen: list[Any] = []
    trained = method.apply(student, (), Context(data=data, original=teacher, emit=seen.append))
    for name, tensor in state_of(student).items():
        changed = not torch.equal(tensor, state_of(trained)[name])
        assert changed != ("running" in name or "tracked" in name), name
    points = [value for value in seen if isinstance(value, CurvePoint)]
    assert points[-1].agreement > points[0].agreement


def test_a_batch_norm_without_statistics_refuses_batches_of_one(student: Any, teacher: Any, data: Any) -> None:
    module = copy.deepcopy(student.module)
    module[1] = torch.nn.BatchNorm2d(6, track_running_stats=False)
    method = METHOD.model_copy(update={"batch_size": 1})
    with pytest.raises(UserError, match="one sample has none"):
        method.apply(replace(student, module=module), (), Context(data=data, original=teacher))
