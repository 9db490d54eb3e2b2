"""Networks as people have them: imported, trained by a step, written to ONNX twice; docs/networks.md has them in full.

The exports are of small widths here. silero-vad's network with `If` stays a file, with all that is possible there.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from secateur.formats import format_named
from secateur.formats.proving.verify import export
from secateur.formats.reading import open_model
from secateur.graph.network import OnnxModel
from secateur.model.description import ModelSource

Published = Callable[[str], Path]
SCRIPTS = Path(__file__).resolve().parents[2] / "packaging"
FACTORIES = ("ResNet-18", "MobileNetV2", "ViT-B/16", "BERT (MiniLM's size)", "LSTM tagger", "U-Net")
FILES = ("PP-OCRv4 detection", "PP-OCRv4 recognition", "PP-OCR direction", "silero-vad, a sequence")


@pytest.fixture(scope="module")
def script() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module("imported_networks")


def assert_good(study: Any) -> None:
    assert study.imported <= 1e-4
    assert study.written <= 1e-4
    assert study.anew <= 1e-4
    assert study.layers == study.wanted
    assert study.reached == study.parameters > 0


def test_nothing_of_the_page_is_left_out(script: Any) -> None:
    assert tuple(script.FACTORIES) == FACTORIES
    assert tuple(script.FILES) == FILES


@pytest.mark.parametrize("exporter", ["torch.export", "TorchScript"])
@pytest.mark.parametrize("name", FACTORIES)
def test_both_of_torchs_exporters(name: str, exporter: str, script: Any, tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    layers = script.export(script.FACTORIES[name][0](), path, dynamo=script.EXPORTERS[exporter])
    assert_good(script.study(name, path, layers))


@pytest.mark.parametrize("name", FILES)
def test_published_files(name: str, script: Any, published: Published) -> None:
    assert_good(script.study(name, published(script.FILES[name])))


def test_minilm_as_our_own_onnx_file(script: Any, published: Published, installed: Any, tmp_path: Path) -> None:
    installed("huggingface")
    path = tmp_path / "minilm.onnx"
    layers = script.written_by_us(published(script.MINILM), path)
    assert_good(script.study("MiniLM", path, layers))


# ---------------------------------------------------------------------- silero-vad, which decides with `If`


@pytest.fixture
def silero(published: Published) -> OnnxModel:
    model = open_model(ModelSource(str(published("silero_vad/data/silero_vad.onnx"))))
    assert isinstance(model, OnnxModel)
    return model


def test_a_network_with_if_stays_a_file_and_says_why(silero: OnnxModel) -> None:
    from secateur.formats.describing.describe import describe

    assert "If" in silero.reason
    description = describe(silero)
    assert sum(layer.params for layer in description.layers) > 300_000
    assert description.runnable


def test_the_weights_of_a_file_with_if_are_rewritten_and_it_runs(silero: OnnxModel, tmp_path: Path) -> None:
    name, weight = max(silero.weights().items(), key=lambda item: item[1].size)
    changed = silero.with_weights({name: np.asarray(weight) * np.float32(0.5)})
    path = tmp_path / "half.onnx"
    proof = export(changed, format_named("onnx"), path)
    assert proof.verified, proof.sentence
    again = open_model(ModelSource(str(path)))
    np.testing.assert_array_equal(again.weights()[name], np.asarray(weight) * np.float32(0.5))
    sound = np.random.default_rng(0).standard_normal((1, 512)).astype(np.float32)
    given = {"input": sound, "state": np.zeros((2, 1, 128), np.float32), "sr": np.asarray(16000, np.int64)}
    one, other = (
        onnxruntime.InferenceSession(place, providers=["CPUExecutionProvider"]).run(None, given)[0]
        for place in (str(path), silero.path)
    )
    assert np.isfinite(one).all()
    assert not np.array_equal(one, other)
