"""OpenVINO IR: what is quantized stays integers, and the files run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secateur.errors import UserError
from secateur.formats.base import Format
from secateur.formats.proving.verify import export, size_of


@pytest.fixture
def openvino(installed: Callable[[str], Format]) -> Format:
    return installed("openvino")


def test_xml_and_bin_come_together_and_run(sample: Any, openvino: Format, sample_inputs: Any, tmp_path: Path) -> None:
    proof = export(sample, openvino, tmp_path / "net.xml", sample_inputs)
    assert proof.verified, proof.sentence
    assert {path.name for path in tmp_path.iterdir()} == {"net.xml", "net.bin"}
    assert proof.bytes == sum(map(size_of, tmp_path.iterdir()))
    assert proof.max_deviation is not None
    assert proof.max_deviation < 1e-4


def test_half_weights_halve_the_file_of_weights(sample: Any, openvino: Format, tmp_path: Path) -> None:
    whole = export(sample, openvino, tmp_path / "whole.xml")
    half = export(sample, openvino, tmp_path / "half.xml", options=openvino.options(compress_to_fp16=True))
    assert whole.verified
    assert half.verified
    ratio = size_of(tmp_path / "half.bin") / size_of(tmp_path / "whole.bin")
    assert ratio == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("form", "most"), [("int8", 0.3), ("int4", 0.2)])
def test_integers_stay_integers(
    form: str, most: float, sample: Any, openvino: Format, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    quantized = request.getfixturevalue(f"sample_{form}")
    inputs = request.getfixturevalue("sample_inputs")
    assert export(quantized, openvino, tmp_path / "small.xml", inputs).verified
    weights = sum(weight.nbytes for weight in sample.weights().values())
    assert size_of(tmp_path / "small.bin") < most * weights


def test_another_suffix_is_a_sentence(sample: Any, openvino: Format, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no name for OpenVINO IR"):
        export(sample, openvino, tmp_path / "net.bin")


def test_an_onnx_file_that_stays_a_file_is_converted_too(sample_int8: Any, openvino: Format, tmp_path: Path) -> None:
    from secateur.formats import format_named
    from secateur.formats.reading import open_model
    from secateur.graph.network import OnnxModel
    from secateur.model.description import ModelSource

    export(sample_int8, format_named("onnx"), tmp_path / "quantized.onnx")
    model = open_model(ModelSource(str(tmp_path / "quantized.onnx")))
    assert isinstance(model, OnnxModel)
    assert export(model, openvino, tmp_path / "net.xml").verified
