"""Weights of four bits in groups by command line: compressed, looked at, compared and exported in every form."""

import json
from pathlib import Path

import onnx
import pytest
from small_instances import Instance, make_reader

from secateur.cli.commands import run

LAYERS = ["query", "key", "value", "out"]
STORED = 64 * 64 // 2 + 128 * 4 + 128 // 2
"""Bytes of 64 × 64 weights of four bits: for each of 128 groups a scale of four bytes and a zero point of four bits."""
RECIPE = """
schema: 1
steps:
- {method: weight_only, layers: ["*"], bits: 4, group_size: 32, scheme: affine}
"""


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    """The document that a command prints, which must succeed."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        run([*arguments, "--json"])
    captured = capsys.readouterr()
    assert not end.value.code, captured.err
    return json.loads(captured.out)


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    return make_reader(tmp_path_factory.mktemp("reader"))


def test_they_go_the_whole_way(
    capsys: pytest.CaptureFixture[str], instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    network, data, recipe, out = str(instance.network), str(instance.data), tmp_path / "r.yaml", tmp_path / "out"
    recipe.write_text(RECIPE)
    made = answer(capsys, "compress", network, "--data", data, "--recipe", str(recipe), "-o", str(out))
    assert [(file["format"], file["verified"]) for file in made["files"]] == [("onnx", True)]

    small = str(out / "model.onnx")
    layers = [layer for layer in answer(capsys, "inspect", small)["layers"] if layer["kind"] == "Linear"]
    assert [(layer["name"], layer["weight_shape"], layer["bytes"]) for layer in layers] == [
        (name, [64, 64], STORED) for name in LAYERS
    ]

    compared = answer(capsys, "compare", network, small, "--data", data)
    assert compared["b"]["metric"] == made["result"]["metric"]
    assert [layer["name"] for layer in compared["layers"]] == LAYERS
    assert all(layer["weight_sqnr_db"] > 15 and layer["output_sqnr_db"] > 10 for layer in compared["layers"])

    for form, kept in (("exact", "MatMulNBits"), ("standard", "DequantizeLinear")):
        path = tmp_path / f"{form}.onnx"
        written = answer(capsys, "export", small, "--to", "onnx", "-o", str(path), "--set", f"groups={form}")
        assert written["verified"]
        kinds = [node.op_type for node in onnx.load(path).graph.node]
        assert kinds.count(kept) == len(LAYERS)
    assert answer(capsys, "export", small, "--to", "gguf", "-o", str(tmp_path / "small.gguf"))["verified"]
    layers = answer(capsys, "inspect", str(tmp_path / "small.gguf"))["layers"]
    assert [layer["name"] for layer in layers if layer["dtype"] == "ggml_q4_1"] == LAYERS
