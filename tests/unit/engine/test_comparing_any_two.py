"""Comparing in the engine: other networks, weights alone, and the spectra of both."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from secateur.engine.jobs.comparing import NOT_RUN, compare
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compare, DataSource
from secateur.engine.workshop import Workshop
from secateur.model.description import ModelSource

SAMPLE = ModelSource("sample:model")


@pytest.fixture
def weights(tmp_path):
    """Two files of weights: one layer the same, one rounded, one of another shape, one that is in the first alone."""
    random = np.random.default_rng(0)
    first = {
        f"{name}.weight": random.normal(size=(8, 4)).astype(np.float32) for name in ("same", "round", "wide", "old")
    }
    second = {
        "same.weight": first["same.weight"],
        "round.weight": np.round(first["round.weight"], 1),
        "wide.weight": first["wide.weight"][:6],
    }
    save_file(first, str(tmp_path / "a.safetensors"))
    save_file(second, str(tmp_path / "b.safetensors"))
    return ModelSource(str(tmp_path / "a.safetensors")), ModelSource(str(tmp_path / "b.safetensors"))


def compared(a, b, **options):
    reporter = Reporter(1, lambda event: None)
    return compare(Compare(a, b, DataSource("random"), **options), reporter, Workshop(1))


def test_weights_alone_are_compared_layer_by_layer_and_are_not_run(weights):
    made = compared(*weights, spectra=True)
    errors = {error.layer.removesuffix(".weight"): error for error in made.comparison.layers}
    assert errors["same"].weight.is_unchanged
    assert 20 < errors["round"].weight.sqnr_db < 60
    assert "8×4 against 6×4" in errors["wide"].weight.note
    assert errors["old"].weight.is_missing
    assert all(error.output.note == NOT_RUN for error in errors.values())
    assert made.comparison.a.bytes > made.comparison.b.bytes
    assert made.comparison.agreement is None
    assert made.spectra_a.keys() > made.spectra_b.keys()
    assert {spectrum.size for spectrum in made.spectra_a.values()} == {32}


def test_a_network_beside_itself_is_unchanged_everywhere_and_agrees(weights):
    made = compared(SAMPLE, SAMPLE)
    assert made.comparison.agreement == 1.0
    assert all(error.weight.is_unchanged and error.output.is_unchanged for error in made.comparison.layers)
    assert not made.spectra_a


def test_a_network_beside_bare_weights_says_that_nothing_was_run(weights):
    made = compared(SAMPLE, weights[0])
    assert NOT_RUN in made.comparison.warnings
    assert made.comparison.b.latency_ms is None
    assert all(error.weight.is_missing for error in made.comparison.layers)
