"""Counted spectra are found again by the content of the model, or counted again."""

import os

import numpy as np
import pytest

from secateur.engine.cache import cache_folder, shrink_cache
from secateur.engine.spectra_cache import load_spectra, save_spectra, spectra_file
from secateur.model.counting import spectra_of
from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo

WEIGHTS = {name: np.random.default_rng(1).standard_normal((9, 5)).astype(np.float32) for name in ("a", "b")}


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path))


def described(fingerprint="content", shape=(9, 5)):
    layers = tuple(Layer(name, "Linear", TensorInfo(f"{name}.weight", "float32", shape, 180)) for name in WEIGHTS)
    return ModelDescription("net", ModelSource("net.onnx"), "onnx", 1000, layers, (), (), fingerprint=fingerprint)


@pytest.fixture
def counted():
    return {name: spectra_of(weight) for name, weight in WEIGHTS.items()}


def test_what_was_saved_is_found_again(counted):
    save_spectra(described(), counted)
    found = load_spectra(described())
    assert list(found) == list(counted)
    for name, spectra in counted.items():
        assert found[name].exact
        assert found[name].clips == spectra.clips
        for part in ("values", "scaled"):
            ours, theirs = getattr(spectra, part), getattr(found[name], part)
            np.testing.assert_array_equal(ours.keys, theirs.keys)
            np.testing.assert_array_equal(ours.counts, theirs.counts)
        assert found[name].values.total == spectra.values.total
        np.testing.assert_array_equal(found[name].channel_ranges, spectra.channel_ranges)


def test_another_content_has_spectra_of_its_own(counted):
    save_spectra(described(), counted)
    assert load_spectra(described("other content")) == {}


def test_layers_of_other_shapes_are_counted_again(counted):
    save_spectra(described(), counted)
    assert load_spectra(described(shape=(5, 9))) == {}


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.9])
def test_a_damaged_file_is_counted_as_not_there_and_removed(counted, place):
    save_spectra(described(), counted)
    path = spectra_file(described())
    content = bytearray(path.read_bytes())
    start = int(len(content) * place)
    content[start : start + 64] = os.urandom(64)
    path.write_bytes(content)
    found = load_spectra(described())
    assert found == {} or all(found[name].values.size == 45 for name in found)
    path.write_bytes(bytes(content[:start]))
    assert load_spectra(described()) == {}
    assert not path.exists()


def test_estimates_are_never_kept(counted):
    from dataclasses import replace

    save_spectra(described(), {**counted, "a": replace(counted["a"], exact=False)})
    assert list(load_spectra(described())) == ["b"]


def test_what_was_used_longest_ago_goes_first(counted):
    for number in range(4):
        save_spectra(described(str(number)), counted)
        os.utime(spectra_file(described(str(number))), (number, number))
    load_spectra(described("0"))  # used just now
    size = spectra_file(described("0")).stat().st_size
    shrink_cache(cache_folder(), 2 * size)
    assert load_spectra(described("0"))
    assert load_spectra(described("3"))
    assert not load_spectra(described("1"))
    assert not load_spectra(described("2"))
