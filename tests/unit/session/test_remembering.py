"""What comes back when a model is opened again, and a resume that needs nothing typed."""

from dataclasses import replace

import pytest
from recording_engine import RecordingEngine

from secateur.data.source import DataSource
from secateur.engine import events as ev
from secateur.engine import requests as rq
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import Layer, ModelDescription, ModelSource, Port, TensorInfo
from secateur.model.documents import DataDescription
from secateur.recipe.recipe import Recipe, Step
from secateur.session.fit import what_would_change, why_not_for
from secateur.session.memory import Memory, View
from secateur.session.session import Session

PREPARED = {"mean": [0.1], "std": [0.3]}


def network(name="net", fingerprint="f" * 64, shape=(1, 28, 28), outputs=10):
    layers = tuple(
        Layer(n, "Conv2d", TensorInfo(n, "float32", (8, 4, 3, 3), 1152), params=288, size_bytes=1152)
        for n in ("conv1", "fc")
    )
    ports = (Port("image", "float32", (None, *shape)),), (Port("logits", "float32", (None, outputs)),)
    return ModelDescription(name, ModelSource(f"/m/{name}.onnx"), "onnx", 5000, layers, *ports, fingerprint=fingerprint)


def images(name="digits.zip", shape=(1, 28, 28), classes=10):
    return DataDescription(
        name=name, source=name, task="classification", metric="top1", classes=tuple(map(str, range(classes))),
        train=9, calibration=9, test=9, inputs=(Port("image", "float32", (None, *shape)),),
        preprocessing={"layout": "nchw"},
    )  # fmt: skip


NETWORK = network()


@pytest.fixture
def file(tmp_path):
    (tmp_path / "digits.zip").write_bytes(b"digits")
    return tmp_path / "digits.zip"


@pytest.fixture
def start(tmp_path):
    """A session as after a start of the program: nothing in it, one memory for all."""
    return lambda: Session(RecordingEngine(), lambda state, changed: None, Memory(tmp_path / "memory"))


def open_model(session, model=NETWORK, data=None):
    session.open_model(model.source, data)
    session.receive(ev.Finished(len(session.engine.requests), ev.ModelOpened(model)))


def open_data(session, source, description=None):
    session.open_data(source)
    answer_data(session, description)


def answer_data(session, description=None):
    """The engine opens the data that was asked for last."""
    job = max(n for n, r in enumerate(session.engine.requests, 1) if isinstance(r, rq.OpenData))
    session.receive(ev.Started(job, session.engine.requests[job - 1]))
    session.receive(ev.Finished(job, ev.DataOpened(description or images(), (), None)))


def asked(session, kind):
    return [request for request in session.engine.requests if isinstance(request, kind)]


def worked_on(start, file):
    """A model that was opened with data, planned, looked at, and left."""
    session = start()
    open_model(session)
    open_data(session, DataSource(str(file), PREPARED))
    session.choose_option(["conv1"], "int8")
    session.remembering.set_view(tab="graph", columns={"graph": ["layer", "ms"]})
    session.remembering.keep()


def test_data_plan_and_view_come_back_with_the_model(start, file):
    worked_on(start, file)
    session = start()
    open_model(session, replace(NETWORK, source=ModelSource("/elsewhere/copy.onnx")))
    assert asked(session, rq.OpenData)[-1].data == DataSource(str(file), PREPARED)
    assert session.state.step_of("conv1", "quantize") == StaticInt8()
    assert session.state.view == View({"graph": ["layer", "ms"]}, "graph")
    assert not session.state.notices
    session.undo()
    assert session.state.recipe == Recipe()


def test_each_model_has_its_own(start, file):
    worked_on(start, file)
    session = start()
    open_model(session, network("other", "e" * 64))
    assert not asked(session, rq.OpenData)
    assert session.state.recipe == Recipe()


def test_data_named_with_the_model_goes_before_what_is_remembered(start, file):
    worked_on(start, file)
    session = start()
    open_model(session, data=DataSource("sample:mnist"))
    assert [r.data for r in asked(session, rq.OpenData)] == [DataSource("sample:mnist")]


def test_data_that_is_gone_is_named_in_one_notice_and_stays_remembered(start, file):
    worked_on(start, file)
    file.rename(file.with_name("moved.zip"))
    session = start()
    open_model(session)
    assert not asked(session, rq.OpenData)
    assert [n.sentence for n in session.state.notices] == [f"The data that this model was open with is gone: {file}."]
    session.remembering.keep()
    file.with_name("moved.zip").rename(file)
    session = start()
    open_model(session)
    assert asked(session, rq.OpenData)


def test_data_that_has_changed_is_opened_and_named_in_one_notice(start, file):
    worked_on(start, file)
    file.write_bytes(b"other digits")
    session = start()
    open_model(session)
    assert asked(session, rq.OpenData)
    assert [n.sentence for n in session.state.notices] == [f"The data has changed since it was last open: {file}."]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"recipe": {"schema": 9}, "data": 3, "view": {"tab": 4}}'])
def test_a_damaged_memory_is_no_memory(start, file, tmp_path, text):
    worked_on(start, file)
    next((tmp_path / "memory").iterdir()).write_text(text)
    session = start()
    open_model(session)
    assert (session.state.recipe, session.state.data_source, session.state.view) == (Recipe(), None, View())


def test_a_memory_of_a_later_version_is_read(start, file, tmp_path):
    worked_on(start, file)
    kept = next((tmp_path / "memory").iterdir())
    kept.write_text(
        kept.read_text().replace('"path":', '"columns": {"text": 0}, "path":').replace("{", '{"new": 1,', 1)
    )
    session = start()
    open_model(session)
    assert asked(session, rq.OpenData)[-1].data == DataSource(str(file), PREPARED)


# ---------------------------------------------------------------------- another model


def with_another(start, file, model, description=None):
    session = start()
    open_model(session)
    open_data(session, DataSource(str(file), PREPARED), description)
    open_model(session, model)
    return session


def test_another_model_does_not_inherit_the_data_but_is_asked(start, file):
    session = with_another(start, file, network("other", "e" * 64))
    assert len(asked(session, rq.OpenData)) == 1
    assert session.state.data_source is None
    notice = session.state.notices[-1]
    assert notice.sentence == "Use digits.zip for other?"
    assert not session.why_not("use_data")
    session.remembering.use_proposed()
    assert asked(session, rq.OpenData)[-1].data == DataSource(str(file), PREPARED)
    assert asked(session, rq.OpenData)[-1].model == ModelSource("/m/other.onnx")
    answer_data(session)
    assert not session.state.notices
    assert session.why_not("use_data")


def test_what_would_be_done_to_the_data_is_said_with_the_question(start, file):
    session = with_another(start, file, network("large", "e" * 64, (3, 224, 224), 1000), images(shape=(3, 32, 32)))
    hint = session.state.notices[-1].hint
    assert "resized from 32 × 32 to 224 × 224" in hint
    assert "10 classes, and the network 1,000 outputs" in hint


def test_data_that_cannot_fit_is_not_offered_and_the_reason_is_said(start, file):
    session = with_another(start, file, network("small", "e" * 64, outputs=5))
    assert "10 classes, and the network 5 outputs" in session.state.notices[-1].sentence
    assert session.state.notices[-1].remedy == "data"
    assert session.state.proposed is None


def test_opening_the_same_model_again_keeps_its_data(start, file):
    session = with_another(start, file, NETWORK)
    assert len(asked(session, rq.OpenData)) == 2
    assert not session.state.notices


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (network(shape=(16,)), "holds images"),
        (network(shape=(7, 28, 28)), "7 channels"),
        (replace(NETWORK, inputs=NETWORK.inputs * 2), "2 inputs"),
        (network(outputs=9), "9 outputs"),
    ],
)
def test_why_images_cannot_be_those_of_a_network(model, reason):
    assert reason in why_not_for(images(), model)


def test_ready_inputs_must_have_the_networks_shape():
    ready = images().model_copy(update={"preprocessing": {}})
    assert not why_not_for(ready, NETWORK)
    assert "1 × 28 × 28" in why_not_for(ready, network(shape=(3, 28, 28)))


def test_what_feeds_several_inputs_is_told_by_their_names_not_by_their_order():
    left, right = Port("left", "float32", (None, 3)), Port("right", "float32", (None, 5))
    ready = images().model_copy(update={"preprocessing": {}, "inputs": (left, right)})
    assert not why_not_for(ready, replace(NETWORK, inputs=(right, left)))
    assert not why_not_for(ready, replace(NETWORK, inputs=(right, replace(left, name="first"))))
    other = why_not_for(ready, replace(NETWORK, inputs=(right, replace(left, shape=(None, 5)))))
    assert other == "it feeds 3, and the network takes 5."
    renamed = replace(NETWORK, inputs=(replace(right, name="a"), replace(left, name="b")))
    assert why_not_for(ready, renamed) == "it feeds 3, and the network takes 5."


def test_images_may_change_their_channels_and_that_is_said():
    grey = images()
    assert not why_not_for(grey, network(shape=(3, 28, 28)))
    assert "from 1 to 3 channels" in what_would_change(grey, network(shape=(3, 28, 28)))[0]
    assert not what_would_change(grey, NETWORK)


# ---------------------------------------------------------------------- runs that broke off


def broken_run(file, **changes):
    values = {
        "run": "r1", "name": "int8", "model": "/m/net.onnx", "fingerprint": NETWORK.fingerprint, "data": str(file),
        "recipe_yaml": Recipe((Step(StaticInt8(), ("conv1",)),)).to_yaml(), "state": "interrupted", "created": 1.0,
        "folder": str(file.parent), "model_source": ModelSource("/m/net.onnx", trusted=True),
        "data_source": DataSource(str(file), PREPARED), "exports": ("onnx", "gguf"),
    }  # fmt: skip
    return ev.RunRecord(**{**values, **changes})


def test_a_broken_run_is_offered_after_a_start_and_opens_what_it_needs(start, file):
    session = start()
    session.list_runs()
    session.receive(ev.Finished(1, ev.RunsListed((broken_run(file),))))
    assert session.state.notices[-1].remedy == "resume:r1"
    session.history.resume("r1")
    assert asked(session, rq.OpenModel)[-1].source == ModelSource("/m/net.onnx", trusted=True)
    session.receive(ev.Finished(2, ev.ModelOpened(NETWORK)))
    assert asked(session, rq.OpenData)[-1].data == DataSource(str(file), PREPARED)
    resumed = asked(session, rq.Compress)[-1]
    assert resumed.data == DataSource(str(file), PREPARED)
    assert (resumed.run, resumed.resume, resumed.exports, resumed.folder) == ("r1", True, ("onnx", "gguf"), file.parent)
    assert resumed.recipe.steps == (Step(StaticInt8(), ("conv1",)),)


def test_resuming_with_the_model_open_takes_the_data_of_the_run(start, file):
    session = start()
    open_model(session)
    session.receive(ev.Finished(9, ev.RunsListed((broken_run(file),))))
    session.history.resume("r1")
    assert asked(session, rq.Compress)[-1].data == DataSource(str(file), PREPARED)


def test_a_run_of_an_earlier_version_names_the_data_that_it_needs(start, file):
    session = start()
    open_model(session)
    session.receive(ev.Finished(9, ev.RunsListed((broken_run(file, model_source=None, data_source=None, exports=()),))))
    session.history.resume("r1")
    assert not asked(session, rq.Compress)
    assert str(file) in session.state.notices[-1].hint
    open_data(session, DataSource(str(file), PREPARED))
    session.history.resume("r1")
    assert asked(session, rq.Compress)[-1].data == DataSource(str(file), PREPARED)


def test_a_model_that_has_changed_does_not_go_on_with_the_run(start, file):
    session = start()
    session.receive(ev.Finished(1, ev.RunsListed((broken_run(file),))))
    session.history.resume("r1")
    session.receive(ev.Finished(2, ev.ModelOpened(network(fingerprint="9" * 64))))
    assert not asked(session, rq.Compress)
    assert "changed" in session.state.notices[-1].sentence


def test_a_run_that_was_stopped_on_purpose_is_not_offered_at_the_start(start, file):
    session = start()
    session.receive(ev.Finished(1, ev.RunsListed((broken_run(file, state="stopped"),))))
    assert not session.state.notices
