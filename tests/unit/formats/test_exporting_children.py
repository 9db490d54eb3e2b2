"""Exporters in processes of their own: whatever becomes of one is a sentence, and the engine goes on."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from secateur.errors import Cancelled, JobError, UserError
from secateur.formats.base import Format
from secateur.formats.exporting.parent import environment
from secateur.formats.proving.verify import export
from secateur.graph.context import Context
from secateur.graph.network import OnnxModel
from secateur.model.description import Port

FAKES = '''
import os, signal, subprocess, sys, time
from pathlib import Path
import numpy as np
import onnx
from secateur.errors import UserError
from secateur.formats.exporting.telling import tell
from secateur.formats.kinds.onnx_file import OnnxFormat


class Fake(OnnxFormat):
    id, title, in_child = "fake", "Fake", True

    def layer_outputs(self, path, inputs):
        return None


class Chatty(Fake):
    def write(self, model, path, options=None):
        print("a line of Python")
        os.write(1, b"a line of native code\\n")
        tell(3, 4, "Folding constants")
        return super().write(model, path, options)


class Crashing(Fake):
    def write(self, model, path, options=None):
        os.write(2, b"terminate called\\n")
        os.kill(os.getpid(), signal.SIGSEGV)


class Killed(Fake):
    def write(self, model, path, options=None):
        os.kill(os.getpid(), signal.SIGKILL)


class Leaving(Fake):
    def write(self, model, path, options=None):
        os.write(2, b"no license found\\n")
        os._exit(7)


class Hanging(Fake):
    time_limit_s = 1

    def write(self, model, path, options=None):
        tell(0, 1, "Hanging")
        time.sleep(600)


class Starting(Fake):
    def write(self, model, path, options=None):
        started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        tell(0, 1, f"started {os.getpid()} {started.pid}")
        time.sleep(600)


class Raising(Fake):
    def write(self, model, path, options=None):
        raise RuntimeError("the operator Foo is not known\\nand more")


class Refusing(Fake):
    def write(self, model, path, options=None):
        raise UserError("Fake takes no groups.", "Use another format.")


class Stray(Fake):
    def write(self, model, path, options=None):
        other = path.parent.parent / "elsewhere.onnx"
        super().write(model, other, options)
        return (other,)


class CrashingRun(Fake):
    def run(self, path):
        os.kill(os.getpid(), signal.SIGABRT)


class Spoiling(Fake):
    """Trebles the weights of one layer."""

    def write(self, model, path, options=None):
        proto = onnx.ModelProto()
        proto.CopyFrom(model.proto)
        for tensor in proto.graph.initializer:
            if tensor.name == "conv2.weight":
                tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) * 3, tensor.name))
        onnx.save(proto, str(path))
        return (path,)


class Unrunnable(Fake):
    def why_not_run(self):
        return "Fake runs on the moon alone."

    def weights(self, path):
        from secateur.graph.onnx_layers import layer_weights
        return layer_weights(onnx.load(str(path)))


class UnrunnableSpoiling(Spoiling, Unrunnable):
    pass
'''


ENGINE = """
import sys, onnx
from pathlib import Path
from fake_formats_for_exporting import Starting
from secateur.graph.onnx_files.reading import graph_ports
from secateur.formats.proving.verify import export
from secateur.graph.context import Context
from secateur.graph.network import OnnxModel

proto = onnx.load(sys.argv[1])
say = lambda done, total, text: print(text, flush=True)
export(OnnxModel("net", proto, *graph_ports(proto)), Starting(), Path(sys.argv[2]), context=Context(progress=say))
"""


@pytest.fixture(scope="module")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A module of fake formats that children can import too."""
    import importlib

    folder = tmp_path_factory.mktemp("fakes")
    (folder / "fake_formats_for_exporting.py").write_text(FAKES)
    before, sys.path[:0] = os.environ.get("PYTHONPATH"), [str(folder)]
    os.environ["PYTHONPATH"] = str(folder)
    yield importlib.import_module("fake_formats_for_exporting")
    sys.path.remove(str(folder))
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture
def model(residual_graph: Any) -> OnnxModel:
    return OnnxModel(
        name="residual",
        proto=residual_graph,
        inputs=(Port("image", "float32", (None, 3, 12, 12)),),
        outputs=(Port("logits", "float32", (None, 10)),),
    )


def failure(model: OnnxModel, target: Format, folder: Path, progress: Any = None) -> UserError:
    with pytest.raises(UserError) as raised:
        export(model, target, folder / "net.onnx", context=Context(progress=progress or (lambda *_: None)))
    assert not list(folder.glob("**/net.onnx*")), "nothing that failed is left behind"
    return raised.value


def test_a_file_is_written_by_one_process_run_by_another_and_proven(model: Any, fakes: Any, tmp_path: Path) -> None:
    proof = export(model, fakes.Fake(), tmp_path / "net.onnx")
    assert proof.verified
    assert proof.agreement == 1.0
    assert proof.latency_ms is not None
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


def test_options_travel_to_the_process(model: Any, fakes: Any, tmp_path: Path) -> None:
    options = fakes.Fake.options(external_data=True)
    proof = export(model, fakes.Fake(), tmp_path / "net.onnx", options=options)
    assert proof.verified
    assert proof.parts == ("net.onnx.data",)
    assert proof.bytes == sum(file.stat().st_size for file in tmp_path.iterdir())


def test_progress_comes_through_and_prints_do_not(model: Any, fakes: Any, tmp_path: Path, capfd: Any) -> None:
    said = []
    export(model, fakes.Chatty(), tmp_path / "net.onnx", context=Context(progress=lambda *parts: said.append(parts)))
    assert (3, 4, "Folding constants") in said
    printed = capfd.readouterr()
    assert "line of" not in printed.out + printed.err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_a_crash_in_native_code_is_a_sentence_with_details(model: Any, fakes: Any, tmp_path: Path) -> None:
    error = failure(model, fakes.Crashing(), tmp_path)
    assert isinstance(error, JobError)
    assert error.sentence == "Fake crashed in native code (SIGSEGV) while writing net.onnx."
    assert "terminate called" in error.details


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_an_exporter_that_the_system_kills_ran_out_of_memory(model: Any, fakes: Any, tmp_path: Path) -> None:
    assert "memory ran out" in failure(model, fakes.Killed(), tmp_path).sentence


def test_an_exporter_that_leaves_without_an_answer_is_named_with_its_last_line(
    model: Any, fakes: Any, tmp_path: Path
) -> None:
    sentence = failure(model, fakes.Leaving(), tmp_path).sentence
    assert "exit status 7" in sentence
    assert "no license found" in sentence


def test_an_exporter_that_hangs_is_given_up_after_its_time(model: Any, fakes: Any, tmp_path: Path) -> None:
    begun = time.monotonic()
    sentence = failure(model, fakes.Hanging(), tmp_path).sentence
    assert "stopped after 1 seconds while writing net.onnx" in sentence
    assert time.monotonic() - begun < 60


def test_an_exception_of_a_converter_is_a_sentence_with_its_first_line(model: Any, fakes: Any, tmp_path: Path) -> None:
    error = failure(model, fakes.Raising(), tmp_path)
    assert error.sentence == "Fake failed while writing net.onnx (RuntimeError: the operator Foo is not known)."
    assert "Traceback" in error.details


def test_what_a_person_can_mend_comes_through_as_it_is(model: Any, fakes: Any, tmp_path: Path) -> None:
    error = failure(model, fakes.Refusing(), tmp_path)
    assert (error.sentence, error.hint) == ("Fake takes no groups.", "Use another format.")
    assert not isinstance(error, JobError)


def test_a_file_outside_of_its_folder_is_not_taken(model: Any, fakes: Any, tmp_path: Path) -> None:
    assert "elsewhere.onnx" in failure(model, fakes.Stray(), tmp_path).sentence


def test_a_cancel_kills_the_exporter_and_all_that_it_started(model: Any, fakes: Any, tmp_path: Path) -> None:
    started: list[psutil.Process] = []

    def stop(done: int, total: int, text: str) -> None:
        if text.startswith("started "):
            started.extend(psutil.Process(int(word)) for word in text.split()[1:])
            raise Cancelled

    with pytest.raises(Cancelled):
        export(model, fakes.Starting(), tmp_path / "net.onnx", context=Context(progress=stop))
    assert len(started) == 2
    _, alive = psutil.wait_procs(started, timeout=10)
    assert all(process.status() == psutil.STATUS_ZOMBIE for process in alive)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_an_exporter_ends_when_its_engine_is_killed(fakes: Any, model: Any, tmp_path: Path) -> None:
    """The engine is a process of its own here, killed without a chance to tidy up."""
    import subprocess

    import onnx

    onnx.save(model.proto, str(tmp_path / "source.onnx"))
    engine = subprocess.Popen(
        [
            sys.executable,
            "-c",
            ENGINE,
            str(tmp_path / "source.onnx"),
            str(tmp_path / "net.onnx"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert engine.stdout is not None
    line = next(line for line in engine.stdout if line.startswith("started "))
    started = [psutil.Process(int(word)) for word in line.split()[1:]]
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    engine.stdout.close()
    _, alive = psutil.wait_procs(started, timeout=20)
    assert all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_a_file_that_crashes_its_runtime_is_kept_aside(model: Any, fakes: Any, tmp_path: Path) -> None:
    proof = export(model, fakes.CrashingRun(), tmp_path / "net.onnx")
    assert not proof.verified
    assert "crashed in native code (SIGABRT) while running net.onnx in ONNX Runtime" in proof.sentence
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx.unverified"]


def test_the_layer_that_a_writer_spoils_is_named_by_bisection(model: Any, fakes: Any, tmp_path: Path) -> None:
    proof = export(model, fakes.Spoiling(), tmp_path / "net.onnx")
    assert not proof.verified
    assert proof.first_deviating_layer == "conv2"
    assert "first layer that deviates is conv2" in proof.sentence
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx.unverified"]


def test_a_file_that_nothing_runs_here_is_proven_by_its_weights(model: Any, fakes: Any, tmp_path: Path) -> None:
    proof = export(model, fakes.Unrunnable(), tmp_path / "net.onnx")
    assert proof.verified
    assert proof.proof == "weights"
    assert proof.latency_ms is None
    assert "It was not run: Fake runs on the moon alone." in proof.sentence


def test_weights_that_differ_are_named_where_nothing_runs_the_file(model: Any, fakes: Any, tmp_path: Path) -> None:
    proof = export(model, fakes.UnrunnableSpoiling(), tmp_path / "net.onnx")
    assert not proof.verified
    assert "the layer conv2" in proof.sentence


def test_children_get_threads_of_their_own_and_nothing_of_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("OMP_PROC_BIND", "true")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    made = environment(2)
    assert made["OMP_NUM_THREADS"] == made["MKL_NUM_THREADS"] == "2"
    assert "OMP_PROC_BIND" not in made
    assert "QT_QPA_PLATFORM" not in made


def test_every_output_and_input_is_compared(residual_graph: Any, fakes: Any, tmp_path: Path) -> None:
    import onnx

    proto = onnx.ModelProto()
    proto.CopyFrom(residual_graph)
    proto.graph.output.append(onnx.helper.make_tensor_value_info("pooled", 1, ["batch", 16, 1, 1]))
    proto.graph.input.append(onnx.helper.make_tensor_value_info("offset", 1, ["batch", 10]))
    proto.graph.node.append(onnx.helper.make_node("Add", ["logits", "offset"], ["moved"]))
    proto.graph.output.append(onnx.helper.make_tensor_value_info("moved", 1, ["batch", 10]))
    inputs = (Port("image", "float32", (None, 3, 12, 12)), Port("offset", "float32", (None, 10)))
    outputs = (Port("logits", "float32", (None, 10)),)
    model = OnnxModel(name="three", proto=proto, inputs=inputs, outputs=outputs)
    random = np.random.default_rng(0)
    samples = (random.standard_normal((130, 3, 12, 12), np.float32), random.standard_normal((130, 10), np.float32))
    proof = export(model, fakes.Fake(), tmp_path / "net.onnx", samples)
    assert proof.verified
    assert "3 outputs" in proof.sentence
    assert "130 samples" in proof.sentence
