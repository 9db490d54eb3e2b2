"""Opening good models of every kind, and what is said about them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from safetensors.torch import save_file

from secateur.errors import Cancelled, UserError
from secateur.formats.describing.describe import fingerprint
from secateur.formats.reading import describe, open_model, with_sample_shape
from secateur.graph.layers import channel_axes, example_inputs
from secateur.graph.network import OnnxModel, StoredModel, TorchModel
from secateur.model.description import ModelSource


def opened(path: Path | str, factory: str = "") -> TorchModel | OnnxModel:
    return open_model(ModelSource(str(path), factory))


@pytest.fixture
def weights(factory_file: Path) -> dict[str, torch.Tensor]:
    model = open_model(ModelSource(factory=f"{factory_file}:make"))
    assert isinstance(model, TorchModel)
    return {name: value + 0.25 for name, value in model.module.state_dict().items()}


@pytest.fixture
def foreign_operator(network: onnx.ModelProto, tmp_path: Path) -> Path:
    """The network with an operator at its end that the importer does not have."""
    network.graph.node.append(helper.make_node("RandomNormalLike", ["logits"], ["choice"]))
    network.graph.output.append(helper.make_tensor_value_info("choice", onnx.TensorProto.FLOAT, ("N", 5)))
    onnx.save(network, tmp_path / "hard.onnx")
    return tmp_path / "hard.onnx"


def test_an_onnx_file_opens_as_a_trainable_network(network_file: Path) -> None:
    model = opened(network_file)
    assert isinstance(model, TorchModel)
    assert model.name == "network"
    assert model.lowered is not None
    assert model.inputs[0].shape == (None, 3, 8, 8)


def test_the_suffix_does_not_matter(network_file: Path) -> None:
    renamed = network_file.rename(network_file.with_suffix(".pth"))
    assert isinstance(opened(renamed), TorchModel)


def test_a_folder_with_one_model_opens(network_file: Path) -> None:
    assert opened(network_file.parent).name == "network"


def test_a_file_with_an_unknown_operator_stays_a_file_and_says_why(foreign_operator: Path) -> None:
    model = opened(foreign_operator)
    assert isinstance(model, OnnxModel)
    assert "RandomNormalLike" in model.reason
    assert describe(model).trainable is False


def test_a_file_and_the_network_imported_from_it_are_described_alike(
    network_file: Path, foreign_operator: Path
) -> None:
    trainable, file = describe(opened(network_file)), describe(opened(foreign_operator))
    for one, other in zip(trainable.layers, file.layers, strict=True):
        assert (one.name, one.kind, one.params, one.macs) == (other.name, other.kind, other.params, other.macs)
        assert (one.output_shape, one.size_bytes, one.kernel) == (other.output_shape, other.size_bytes, other.kernel)


def test_costs_are_counted_for_one_sample(network_file: Path) -> None:
    layers = {layer.name: layer for layer in describe(opened(network_file)).layers}
    assert layers["stem.conv"].macs == 8 * 3 * 9 * 64
    assert layers["stem.conv"].output_shape == (8, 8, 8)
    assert layers["head"].macs == 40
    assert layers["stem.bn"].params == 16
    assert layers["stem.bn"].size_bytes == 4 * 8 * 4


def test_layers_know_who_reads_them(network_file: Path) -> None:
    layers = {layer.name: layer for layer in describe(opened(network_file)).layers}
    assert set(layers["stem.conv"].readers) == {"block.0.conv", "head"}
    assert layers["head"].readers == ()


def test_bytes_of_layers_and_overhead_make_the_file(network_file: Path) -> None:
    description = describe(opened(network_file))
    assert description.size_bytes + description.overhead_bytes == network_file.stat().st_size
    assert description.source_bytes == network_file.stat().st_size


def test_describing_leaves_no_hook_and_no_mode_behind(network_file: Path) -> None:
    model = opened(network_file)
    assert isinstance(model, TorchModel)
    describe(model)
    assert not any(module._forward_hooks for module in model.module.modules())
    assert not model.module.training


def test_the_fingerprint_follows_the_content(network_file: Path, network: onnx.ModelProto) -> None:
    before = fingerprint(opened(network_file))
    assert fingerprint(opened(network_file)) == before
    network.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.ones((8, 3, 3, 3), np.float32), "stem.conv.weight")
    )
    onnx.save(network, network_file)
    assert fingerprint(opened(network_file)) != before


def test_external_data_beside_the_file_is_read_and_counted(network: onnx.ModelProto, tmp_path: Path) -> None:
    plain, split = tmp_path / "plain.onnx", tmp_path / "split.onnx"
    onnx.save(network, plain)
    onnx.save(network, split, save_as_external_data=True, location="split.data", size_threshold=0)
    one, other = opened(plain), opened(split)
    for name, weight in one.weights().items():
        np.testing.assert_array_equal(weight, other.weights()[name])
    assert other.source_bytes == split.stat().st_size + (tmp_path / "split.data").stat().st_size


def test_a_file_with_one_sample_becomes_a_network_for_batches(network: onnx.ModelProto, tmp_path: Path) -> None:
    for value in (network.graph.input[0], network.graph.output[0]):
        value.type.tensor_type.shape.dim[0].Clear()
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(network, tmp_path / "one.onnx")
    model = opened(tmp_path / "one.onnx")
    assert model.inputs[0].shape == (None, 3, 8, 8)
    assert model.run(*example_inputs(model, 4)).shape == (4, 5)


@pytest.mark.parametrize("nest", ["", "state_dict", "model_state_dict", "model", "net"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "_orig_mod.module."])
def test_checkpoints_are_unwrapped(
    nest: str, prefix: str, weights: dict[str, torch.Tensor], factory_file: Path, tmp_path: Path
) -> None:
    named = {f"{prefix}{name}": value for name, value in weights.items()}
    optimizer = {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": []}
    torch.save({nest: named, "optimizer": optimizer, "epoch": 3} if nest else named, tmp_path / "checkpoint.th")
    model = opened(tmp_path / "checkpoint.th", f"{factory_file}:make")
    np.testing.assert_array_equal(model.weights()["conv"], weights["conv.weight"].numpy())


def test_safetensors_and_checkpoint_give_the_same_network(
    weights: dict[str, torch.Tensor], factory_file: Path, tmp_path: Path
) -> None:
    torch.save(weights, tmp_path / "w.pt", _use_new_zipfile_serialization=False)
    save_file(weights, tmp_path / "w.safetensors")
    one, other = (opened(tmp_path / name, f"{factory_file}:make") for name in ("w.pt", "w.safetensors"))
    image = example_inputs(one, 2)
    np.testing.assert_array_equal(one.run(*image), other.run(*image))
    assert (one.format, other.format) == ("pytorch", "safetensors")


def test_a_height_that_the_file_leaves_open_but_does_not_take_is_found(
    network: onnx.ModelProto, tmp_path: Path
) -> None:
    shape = network.graph.input[0].type.tensor_type.shape
    shape.dim[2].dim_param, shape.dim[3].dim_param = "height", "width"
    network.graph.node[5].CopyFrom(helper.make_node("MaxPool", ["e"], ["h"], kernel_shape=[48, 1]))
    network.graph.node.insert(6, helper.make_node("Squeeze", ["h", "two"], ["s"]))
    network.graph.node.insert(7, helper.make_node("ReduceMean", ["s", "two"], ["f"], keepdims=0))
    network.graph.initializer.append(numpy_helper.from_array(np.asarray([2]), "two"))
    onnx.save(network, tmp_path / "lines.onnx")
    model = opened(tmp_path / "lines.onnx")
    assert model.inputs[0].shape == (None, 3, 48, None)
    assert any("48 was found" in note for note in model.notes)
    assert isinstance(model, TorchModel)


def test_a_factory_alone_opens_with_its_own_weights(factory_file: Path) -> None:
    model = opened(f"{factory_file}:make")
    assert isinstance(model, TorchModel)
    assert any("No weights file" in note for note in model.notes)
    assert model.inputs[0].name == "image"
    assert describe(model).fingerprint == describe(opened(f"{factory_file}:make")).fingerprint


def test_weights_without_a_factory_are_inspected_and_say_how_to_name_one(
    weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    torch.save(weights, tmp_path / "w.pt")
    model = opened(tmp_path / "w.pt")
    assert isinstance(model, StoredModel)
    assert "conv" in {layer.name for layer in model.layers}
    np.testing.assert_array_equal(model.weights()["conv"], weights["conv.weight"].numpy())
    assert "file.py:factory" in model.reason
    with pytest.raises(UserError, match="factory"):
        model.run()


def test_an_unstated_input_is_found_and_told(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "from torch import nn\n"
        "def make():\n"
        "    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 26 * 26, 3))\n"
    )
    model = opened(f"{file}:make")
    assert model.inputs[0].shape == (None, 1, 28, 28)
    assert any("1×28×28" in note and "input_shape" in note for note in model.notes)


def test_a_network_that_takes_any_size_can_be_given_the_datas(factory_file: Path) -> None:
    model = opened(f"{factory_file}:make")
    assert isinstance(model, TorchModel)
    assert with_sample_shape(model, (3, 20, 12)).inputs[0].shape == (None, 3, 20, 12)
    with pytest.raises(UserError, match="3×8×8"):
        with_sample_shape(model, (1, 8, 8))


def test_progress_can_cancel_the_opening(network_file: Path) -> None:
    def stop(done: int, total: int, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        open_model(ModelSource(str(network_file)), stop)


def test_channel_axes_name_the_output_channels_of_each_layout(network_file: Path, foreign_operator: Path) -> None:
    for model in (opened(network_file), opened(foreign_operator)):
        axes = channel_axes(model)
        widths = {name: weight.shape[axes[name]] for name, weight in model.weights().items()}
        assert widths == {"stem.conv": 8, "block.0.conv": 8, "head": 5}


def test_example_inputs_fill_dynamic_axes_and_repeat(network_file: Path) -> None:
    model = opened(network_file)
    first, again, other = (example_inputs(model, 3, seed) for seed in (0, 0, 1))
    assert first[0].shape == (3, 3, 8, 8)
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])
