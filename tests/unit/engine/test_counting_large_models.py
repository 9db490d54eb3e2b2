"""A large model is estimated at once, then counted, and found again at its next opening."""

import numpy as np
import psutil
import pytest
from safetensors.numpy import save_file

from secateur.engine import spectra as engine_spectra
from secateur.engine.events import Finished, Partial, SpectraCounted, SpectraReady, Stopped
from secateur.engine.jobs import perform
from secateur.engine.reporting import Reporter
from secateur.engine.requests import CountSpectra, OpenModel
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.errors import Cancelled
from secateur.model.description import ModelSource

LAYERS = 20


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A file that counts as large, in a home of its own."""
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(engine_spectra, "LARGE", 1 << 20)
    random = np.random.default_rng(0)
    tensors = {f"{n}.weight": random.standard_normal((80, 1000)).astype(np.float32) for n in range(LAYERS)}
    save_file(tensors, tmp_path / "large.safetensors")
    return ModelSource(str(tmp_path / "large.safetensors"))


def counted(source, cancel_at=None):
    """(sent spectra in order, the event that ended the job) of one engine that opens and counts a file."""
    sent = []

    def take(event):
        if isinstance(event, Partial) and isinstance(event.value, SpectraReady):
            sent.extend(event.value.spectra.items())
            if cancel_at is not None and sum(spectra.exact for _, spectra in sent) >= cancel_at:
                reporter.cancelled.set()

    reporter = Reporter(1, take)
    workshop = Workshop(1)
    perform(OpenModel(source), reporter, workshop)
    return sent, run_job(CountSpectra(source), reporter, workshop)


def test_estimates_of_all_layers_come_before_the_first_exact_spectrum(large):
    sent, end = counted(large)
    assert isinstance(end, Finished)
    assert isinstance(end.result, SpectraCounted)
    assert [spectra.exact for _, spectra in sent] == [False] * LAYERS + [True] * LAYERS
    assert {name for name, _ in sent[:LAYERS]} == {name for name, _ in sent[LAYERS:]} == set(map(str, range(LAYERS)))


def test_a_small_model_is_not_estimated(large, monkeypatch):
    monkeypatch.setattr(engine_spectra, "LARGE", 1 << 40)
    sent, _ = counted(large)
    assert [spectra.exact for _, spectra in sent] == [True] * LAYERS


def test_the_second_opening_counts_nothing(large, monkeypatch):
    first, _ = counted(large)
    monkeypatch.setattr("secateur.model.streaming.count_all", None)
    second, end = counted(large)
    assert isinstance(end, Finished)
    exact = {name: spectra for name, spectra in first if spectra.exact}
    assert {name for name, _ in second} == set(exact)
    for name, spectra in second:
        assert spectra.values.total == exact[name].values.total


def test_a_changed_file_is_counted_again(large):
    before = dict(counted(large)[0])
    save_file({f"{n}.weight": np.full((80, 1000), n, np.float32) for n in range(LAYERS)}, large.path)
    after = dict(counted(large)[0])
    assert after["7"].values.maximum == 7.0 != before["7"].values.maximum


def test_a_cancelled_count_keeps_what_was_counted(large):
    sent, end = counted(large, cancel_at=1)
    assert isinstance(end, Stopped)
    known = {name for name, spectra in sent if spectra.exact}
    assert 0 < len(known) <= LAYERS
    sent, _ = counted(large)
    kept = [name for name, spectra in sent[: len(known)] if spectra.exact]
    assert known <= set(kept) | {name for name, spectra in sent if spectra.exact}
    assert sent[0][1].exact  # found, before anything was estimated


def test_a_cancel_is_heard_while_estimating(large):
    reporter = Reporter(1, lambda event: reporter.cancelled.set())
    workshop = Workshop(1)
    workshop.bench(large, Reporter(2, lambda event: None))
    with pytest.raises(Cancelled):
        perform(CountSpectra(large), reporter, workshop)


@pytest.mark.skipif(not hasattr(psutil.Process, "memory_maps"), reason="resident memory is not told here")
def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch, large):
    """160 MB of weights are counted within 100 MB beyond what counting a small file has taken."""
    counted(large)
    block = (np.random.default_rng(1).standard_normal((1024, 1024)) * 0.1).astype(np.float32)
    path = tmp_path / "larger.safetensors"
    names = [f"{n}.weight" for n in range(40)]
    import json

    entry = {"dtype": "F32", "shape": [1024, 1024]}
    header = {name: {**entry, "data_offsets": [n << 22, (n + 1) << 22]} for n, name in enumerate(names)}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for _ in names:
            stream.write(block)
    process = psutil.Process()
    before, most = process.memory_info().rss, 0

    def take(event):
        nonlocal most
        most = max(most, process.memory_info().rss)

    source, workshop = ModelSource(str(path)), Workshop(1)
    end = run_job(CountSpectra(source), Reporter(1, take), workshop)
    assert isinstance(end, Finished)
    assert most - before < 100 << 20
