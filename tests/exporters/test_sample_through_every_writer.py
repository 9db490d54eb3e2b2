"""The bundled sample through every writer, float and int8: each file is run in its own runtime and agrees."""

import os
from pathlib import Path
from typing import Any

import pytest

from secateur.formats import FORMATS
from secateur.formats.base import Format
from secateur.formats.proving.verify import export

WRITTEN = [target for target in FORMATS if target.writes]


@pytest.mark.parametrize("form", ["float", "int8"])
@pytest.mark.parametrize("target", WRITTEN, ids=lambda target: target.id)
def test_the_sample_is_written_and_proven(
    target: Format, form: str, sample: Any, sample_int8: Any, sample_inputs: Any, tmp_path: Path
) -> None:
    missing = target.missing()
    if missing and os.environ.get("SECATEUR_EXPORTERS") == "required":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    model = sample if form == "float" else sample_int8
    refusal = target.can_write(model)
    if refusal:
        assert form == "int8", f"float networks are written by every writer: {refusal}"
        assert refusal.endswith("."), "a refusal is a sentence"
        return
    proof = export(model, target, tmp_path / f"net{target.suffixes[0]}", sample_inputs)
    assert proof.verified, proof.sentence
    assert Path(proof.path).exists()
    assert proof.bytes > 0
    if proof.proof == "outputs":
        assert proof.agreement is not None
        assert proof.agreement >= 0.99
        assert proof.latency_ms is not None
        assert proof.latency_ms.runtime == target.runtime
