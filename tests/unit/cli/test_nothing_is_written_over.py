"""Commands write over nothing: never over what the model, its data, its recipe or a run is made of, whatever is said;
over other files with --force alone.
"""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from secateur.cli.commands import run
from secateur.cli.demonstration import is_demonstration
from secateur.engine.store import RunStore

Call = Callable[..., tuple[int, str]]

RECIPE = "# mine\nschema: 1\nsteps:\n- {method: magnitude_pruning, layers: ['*'], ratio: 0.5}\n"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """(exit status, what was said) of one command in this process."""

    def do(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        code = end.value.code
        return (code if isinstance(code, int) else 0), f"{captured.out} {captured.err}"

    return do


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A network with its weights beside it, data with a description, a recipe; all in a folder of their own."""
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    random = np.random.default_rng(0)
    weight = numpy_helper.from_array(random.standard_normal((3, 12)).astype(np.float32), "fc.weight")
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("Gemm", ["f", "fc.weight"], ["y"], transB=1)],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 2, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
        [weight],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(proto, "net.onnx", save_as_external_data=True, location="net.weights", size_threshold=0)
    np.savez("data.npz", inputs=random.standard_normal((90, 3, 2, 2)).astype(np.float32), labels=np.arange(90) % 3)
    Path("data.yaml").write_text("source: data.npz\n")
    Path("recipe.yaml").write_text(RECIPE)
    Path("other.onnx").write_text("somebody's")
    return SimpleNamespace(folder=folder, hashes=lambda: hashes(folder))


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("net.onnx", "the opened model"),
        ("./sub/../net.onnx", "the opened model"),
        ("soft.onnx", "the opened model"),
        ("hard.onnx", "the opened model"),
        ("net.weights", "a part of the opened model"),
        ("data.yaml", "the data"),
        ("data.npz", "a file that the data names"),
        (".", "the opened model"),
    ],
)
def test_an_export_never_takes_the_place_of_what_is_open(
    call: Call, place: Any, target: str, what: str, force: tuple[str, ...]
) -> None:
    Path("sub").mkdir()
    Path("soft.onnx").symlink_to("net.onnx")
    os.link("net.onnx", "hard.onnx")
    before = place.hashes()
    status, said = call("export", "net.onnx", "--data", "data.yaml", "--to", "onnx", "-o", target, *force)
    assert status == 2
    assert what in said
    assert "Choose another name" in said
    assert place.hashes() == before


def test_an_export_takes_the_place_of_another_file_with_force_alone(call: Call, place: Any) -> None:
    before = place.hashes()
    status, said = call("export", "net.onnx", "--to", "onnx", "-o", "other.onnx")
    assert status == 2
    assert "other.onnx exists already" in said
    assert "--force" in said
    assert place.hashes() == before
    status, said = call("export", "net.onnx", "--to", "onnx", "-o", "other.onnx", "--force")
    assert status == 0, said
    after = place.hashes()
    assert after.pop("other.onnx") != before.pop("other.onnx")
    assert after == before


def test_a_part_beside_the_file_is_not_written_over_either(call: Call, place: Any) -> None:
    Path("new.onnx.data").write_text("somebody's")
    before = place.hashes()
    wanted = ("export", "net.onnx", "--to", "onnx", "--set", "external_data=true", "-o", "new.onnx")
    np.savez("big.npz", a=1)
    # a tensor below 1 kB stays in the graph: widen the network so that it has a file of weights
    proto = onnx.load("net.onnx")
    big = numpy_helper.from_array(np.ones((400, 12), np.float32), "fc.weight")
    proto.graph.initializer[0].CopyFrom(big)
    proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 400
    onnx.save(proto, "wide.onnx")
    status, said = call(*("wide.onnx" if word == "net.onnx" else word for word in wanted))
    assert status == 2
    assert "new.onnx.data exists already" in said
    assert not Path("new.onnx").exists()
    assert Path("new.onnx.data").read_text() == "somebody's"
    assert {name: digest for name, digest in place.hashes().items() if name in before} == before


def test_weights_and_code_of_a_factory_are_kept(call: Call, place: Any) -> None:
    from safetensors.numpy import save_file

    code = "import torch\ninput_shape = (4,)\ndef make():\n    return torch.nn.Sequential(torch.nn.Linear(4, 3))\n"
    Path("code.py").write_text(code)
    save_file({"0.weight": np.ones((3, 4), np.float32), "0.bias": np.ones(3, np.float32)}, "w.safetensors")
    model = ("code.py:make", "--weights", "w.safetensors", "--force")
    before = place.hashes()
    for target, what in (("w.safetensors", "the file of weights that is open"), ("code.py", "the code of the opened")):
        status, said = call("export", *model, "--to", "safetensors", "-o", target)
        assert (status, what in said) == (2, True), said
    assert {name: digest for name, digest in place.hashes().items() if "__pycache__" not in name} == before


def test_a_plan_writes_over_nothing_unasked(call: Call, place: Any) -> None:
    before = place.hashes()
    wanted = ("plan", "net.onnx", "--budget", "size=0.9", "-o")
    status, said = call(*wanted, "recipe.yaml")
    assert (status, "recipe.yaml exists already" in said) == (2, True), said
    status, said = call(*wanted, "net.onnx", "--force")
    assert (status, "the opened model" in said) == (2, True), said
    assert place.hashes() == before
    status, said = call(*wanted, "recipe.yaml", "--force")
    assert status == 0, said
    assert place.hashes()["recipe.yaml"] != before["recipe.yaml"]


def compress(*more: object) -> tuple[object, ...]:
    return ("compress", "net.onnx", "--data", "data.npz", "--recipe", "recipe.yaml", *more)


def test_a_run_needs_a_folder_of_its_own(call: Call, place: Any) -> None:
    Path("taken").mkdir()
    Path("taken/notes.txt").write_text("mine")
    Path("taken/model.onnx").write_text("mine")
    before = place.hashes()
    status, said = call(*compress("-o", "taken"))
    assert status == 2
    assert "taken holds other files already (model.onnx, notes.txt)" in said
    assert "--force" in said
    assert place.hashes() == before
    status, said = call(*compress("-o", "other.onnx"))
    assert (status, "is a file, and a run needs a folder" in said) == (2, True), said
    status, said = call(*compress("-o", "taken", "--force"))
    assert status == 0, said
    assert Path("taken/notes.txt").read_text() == "mine"
    assert onnx.load("taken/model.onnx").graph.node


def test_a_run_never_writes_over_the_model_or_its_data(call: Call, place: Any) -> None:
    before = place.hashes()
    status, said = call("compress", "net.onnx", "--data", "data.npz", "--recipe", "recipe.yaml", "-o", ".", "--force")
    assert status == 0, said  # nothing of the same name is there
    Path("model.onnx").unlink()
    Path("net.onnx").rename("model.onnx")
    status, said = call("compress", "model.onnx", "--data", "data.npz", "--recipe", "recipe.yaml", "-o", ".", "--force")
    assert status == 2
    assert "model.onnx is the opened model" in said
    assert hashlib.sha256(Path("model.onnx").read_bytes()).hexdigest() == before["net.onnx"]
    assert Path("recipe.yaml").read_text() == RECIPE, "the recipe says the same: it stays as it was written"


def test_an_earlier_run_is_replaced_by_consent_and_not_remembered_with_files_of_another(call: Call, place: Any) -> None:
    assert call(*compress("-o", "out"))[0] == 0
    before = place.hashes()
    status, said = call(*compress("-o", "out"))
    assert (status, "out holds other files already" in said) == (2, True), said
    assert place.hashes() == before
    first = RunStore().runs()[0].run
    assert call(*compress("-o", "out", "--force"))[0] == 0
    assert [record.run for record in RunStore().runs()] == [json.loads(Path("out/result.json").read_text())["run"]]
    assert RunStore().find(first) is None


def test_files_of_a_run_are_never_the_target_of_anything_else(call: Call, place: Any) -> None:
    assert call(*compress("-o", "out"))[0] == 0
    before = place.hashes()
    for name in ("model.onnx", "result.json", "report.html", "recipe.yaml"):
        status, said = call("export", "net.onnx", "--to", "onnx", "-o", f"out/{name}", "--force")
        assert (status, "a file of the run out" in said) == (2, True), said
    status, said = call("plan", "net.onnx", "--budget", "size=0.9", "-o", "out/recipe.yaml", "--force")
    assert (status, "a file of the run out" in said) == (2, True), said
    assert place.hashes() == before


def test_a_failed_run_leaves_the_earlier_result_whole(call: Call, place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from secateur.methods.prune.magnitude import MagnitudePruning

    assert call(*compress("-o", "out"))[0] == 0
    before = hashes(place.folder / "out")

    def breaks(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(MagnitudePruning, "apply", breaks)
    Path("recipe.yaml").write_text(RECIPE.replace("0.5", "0.9"))
    assert call(*compress("-o", "out", "--force"))[0] == 1
    assert hashes(place.folder / "out") == before


def test_the_folder_of_a_run_that_broke_off_is_gone_on_with(
    call: Call, place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from secateur.methods.prune.magnitude import MagnitudePruning

    def breaks(*_: object) -> None:
        Path("out/step-1").mkdir()
        raise RuntimeError("no")

    with monkeypatch.context() as broken:
        broken.setattr(MagnitudePruning, "apply", breaks)
        assert call(*compress("-o", "out"))[0] == 1
    status, said = call(*compress("-o", "out"))
    assert (status, "with --resume" in said) == (2, True), said
    assert call(*compress("-o", "out", "--resume"))[0] == 0
    assert [record.state for record in RunStore().runs()] == ["finished"]


def test_a_demonstration_knows_its_own_folder(call: Call, place: Any) -> None:
    assert call(*compress("-o", "demo"))[0] == 0
    assert not is_demonstration(Path("demo")), "a run of another network in a folder of that name"
    small = ("sample:model", "--data", "random", "--recipe", "recipe.yaml")
    assert call("compress", *small, "-o", "shown")[0] == 0
    assert is_demonstration(Path("shown"))
    Path("shown/mine.txt").write_text("")
    assert not is_demonstration(Path("shown"))
    Path("plain").mkdir()
    Path("plain/model.onnx").write_text("mine")
    assert not is_demonstration(Path("plain"))
    status, said = call("demo", "-o", "plain")
    assert (status, "not of an earlier demonstration" in said) == (2, True), said
    assert Path("plain/model.onnx").read_text() == "mine"
