"""Features of layers: their distance by hand, adapters that are trained and not kept, pairs that do not fit."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from secateur.data.tasks import task_of
from secateur.errors import Cancelled, UserError
from secateur.graph.context import Context
from secateur.methods.distil.distillation import Distillation
from secateur.methods.distil.fine_tuning import FineTuning
from secateur.methods.distil.pairs import FeaturePair, pairs_of, suggested_pairs, with_pairs
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import Layer, TensorInfo
from secateur.recipe.reading import parse_recipe
from secateur.training.curves import CurvePoint
from secateur.training.objectives.base import Moment
from secateur.training.objectives.features import AxisMap, Features, LayerPair, Taken, feature_distance

METHOD = Distillation(
    epochs=2, batch_size=16, learning_rate=0.05, features=(FeaturePair(teacher="0", student="0", weight=0.5),)
)


def network(width: int, seed: int) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, 3)
        )


def moment(student: nn.Module, teacher: nn.Module, inputs: torch.Tensor) -> Moment:
    labels = torch.zeros(len(inputs), dtype=torch.int64)
    return Moment(task_of("classification"), {"x": inputs}, 1, labels, student(inputs), lambda: teacher(inputs))


def test_the_distance_is_the_squared_distance_of_features_of_length_one() -> None:
    a, b = np.array([[3.0, 4.0], [1.0, 0.0]]), np.array([[4.0, 3.0], [0.0, 2.0]])
    expected = np.mean([(0.6 - 0.8) ** 2 + (0.8 - 0.6) ** 2, 1.0 + 1.0])
    assert float(feature_distance(torch.from_numpy(a), torch.from_numpy(b))) == pytest.approx(expected)


def test_the_distance_is_two_less_twice_the_cosine_and_does_not_depend_on_the_size() -> None:
    a, b = torch.randn(5, 4, 3, 3), torch.randn(5, 4, 3, 3)
    cosine = nn.functional.cosine_similarity(a.flatten(1), b.flatten(1)).mean()
    assert float(feature_distance(a, b)) == pytest.approx(float(2 - 2 * cosine), rel=1e-5)
    assert float(feature_distance(7 * a, b)) == pytest.approx(float(feature_distance(a, b)), rel=1e-5)


def test_the_gradient_of_the_distance_agrees_with_differences() -> None:
    a, b = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True), torch.randn(2, 3, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: feature_distance(x, b), (a,))


def test_the_map_of_channels_is_a_convolution_of_one_by_one() -> None:
    adapter, values = AxisMap(1, 4, 6), torch.randn(2, 4, 5, 5)
    expected = nn.functional.conv2d(values, adapter.linear.weight[:, :, None, None])
    torch.testing.assert_close(adapter(values), expected)


def test_pairs_are_summed_with_their_weights() -> None:
    student, teacher, inputs = network(4, 1), network(4, 2), torch.randn(3, 3, 8, 8)
    pairs = [LayerPair("0", "0", 0.5), LayerPair("3", "3", 2.0)]
    with torch.no_grad(), Features(pairs).attach(student, teacher, (inputs,)) as attached:
        found = float(attached(moment(student, teacher, inputs))[0])
    with torch.no_grad():
        expected = 0.5 * feature_distance(student[0](inputs), teacher[0](inputs))
        expected += 2.0 * feature_distance(student[:4](inputs), teacher[:4](inputs))
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_layers_of_one_width_need_no_adapter_and_others_have_one_that_learns() -> None:
    teacher, inputs = network(6, 2), torch.randn(3, 3, 8, 8)
    with Features([LayerPair("0", "0")]).attach(network(6, 1), teacher, (inputs,)) as attached:
        assert list(attached.parameters()) == []
    student = network(4, 1)
    with Features([LayerPair("0", "0")]).attach(student, teacher, (inputs,)) as attached:
        (weight,) = attached.parameters()
        assert weight.shape == (6, 4)
        attached(moment(student, teacher, inputs))[0].backward()
        assert weight.grad is not None
        assert student[0].weight.grad is not None


def test_no_hook_is_left_when_it_is_closed_or_does_not_fit() -> None:
    student, teacher, inputs = network(4, 1), network(4, 2), torch.randn(3, 3, 8, 8)
    Features([LayerPair("0", "0")]).attach(student, teacher, (inputs,)).close()
    for pair in (LayerPair("0", "nowhere"), LayerPair("nowhere", "0"), LayerPair("0", "3")):
        with pytest.raises(UserError):
            Features([pair]).attach(student, teacher, (inputs,))
    assert not any(layer._forward_hooks for module in (student, teacher) for layer in module.modules())


def test_a_pair_that_cannot_be_compared_says_why() -> None:
    student, teacher, inputs = network(4, 1), network(4, 2), torch.randn(3, 3, 8, 8)
    with pytest.raises(UserError, match=r"16.*cannot be compared.*4 × 8 × 8"):
        Features([LayerPair("0", "3")]).attach(student, teacher, (inputs,))
    with pytest.raises(UserError, match="The student has no layer 'conv'"):
        Features([LayerPair("0", "conv")]).attach(student, teacher, (inputs,))
    with pytest.raises(UserError, match="is not run"):
        Taken(nn.Sequential(nn.ReLU()), ["0"], "student").of("0")


# ------------------------------------------------------------------ in a training


def test_the_features_come_to_resemble_the_teachers(student: Any, teacher: Any, data: Any) -> None:
    seen: list[Any] = []
    strong = FeaturePair(teacher="0", student="0", weight=20.0)
    method = METHOD.model_copy(update={"epochs": 5, "features": (strong,)})
    method.apply(student, (), Context(data=data, original=teacher, emit=seen.append))
    points = [value for value in seen if isinstance(value, CurvePoint)]
    assert [(term.title, term.unit) for term in points[0].terms] == [
        ("distillation", "nats"), ("label", "nats"), ("features", "")
    ]  # fmt: skip
    first, last = points[0].term("features"), points[-1].term("features")
    assert last < 0.8 * first
    total = 0.7 * points[0].term("distillation") + 0.3 * points[0].term("label") + first
    assert points[0].loss == pytest.approx(total, rel=1e-5)


@pytest.fixture
def narrow(student: Any) -> Any:
    """A student with two thirds of the channels, whose features need an adapter."""
    return ChannelPruning(round_to=1, ratio=0.34, repair=False).apply(student, ("0",), Context())


def test_the_adapter_is_not_in_the_result(narrow: Any, teacher: Any, data: Any) -> None:
    trained = METHOD.apply(narrow, (), Context(data=data, original=teacher))
    assert trained.module[0].out_channels == 4
    shapes = {name: tensor.shape for name, tensor in narrow.module.state_dict().items()}
    assert {name: tensor.shape for name, tensor in trained.module.state_dict().items()} == shapes
    assert not any(layer._forward_hooks for layer in trained.module.modules())
    assert not any(layer._forward_hooks for layer in teacher.module.modules())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_training_with_an_adapter_resumes_to_the_same_bits(
    precision: str, narrow: Any, teacher: Any, data: Any, tmp_path: Path
) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if done == 5 and text.startswith("epoch"):
            raise Cancelled

    method = METHOD.model_copy(update={"precision": precision})
    context = Context(data=data, original=teacher, folder=tmp_path)
    unbroken = method.apply(narrow, (), replace(context, folder=None))
    with pytest.raises(Cancelled):
        method.apply(narrow, (), replace(context, progress=stop))
    torch.rand(13)
    log: list[str] = []
    resumed = method.apply(narrow, (), replace(context, resume=True, log=log.append))
    assert any("goes on at step 5 of 16" in line for line in log)
    for name, tensor in unbroken.module.state_dict().items():
        assert torch.equal(tensor, resumed.module.state_dict()[name]), name


def test_other_pairs_are_another_training(narrow: Any, teacher: Any, data: Any, tmp_path: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if done == 5 and text.startswith("epoch"):
            raise Cancelled

    context = Context(data=data, original=teacher, folder=tmp_path)
    with pytest.raises(Cancelled):
        METHOD.apply(narrow, (), replace(context, progress=stop))
    log: list[str] = []
    other = METHOD.model_copy(update={"features": (FeaturePair(teacher="2", student="2"),), "epochs": 1})
    with pytest.raises(Cancelled):
        other.apply(narrow, (), replace(context, resume=True, log=log.append, progress=stop))
    assert any(line.startswith("Training starts anew") for line in log)


def test_features_can_be_compared_through_the_rounding(teacher: Any, data: Any) -> None:
    """The teacher is lowered, too: both have their batch norm folded into the layer whose features are compared."""
    context = Context(data=data, original=teacher)
    encoded = StaticInt8(samples=32).apply(teacher, ("0", "6"), context)
    seen: list[Any] = []
    trained = METHOD.apply(encoded, (), replace(context, emit=seen.append))
    first = next(value for value in seen if isinstance(value, CurvePoint))
    assert first.term("features") < 0.001
    assert trained.encodings.weights.keys() == encoded.encodings.weights.keys()


def test_a_whole_block_may_be_a_layer_of_a_pair(student: Any, teacher: Any, data: Any) -> None:
    def nested(model: Any) -> Any:
        module = copy.deepcopy(model.module)
        block = nn.Sequential(*list(module)[:3])
        return replace(model, module=nn.Sequential(block, *list(module)[3:]).eval())

    method = METHOD.model_copy(update={"features": (FeaturePair(teacher="0", student="0"),), "epochs": 1})
    seen: list[Any] = []
    method.apply(nested(student), (), Context(data=data, original=nested(teacher), emit=seen.append))
    assert any(isinstance(value, CurvePoint) and value.term("features") for value in seen)


# ------------------------------------------------------------------ what is written and suggested


def test_pairs_stand_in_the_recipe_and_come_back() -> None:
    document = {
        "schema": 1,
        "steps": [{"method": "distillation", "features": [{"teacher": "layer3", "student": "layer3", "weight": 0.5}]}],
    }
    recipe = parse_recipe(document)
    assert recipe.steps[0].method == Distillation(
        features=(FeaturePair(teacher="layer3", student="layer3", weight=0.5),)
    )
    assert parse_recipe(recipe.to_document()) == recipe


@pytest.mark.parametrize("pair", [{"teacher": "a"}, {"teacher": "a", "student": "b", "weight": 0}, {"x": 1}])
def test_a_pair_that_is_not_whole_is_refused_by_name(pair: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="features"):
        parse_recipe({"schema": 1, "steps": [{"method": "distillation", "features": [pair]}]})


def layer(name: str, *shape: int) -> Layer:
    return Layer(name, "Conv2d", TensorInfo(f"{name}.weight", "float32", (shape[0], 3, 3, 3), 4), output_shape=shape)


def test_pairs_are_suggested_at_the_end_of_each_size_and_never_of_the_answers() -> None:
    layers = [layer("stem", 8, 16, 16), layer("a", 8, 16, 16), layer("b", 16, 8, 8), layer("c", 32, 4, 4)]
    layers += [layer("d", 32, 4, 4), layer("head", 10)]
    names = [(pair.teacher, pair.student) for pair in suggested_pairs(layers, layers)]
    assert names == [("a", "a"), ("b", "b"), ("d", "d")]


def test_pairs_of_different_networks_keep_the_order_of_their_stages() -> None:
    teacher = [layer("t1", 64, 16, 16), layer("t2", 64, 8, 8), layer("t3", 64, 4, 4), layer("head", 10)]
    student = [layer("s1", 8, 8, 8), layer("s2", 8, 4, 4), layer("out", 10)]
    assert [(pair.teacher, pair.student) for pair in suggested_pairs(teacher, student)] == [("t2", "s1"), ("t3", "s2")]


def test_pairs_are_known_of_methods_that_have_a_field_for_them() -> None:
    pair = FeaturePair(teacher="a", student="b")
    assert pairs_of(Distillation()) == ()
    assert pairs_of(with_pairs(Distillation(temperature=2.0), [pair])) == (pair,)
    assert with_pairs(Distillation(temperature=2.0), [pair]) == Distillation(temperature=2.0, features=(pair,))
    assert pairs_of(FineTuning()) is None
    with pytest.raises(ValueError, match="compares no features"):
        with_pairs(FineTuning(), [pair])
