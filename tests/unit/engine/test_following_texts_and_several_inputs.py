"""One sample of texts, or of a network with several inputs: what a person is shown of it."""

from pathlib import Path
from typing import Any

import pytest
from small_instances import Instance, make_reader, make_two_inputs

from secateur.data.preview import previews
from secateur.engine.events import Finished, Partial, SamplesShown
from secateur.engine.reporting import Reporter
from secateur.engine.requests import DataSource, FollowSample, Sample, ShowSamples
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.model.description import ModelSource
from secateur.model.maps import LayerMaps, TakenSample


def followed(instance: Instance, sample: Sample) -> tuple[TakenSample, dict[str, LayerMaps]]:
    events: list[Any] = []
    request = FollowSample(ModelSource(str(instance.network)), DataSource(str(instance.data)), sample)
    end = run_job(request, Reporter(1, events.append), Workshop(1))
    assert isinstance(end, Finished), end
    values = [event.value for event in events if isinstance(event, Partial)]
    (taken,) = (value for value in values if isinstance(value, TakenSample))
    return taken, {value.layer: value for value in values if isinstance(value, LayerMaps)}


def dataset(instance: Instance) -> Any:
    reporter = Reporter(1, lambda event: None)
    workshop = Workshop(1)
    bench = workshop.bench(ModelSource(str(instance.network)), reporter)
    return workshop.data(bench, DataSource(str(instance.data)), reporter)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    return make_reader(tmp_path_factory.mktemp("reader"), 16)


@pytest.fixture(scope="module")
def two_inputs(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    return make_two_inputs(tmp_path_factory.mktemp("bars"))


def test_a_pair_of_texts_is_read_and_its_rows_are_named_by_the_tokens(reader: Instance) -> None:
    taken, maps = followed(reader, Sample(4))
    rows = [row.split("\t") for row in reader.data.read_text(encoding="utf-8").splitlines()]
    assert taken.image is None
    assert (*taken.texts,) in {(one, other) for one, other, _ in rows}
    assert [pieces[1:-1] for pieces in taken.tokens] == [tuple(text.split()) for text in taken.texts]
    assert any("the first one" in note for note in taken.notes)
    longest = max(len(pieces) for pieces in taken.tokens)
    assert taken.places == (*taken.tokens[0], *["padding"] * (longest - len(taken.tokens[0])))
    assert maps["query"].form == "rows"
    assert maps["query"].shape == (longest, 16)


def test_a_text_that_is_typed_is_read_with_the_tokenizer_of_the_data(reader: Instance, tmp_path: Path) -> None:
    network = tmp_path / "alone.onnx"
    network.write_bytes(reader.network.read_bytes())
    taken, _ = followed(Instance(network, reader.data), Sample(text="a man"))
    assert (taken.texts, taken.tokens) == (("a man",), (("[CLS]", "a", "man", "[SEP]"),))
    assert taken.places == taken.tokens[0]


def test_thumbnails_of_texts_are_the_texts(reader: Instance) -> None:
    request = ShowSamples(ModelSource(str(reader.network)), DataSource(str(reader.data)), 4, 2)
    end = run_job(request, Reporter(1, lambda event: None), Workshop(1))
    assert isinstance(end, Finished)
    assert isinstance(end.result, SamplesShown)
    assert [one.image for one in end.result.samples] == [None, None]
    assert end.result.samples[0].texts == followed(reader, Sample(4))[0].texts


def test_every_port_of_several_is_shown_by_its_name(two_inputs: Instance) -> None:
    taken, _ = followed(two_inputs, Sample(0))
    assert [(fed.port, fed.shape) for fed in taken.inputs] == [("picture", (1, 8, 8)), ("measures", (4,))]
    assert [len(fed.numbers) for fed in taken.inputs] == [0, 4]  # four numbers are read, 64 are a picture
    assert taken.inputs[0].image.shape == (8, 8, 3)
    batch = dataset(two_inputs).batch("test", [0])
    assert taken.inputs[1].numbers == pytest.approx(batch.inputs["measures"][0].tolist())
    assert (taken.inputs[0].low, taken.inputs[0].high) == pytest.approx(
        (batch.inputs["picture"].min(), batch.inputs["picture"].max())
    )


def test_previews_show_every_port_of_several_and_of_texts_what_is_read(two_inputs: Instance, reader: Instance) -> None:
    shown = previews(dataset(two_inputs), 3)
    assert [[fed.port for fed in one.inputs] for one in shown] == [["picture", "measures"]] * 3
    assert len({one.inputs[1].numbers for one in shown}) == 3
    assert all(one.shown and not one.inputs for one in previews(dataset(reader), 2))
