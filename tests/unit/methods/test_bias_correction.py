"""Bias correction: what a layer gives on average is what it gave, alone and in the order of the network."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper

from secateur.data.batch import Batch
from secateur.formats.onnx_files.writing import write_onnx
from secateur.formats.reading import open_model
from secateur.graph.biases import shipped_biases, with_biases
from secateur.graph.context import Context
from secateur.graph.simulation import simulate
from secateur.methods.change import Lowered
from secateur.methods.quantize import correction, walk
from secateur.methods.quantize.recording import InputMean, mean_output, record
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.methods.refinement import Refinement
from secateur.model.description import ModelSource

EVERY = ["conv1", "conv2", "fc"]
FEW = WeightOnly(bits=2, rounding="nearest")
RANDOM = np.random.default_rng(1)


class Samples:
    """Calibration samples of one array each, in batches as they are given."""

    def __init__(self, *batches: np.ndarray) -> None:
        self.given = [batch.astype(np.float32) for batch in batches]

    def size(self, split: str) -> int:
        return sum(len(batch) for batch in self.given)

    def batches(self, split: str, size: int, limit: int | None = None) -> Iterator[Batch]:
        for batch in self.given:
            yield Batch({"x": batch}, np.zeros(len(batch), np.int64))


def opened(path: Any, nodes: list[Any], stored: dict[str, np.ndarray], shape: list[Any]) -> Any:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in stored.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return open_model(ModelSource(str(path)))


def bias_of(model: Any, layer: str) -> np.ndarray:
    return np.asarray(model.module.get_submodule(layer).bias.detach().numpy())


def means(model: Any, inputs: np.ndarray, with_bias: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
    """Layer → mean of each output channel of a naive run of the simulation."""
    module: Any = simulate(model.module, model.encodings)
    found: dict[str, np.ndarray] = {}

    def keep(name: str) -> Any:
        def hook(layer: Any, given: Any, made: torch.Tensor) -> None:
            axis = 1 if made.dim() == 4 else made.dim() - 1
            found[name] = made.double().movedim(axis, 0).flatten(1).mean(1).numpy()

        return hook

    for name in EVERY:
        layer = module.get_submodule(name)
        if with_bias and name in with_bias:
            layer.bias = torch.nn.Parameter(torch.from_numpy(with_bias[name]))
        layer.register_forward_hook(keep(name))
    with torch.no_grad():
        module(torch.from_numpy(inputs))
    return found


def alone(model: Any, layer: str, data: Any, method: Any = FEW) -> Any:
    return method.change(layer, Lowered(model, EVERY, Context(data=data)))


def answers(path: Any, inputs: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: inputs})[0])


def ordered(model: Any, data: Any, method: Any = FEW, layers: Any = EVERY, log: Any = print) -> Any:
    """The model encoded, with its biases corrected in the order of the network whatever else there is to choose."""
    context = Context(data=data, log=log)
    encoded = method.model_copy(update={"bias_correction": False}).apply(model, layers, context)
    chosen = correction.chosen_layers(model, [(layers, Refinement(256, corrects_biases=True))], context)
    assert chosen is not None
    found = record(model, context, 256, inputs=chosen.layers, outputs=chosen.once)
    return correction.in_order(model, encoded, chosen, found, context, 256)


def test_the_bias_of_a_layer_alone_takes_back_what_its_weights_lost_times_its_mean_input(lowered_network: Any) -> None:
    """By hand: fc reads what the pooling gives, and (W' − W)·E[x] is a product of a matrix and a vector."""
    inputs = RANDOM.standard_normal((40, 3, 12, 12)).astype(np.float32)
    seen: list[torch.Tensor] = []
    hook = lowered_network.module.fc.register_forward_pre_hook(lambda layer, given: seen.append(given[0]))
    lowered_network.run(inputs)
    hook.remove()
    change = alone(lowered_network, "fc", Samples(inputs[:32], inputs[32:]))
    lost = change.weight.astype(np.float64) - lowered_network.weights()["fc"]
    expected = bias_of(lowered_network, "fc") - lost @ seen[0].double().mean(0).numpy()
    assert np.abs(lost).max() > 0.1
    np.testing.assert_allclose(change.bias, expected, atol=1e-5)


@pytest.mark.parametrize("layer", EVERY)
def test_a_layer_alone_gives_on_average_what_it_gave_borders_included(
    lowered_network: Any, noise_data: Any, layer: str
) -> None:
    noise_data.inputs += 1.0  # with a mean of zero, borders would not matter
    change = alone(lowered_network, layer, noise_data)
    changed = lowered_network.with_weights({layer: change.weight})
    before, after = means(lowered_network, noise_data.inputs), means(changed, noise_data.inputs, {layer: change.bias})
    np.testing.assert_allclose(after[layer], before[layer], atol=2e-5)
    assert np.abs(means(changed, noise_data.inputs)[layer] - before[layer]).max() > 1e-2


def test_inputs_of_different_sizes_are_told_by_their_channels_as_if_there_were_no_border() -> None:
    layer = torch.nn.Conv2d(4, 6, 3, padding=1, groups=2, dilation=2)
    weight = layer.weight.detach().numpy()
    mean = InputMean(1, by_channel=False)
    for size in (5, 9, 5):
        mean.add(torch.arange(4.0).reshape(1, 4, 1, 1).expand(2, 4, size, size + 1))
    found = mean_output(layer, weight, mean)
    inside = layer(torch.arange(4.0).reshape(1, 4, 1, 1).expand(1, 4, 9, 9)) - layer.bias.reshape(-1, 1, 1)
    np.testing.assert_allclose(found, inside[0, :, 4, 4].detach().numpy(), atol=1e-5)


def test_the_network_whole_gives_in_every_layer_on_average_what_it_gave(lowered_network: Any, noise_data: Any) -> None:
    before = means(lowered_network, noise_data.inputs)
    for method, left in ((FEW, 0.01), (StaticInt8(), 0.5)):  # integer kernels add biases in steps
        corrected = ordered(lowered_network, noise_data, method)
        plain = method.model_copy(update={"bias_correction": False}).apply(
            lowered_network, EVERY, Context(data=noise_data)
        )
        assert corrected.encodings.weights.keys() == plain.encodings.weights.keys()
        after, without = (means(model, noise_data.inputs) for model in (corrected, plain))
        for name in EVERY:
            assert np.abs(after[name] - before[name]).max() < left * np.abs(without[name] - before[name]).max(), name


def spreads(model: Any, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Layer → standard deviation of each output channel in the simulation."""
    module: Any = simulate(model.module, model.encodings)
    found: dict[str, np.ndarray] = {}
    for name in EVERY:
        hook = lambda layer, given, made, name=name: found.update({name: made.double().movedim(1, 0).flatten(1).std(1)})  # noqa: E731
        module.get_submodule(name).register_forward_hook(hook)
    with torch.no_grad():
        module(torch.from_numpy(inputs))
    return {name: values.numpy() for name, values in found.items()}


def test_the_network_whole_spreads_in_every_layer_as_it_did_with_the_same_integers(
    lowered_network: Any, noise_data: Any
) -> None:
    result = ordered(lowered_network, noise_data)
    plain = FEW.without_data().apply(lowered_network, EVERY, Context())
    before, after, without = (spreads(model, noise_data.inputs) for model in (lowered_network, result, plain))
    for name in EVERY:
        np.testing.assert_allclose(after[name], before[name], rtol=1e-3)
        assert np.abs(without[name] / before[name] - 1).max() > 0.1
        ours, theirs = result.encodings.weights[name], plain.encodings.weights[name]
        codes = [np.rint(e.round_trip(m.weights()[name]) / _over(e)) for e, m in ((ours, result), (theirs, plain))]
        assert np.array_equal(*codes)


def _over(encoding: Any) -> np.ndarray:
    return encoding.scale.reshape(-1, *[1] * (3 if len(encoding.scale) != 10 else 1))


def test_scales_of_groups_are_left_as_formats_store_them(lowered_network: Any, noise_data: Any) -> None:
    method = WeightOnly(bits=4, group_size=32)
    result = ordered(lowered_network, noise_data, method, ["fc"])
    plain = method.without_data().apply(lowered_network, ["fc"], Context())
    assert np.array_equal(result.encodings.weights["fc"].scale, plain.encodings.weights["fc"].scale)


def test_each_layer_is_corrected_for_what_the_layers_before_it_became(lowered_network: Any, noise_data: Any) -> None:
    """The naive way: a forward pass for every layer, in order."""
    result = ordered(lowered_network, noise_data)
    wanted = means(lowered_network, noise_data.inputs)
    plain = with_biases(result, {name: bias_of(lowered_network, name) for name in EVERY})
    biases: dict[str, np.ndarray] = {}
    for name in EVERY:
        given = means(plain, noise_data.inputs, biases)
        biases[name] = (bias_of(plain, name) + wanted[name] - given[name]).astype(np.float32)
        np.testing.assert_allclose(bias_of(result, name), biases[name], atol=2e-5)
    later = alone(lowered_network, "fc", noise_data)
    assert np.abs(later.bias - bias_of(result, "fc")).max() > 1e-2


@pytest.mark.parametrize(
    "method", [FEW, WeightOnly(bits=3, rounding="nearest"), WeightOnly(bits=2, observer="minmax", rounding="nearest")]
)
def test_of_all_corrections_that_is_taken_whose_answers_are_nearest(
    lowered_network: Any, noise_data: Any, method: Any
) -> None:
    inputs, said = noise_data.inputs, []
    plain = method.model_copy(update={"bias_correction": False}).apply(lowered_network, EVERY, Context())
    single = {name: alone(lowered_network, name, noise_data, method).bias for name in EVERY}
    choices = {
        "in the order": ordered(lowered_network, noise_data, method),
        "for itself": with_biases(plain, single),
        "stay as they are": plain,
    }
    result = method.apply(lowered_network, EVERY, Context(data=noise_data, log=said.append))
    far = {name: np.square(model.run(inputs) - lowered_network.run(inputs)).sum() for name, model in choices.items()}
    best = min(far, key=lambda name: far[name])
    assert np.square(result.run(inputs) - lowered_network.run(inputs)).sum() == pytest.approx(far[best], rel=0.02)
    assert far[best] < far["stay as they are"]
    assert len([sentence for sentence in said if best in sentence]) == 1


def test_without_samples_no_bias_changes_and_the_log_says_so_once(lowered_network: Any) -> None:
    said: list[str] = []
    result = FEW.apply(lowered_network, EVERY, Context(log=said.append))
    assert all(np.array_equal(bias_of(result, name), bias_of(lowered_network, name)) for name in EVERY)
    assert [sentence for sentence in said if "no data is open" in sentence] == said
    network = Lowered(lowered_network, EVERY, Context(log=said.append))
    assert [FEW.change(name, network).bias for name in EVERY] == [None] * 3
    assert len(said) == 2
    assert FEW.without_data().apply(lowered_network, EVERY, Context(log=said.append)).encodings
    assert len(said) == 2


def test_random_numbers_correct_nothing(lowered_network: Any, noise_data: Any) -> None:
    noise_data.source = "random"
    said: list[str] = []
    result = StaticInt8().apply(lowered_network, EVERY, Context(data=noise_data, log=said.append))
    assert np.array_equal(bias_of(result, "fc"), bias_of(lowered_network, "fc"))
    assert any("random numbers" in sentence for sentence in said)


def test_a_product_without_a_bias_is_left_and_named(tmp_path: Any) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["h"], "one"),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "second"], ["m"], "two"),
        helper.make_node("Add", ["m", "shift"], ["y"], "plus"),
    ]
    stored = {
        "first": RANDOM.standard_normal((8, 16)),
        "second": RANDOM.standard_normal((16, 4)),
        "shift": np.arange(4.0),
    }
    model = opened(tmp_path / "m.onnx", nodes, stored, ["N", 5, 8])
    names = list(model.weights())
    assert set(shipped_biases(model)) == {names[1]}
    data, said = Samples(RANDOM.standard_normal((20, 5, 8)) + 1), []
    result = FEW.apply(model, names, Context(data=data, log=said.append))
    assert len([sentence for sentence in said if names[0] in sentence and "bias" in sentence]) == 1
    assert np.abs(bias_of(result, names[1]) - np.arange(4.0)).max() > 1e-3
    expected, found = (one.run(data.given[0]).mean((0, 1)) for one in (model, result))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_layer_that_is_called_twice_has_one_bias_for_both_calls(tmp_path: Any) -> None:
    def again(given: str, made: str) -> Any:
        return helper.make_node("Gemm", [given, "w", "b"], [made], made, transB=1)

    nodes = [again("x", "h"), helper.make_node("Sigmoid", ["h"], ["s"]), again("s", "y")]
    model = opened(tmp_path / "m.onnx", nodes, {"w": RANDOM.standard_normal((6, 6)), "b": np.zeros(6)}, ["N", 6])
    (name,) = model.weights()
    inputs = (RANDOM.standard_normal((30, 6)) + 2).astype(np.float32)
    result = FEW.apply(model, [name], Context(data=Samples(inputs)))
    weight = model.weights()[name]
    lost = result.encodings.weights[name].round_trip(weight).astype(np.float64) - weight
    second = 1 / (1 + np.exp(-inputs.astype(np.float64) @ weight.T))
    np.testing.assert_allclose(bias_of(result, name), -lost @ np.concatenate([inputs, second]).mean(0), atol=1e-5)


def test_a_second_step_keeps_the_biases_of_the_first_and_what_the_network_gave(
    lowered_network: Any, noise_data: Any
) -> None:
    context = Context(data=noise_data)
    first = FEW.apply(lowered_network, ["conv1", "fc"], context)
    second = FEW.apply(first, ["conv2"], context)
    assert np.array_equal(bias_of(first, "conv1"), bias_of(second, "conv1"))
    assert not np.array_equal(bias_of(first, "conv2"), bias_of(second, "conv2"))
    before, after = means(lowered_network, noise_data.inputs), means(second, noise_data.inputs)
    np.testing.assert_allclose(after["conv1"], before["conv1"], atol=2e-5)
    np.testing.assert_allclose(after["conv2"], means(first, noise_data.inputs)["conv2"], atol=2e-5)
    again = FEW.apply(second, EVERY, context)
    for name in EVERY[:2]:
        np.testing.assert_allclose(bias_of(again, name), bias_of(second, name), atol=2e-5)


@pytest.mark.parametrize("method", [FEW, StaticInt8()], ids=["2 bits", "int8"])
def test_the_file_has_the_corrected_biases(lowered_network: Any, noise_data: Any, tmp_path: Any, method: Any) -> None:
    result = method.apply(lowered_network, ["conv1", "conv2"], Context(data=noise_data))
    write_onnx(result, tmp_path / "written.onnx")
    made, expected = answers(tmp_path / "written.onnx", noise_data.inputs), result.run(noise_data.inputs)
    plain = method.model_copy(update={"bias_correction": False})
    other = plain.apply(lowered_network, ["conv1", "conv2"], Context(data=noise_data)).run(noise_data.inputs)
    assert np.abs(made - expected).max() < 0.1 * np.abs(other - expected).max()


def test_equal_biases_that_a_file_has_once_part_when_they_are_corrected(tmp_path: Any) -> None:
    def product(given: str, made: str, weight: str) -> Any:
        return helper.make_node("Gemm", [given, weight, "zeros"], [made], made, transB=1)

    nodes = [product("x", "h", "w1"), helper.make_node("Relu", ["h"], ["r"]), product("r", "y", "w2")]
    stored = {name: RANDOM.standard_normal((6, 6)) for name in ("w1", "w2")}
    model = opened(tmp_path / "m.onnx", nodes, {**stored, "zeros": np.zeros(6)}, ["N", 6])
    data = Samples(RANDOM.standard_normal((30, 6)) + 2)
    names = list(model.weights())
    result = FEW.apply(model, names, Context(data=data))
    first, second = (bias_of(result, name) for name in names)
    assert np.abs(first - second).max() > 1e-3
    write_onnx(result, tmp_path / "written.onnx")
    np.testing.assert_allclose(answers(tmp_path / "written.onnx", data.given[0]), result.run(data.given[0]), atol=1e-4)


def test_new_biases_leave_the_model_that_they_were_given_to_as_it_is(lowered_network: Any) -> None:
    before = bias_of(lowered_network, "conv1").copy()
    changed = with_biases(lowered_network, {"conv1": before + 1})
    assert np.array_equal(bias_of(lowered_network, "conv1"), before)
    assert np.array_equal(bias_of(changed, "conv1"), before + 1)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in changed.lowered.whole().graph.initializer}
    assert np.array_equal(stored["conv1.bias"], before + 1)
    assert changed.module.conv2.weight.data_ptr() == lowered_network.module.conv2.weight.data_ptr()
    with pytest.raises(ValueError, match="conv9"):
        with_biases(lowered_network, {"conv9": before})


def test_fewer_batches_are_taken_where_all_of_them_would_not_be_held(
    lowered_network: Any, noise_data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise_data.inputs = RANDOM.standard_normal((96, 3, 12, 12)).astype(np.float32)
    monkeypatch.setattr(walk, "HELD_BYTES", 1_500_000)
    said: list[str] = []
    result = ordered(lowered_network, noise_data, log=said.append)
    assert any("1 of 3 batches" in sentence for sentence in said)
    first = noise_data.inputs[:32]
    for name, mean in means(lowered_network, first).items():
        np.testing.assert_allclose(means(result, first)[name], mean, atol=2e-5)


def test_the_ranges_and_means_of_all_methods_are_recorded_in_one_pass(lowered_network: Any, noise_data: Any) -> None:
    passes = []
    batches = noise_data.batches
    noise_data.batches = lambda *given: passes.append(given) or batches(*given)
    network = Lowered(lowered_network, EVERY, Context(data=noise_data), methods=[FEW, StaticInt8()])
    for name in EVERY:
        assert FEW.change(name, network).bias is not None
        assert StaticInt8().change(name, network).rounded
    assert len(passes) == 1
