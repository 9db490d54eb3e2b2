"""Small editions of networks as people have them, by the exporter that is quick; tests/exporters has the others."""

import importlib
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).resolve().parents[4] / "packaging"


@pytest.fixture(scope="module")
def script() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module("imported_networks")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["ResNet-18", "ViT-B/16", "BERT (MiniLM's size)", "LSTM tagger", "U-Net"])
def test_an_exported_network_is_imported_trained_and_written_again(name: str, script: Any, tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    layers = script.export(script.FACTORIES[name][0](), path, dynamo=False)
    study = script.study(name, path, layers)
    assert max(study.imported, study.written, study.anew) <= 1e-4
    assert study.layers == study.wanted
    assert study.reached == study.parameters > 0
