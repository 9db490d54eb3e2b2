"""The command line keeps its contract: documents, exit statuses, one sentence for what is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from secateur.cli.answers import model_source
from secateur.cli.budgets import parse_budgets
from secateur.cli.commands import run
from secateur.cli.demonstration import BUDGET
from secateur.errors import UserError
from secateur.model.description import ModelDescription, ModelSource

ROOT = Path(__file__).resolve().parents[3]


def call(capsys, *arguments):
    """(exit status, standard output, standard error) of one command in this process."""
    with pytest.raises(SystemExit) as end:
        run(list(arguments))
    captured = capsys.readouterr()
    return end.value.code or 0, captured.out, captured.err


@pytest.fixture
def small_data(tmp_path):
    """60 of the sample's images, so that whole commands take seconds."""
    from secateur.resources import resource

    whole = np.load(resource("sample/mnist_5k.npz"))
    chosen = np.arange(0, 5000, 50)
    np.savez(tmp_path / "small.npz", images=whole["images"][chosen], labels=whole["labels"][chosen])
    return str(tmp_path / "small.npz")


def test_inspect_prints_the_promised_document(capsys):
    status, out, _ = call(capsys, "inspect", "sample:model", "--json")
    document = json.loads(out)
    assert status == 0
    assert {"format", "source_bytes", "layers", "totals", "notes"} <= set(document)
    first = document["layers"][0]
    promised = "name kind weight_shape params macs bytes output_shape latency_ms sparsity min max mean std sqnr_db"
    assert set(promised.split()) <= set(first)
    assert {"8", "4"} <= set(first["sqnr_db"])
    assert document["totals"]["params"] == sum(layer["params"] for layer in document["layers"])


def test_the_whole_way_by_command_line(capsys, tmp_path, small_data, monkeypatch):
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    recipe, out = tmp_path / "r.yaml", tmp_path / "out"
    status, text, _ = call(
        capsys, "plan", "sample:model", "--budget", "size=0.4", "--pin", "*=w7a8", "-o", str(recipe), "--json"
    )
    plan = json.loads(text)
    assert status == 0
    assert set(plan) >= {"recipe", "predicted", "limits", "seconds"}
    assert plan["predicted"]["bytes"] <= plan["limits"]["bytes"]
    status, text, _ = call(
        capsys, "compress", "sample:model", "--data", small_data, "--recipe", str(recipe), "-o", str(out), "--json"
    )
    result = json.loads(text)
    assert status == 0
    assert {"run", "original", "result", "files", "warnings"} <= set(result)
    assert all(file["verified"] for file in result["files"])
    assert result["result"]["bytes"] == (out / "model.onnx").stat().st_size
    # what the budget promised is what the file became
    assert result["result"]["bytes"] <= plan["limits"]["bytes"]
    assert result["result"]["bytes"] == pytest.approx(plan["predicted"]["bytes"], rel=0.025)
    assert json.loads((out / "result.json").read_text()) == result
    assert "Original and result" in (out / "report.html").read_text()
    status, text, _ = call(capsys, "compare", "sample:model", str(out / "model.onnx"), "--data", small_data, "--json")
    comparison = json.loads(text)
    assert status == 0
    assert {"a", "b", "agreement", "layers"} <= set(comparison)
    assert len(comparison["layers"]) == 15


def test_sensitivity_has_the_milliseconds_of_the_target_that_is_named(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    asked = ("sensitivity", "sample:model", "--options", "int8,int4", "--json")
    tables = {}
    for target in ("", "onnxruntime", "coreml"):
        status, text, _ = call(capsys, *asked, *(("--target", target) if target else ()))
        assert status == 0
        tables[target] = json.loads(text)
    for target, is_timed in (("", False), ("onnxruntime", True), ("coreml", False)):
        rows = tables[target]["rows"]
        assert {isinstance(row["latency_ms"], float) for row in rows} == {is_timed}
        if not is_timed:  # what was measured goes before what the target says, and is the machine's matter
            assert {row["option"] for row in rows if row["faster"]} >= {"int8"}
        assert [row["damage"] for row in rows] == [row["damage"] for row in tables[""]["rows"]]
    assert "Apple" in " ".join(tables["coreml"]["warnings"])
    assert not tables[""]["warnings"]


def test_the_demonstration_asks_for_no_more_than_fast_options_give(capsys, tmp_path):
    _, text, _ = call(capsys, "plan", "sample:model", "--budget", BUDGET, "-o", str(tmp_path / "fast.yaml"), "--json")
    assert "cost speed" not in text


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("inspect", "nowhere.onnx"), "nowhere.onnx"),
        (("sensitivity", "sample:model", "--options", "int7"), "int5"),
        (("sensitivity", "sample:model", "--target", "abacus"), "abacus"),
        (("compress", "sample:model", "--recipe", "r.yaml", "-o", "x", "--target", "abacus"), "abacus"),
        (("plan", "sample:model", "--budget", "weight=1"), "weight"),
        (("plan", "sample:model", "--budget", "size=big"), "big"),
        (("plan", "sample:model", "--check"), "--data"),
        (("evaluate", "sample:model", "--data", "nowhere"), "nowhere"),
        (("compress", "sample:model", "--data", "random", "--recipe", "none.yaml", "-o", "x"), "none.yaml"),
        (("export", "sample:model", "--to", "tape", "-o", "x"), "tape"),
        (("inspect", "sample:model", "--weights", "w.pt"), "--weights"),
        (("prune", "x", "y"), "prune"),
    ],
)
def test_a_wrong_request_is_one_sentence_and_status_two(capsys, tmp_path, monkeypatch, arguments, named):
    monkeypatch.chdir(tmp_path)
    status, out, err = call(capsys, *arguments)
    assert status == 2
    assert not out
    assert named in err
    assert "Traceback" not in err


def test_a_folder_that_cannot_be_written_is_a_failed_job(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    status, _, err = call(capsys, "export", "sample:model", "--to", "onnx", "-o", str(tmp_path / "file" / "m.onnx"))
    assert status in (1, 2)
    assert "Traceback" not in err
    assert err.strip()


def test_a_word_with_a_colon_is_a_factory_unless_it_is_a_sample():
    assert model_source("net.py:make", "w.pt") == ModelSource("w.pt", "net.py:make")
    assert model_source("package.module:Net", "") == ModelSource("", "package.module:Net")
    assert model_source("sample:model", "") == ModelSource("sample:model")
    assert model_source("net.onnx", "") == ModelSource("net.onnx")


def test_budgets_are_shares_or_amounts():
    model = ModelDescription("m", ModelSource("m"), "onnx", 1000, (), (), ())
    assert parse_budgets(["size=0.25"], model) == {"bytes": 250}
    assert parse_budgets(["size=150kB"], model) == {"bytes": 150_000}
    assert parse_budgets(["latency=0.5", "size=0.25"], model, latency_ms=8.0) == {"latency_ms": 4.0, "bytes": 250}
    assert parse_budgets(["latency=3ms"], model, latency_ms=8.0) == {"latency_ms": 3.0}
    assert parse_budgets(["latency=0.5"], model) == {}
    with pytest.raises(UserError):
        parse_budgets(["size=-1"], model)


def test_the_pages_of_methods_and_formats_are_up_to_date():
    command = [sys.executable, str(ROOT / "packaging" / "write_docs.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_of_the_readme_exists(capsys):
    words = [line.split() for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("secateur ")]
    assert len(words) == 12
    for line in words[:-1]:
        status, out, _ = call(capsys, line[1], "--help")
        assert status == 0
        for option in (word for word in line if word.startswith("--")):
            assert option in out


def one_layer(weight, path):
    """A network of one linear layer with this weight, (outputs, inputs)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    outputs, inputs = weight.shape
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)],
        "net",
        [value("x", TensorProto.FLOAT, ["N", inputs])],
        [value("y", TensorProto.FLOAT, ["N", outputs])],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def test_how_the_data_is_read_is_told_by_every_command_that_reads_it(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    model, odd, recipe = str(tmp_path / "net.onnx"), str(tmp_path / "odd.npz"), tmp_path / "none.yaml"
    random = np.random.default_rng(0)
    one_layer(random.normal(size=(10, 16)).astype(np.float32), model)
    labels = np.arange(100)[:, None].astype(np.float64) % 10
    np.savez(odd, inputs=random.normal(size=(100, 16)).astype(np.float32), labels=labels)
    recipe.write_text("schema: 1\nsteps: []\n")
    measured = ("--options", "int8", "--samples", "8")
    for arguments in (
        ("evaluate", model, "--data", odd),
        ("sensitivity", model, "--data", odd, *measured),
        ("plan", model, "--data", odd, "--budget", "size=0.9", "-o", str(tmp_path / "p.yaml"), *measured[2:]),
        ("compare", model, model, "--data", odd),
        ("compress", model, "--data", odd, "--recipe", str(recipe), "-o", str(tmp_path / "out")),
    ):
        status, out, said = call(capsys, *arguments, "--json")
        assert status == 0, said
        told = json.loads(out)
        warnings = (*told["warnings"], *told.get("notes", ()))
        assert any("labels are a column" in warning for warning in warnings), (arguments[0], warnings)
        assert any("whole numbers" in warning for warning in warnings), (arguments[0], warnings)
    _, out, _ = call(capsys, "compare", model, model, "--data", odd)
    assert "The labels are a column" in out


def test_an_error_is_printed_in_its_own_units_and_its_rise_is_a_warning(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    random = np.random.default_rng(0)
    weight = random.normal(size=(4, 16)).astype(np.float32)
    model, data, recipe = tmp_path / "net.onnx", tmp_path / "data.npz", tmp_path / "r.yaml"
    one_layer(weight, model)
    inputs = random.normal(size=(100, 16)).astype(np.float32)
    np.savez(data, inputs=inputs, targets=inputs @ weight.T + random.normal(0, 0.1, (100, 4)).astype(np.float32))
    _, out, _ = call(capsys, "evaluate", str(model), "--data", str(data))
    line = next(line for line in out.splitlines() if "squared error" in line)
    assert "%" not in line
    recipe.write_text("schema: 1\nsteps:\n  - {method: magnitude_pruning, layers: ['*'], ratio: 0.9}\n")
    arguments = ("--data", str(data), "--recipe", str(recipe), "-o", str(tmp_path / "out"), "--json")
    status, out, _ = call(capsys, "compress", str(model), *arguments)
    assert status == 0
    assert [
        w for w in json.loads(out)["warnings"] if w.startswith("Squared error rose by more than its sampling noise: +")
    ]


def test_answers_that_are_no_numbers_are_wrong_and_told(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Sqrt", ["x"], ["y"])],
        "net",
        [value("x", TensorProto.FLOAT, ["N", 4])],
        [value("y", TensorProto.FLOAT, ["N", 4])],
    )
    model, data = tmp_path / "net.onnx", tmp_path / "data.npz"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)
    np.savez(data, inputs=np.full((50, 4), -1.0, np.float32), labels=np.arange(50) % 10 // 9)
    status, out, _ = call(capsys, "evaluate", str(model), "--data", str(data), "--json")
    document = json.loads(out)
    assert (status, document["metric"]["value"], document["loss"]) == (0, 0.0, None)
    assert document["warnings"][0].startswith("All 10 answers are not finite")
