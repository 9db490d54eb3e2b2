"""What each format says of each encoding, before anything is written."""

from typing import ClassVar

import pytest

from secateur.formats import FORMATS
from secateur.formats.base import Format
from secateur.formats.holding import USUAL, example, held, not_held
from secateur.model.encoding import ActivationEncoding

WRITERS = [entry for entry in FORMATS if entry.writes]


@pytest.mark.parametrize("entry", WRITERS, ids=lambda entry: entry.id)
def test_every_format_that_is_written_says_what_becomes_of_every_usual_encoding(entry: Format) -> None:
    told = held(entry)
    assert len(told) == len(USUAL)
    assert all(not sentence or ((sentence[0].isupper() or sentence[0].islower()) and sentence.endswith("."))
               for sentence in told.values())  # fmt: skip


def test_a_format_that_does_not_say_what_it_holds_fails_at_import() -> None:
    with pytest.raises(TypeError, match="holds"):

        class Silent(Format):
            id: ClassVar[str] = "silent"
            title: ClassVar[str] = "Silent"
            suffixes: ClassVar[tuple[str, ...]] = ()
            runtime: ClassVar[str] = ""
            reads: ClassVar[bool] = False
            writes: ClassVar[bool] = True


def test_onnx_holds_all_and_ncnn_8_bits_per_channel_alone() -> None:
    onnx, ncnn = (next(entry for entry in FORMATS if entry.id == name) for name in ("onnx", "ncnn"))
    assert not any(held(onnx).values())
    known = ["8-bit integers per channel, symmetric", "activations of 8 bits"]
    assert [words for words, reason in held(ncnn).items() if not reason] == known


def test_what_is_not_held_is_said_once() -> None:
    ncnn = next(entry for entry in FORMATS if entry.id == "ncnn")
    assert len(not_held(ncnn, [example(4), example(4), example(8)])) == 1


def test_groups_of_unequal_size_are_no_groups_to_core_ml() -> None:
    coreml = next(entry for entry in FORMATS if entry.id == "coreml")
    assert coreml.holds(example(4, 32), (8, 64)) is None
    assert "one size" in (coreml.holds(example(4, 32), (8, 70)) or "")


def test_openvino_takes_short_last_groups_in_matrices_alone() -> None:
    openvino = next(entry for entry in FORMATS if entry.id == "openvino")
    assert openvino.holds(example(4, 32), (8, 70)) is None
    assert openvino.holds(example(4, 32), (8, 64, 3, 3)) is None
    assert "one size" in (openvino.holds(example(4, 32), (8, 48, 3, 3)) or "")


@pytest.mark.parametrize(
    ("name", "bits", "said"),
    [
        ("onnx", 16, ""),
        ("package", 16, ""),
        ("pt2", 16, ""),
        ("openvino", 8, ""),
        ("openvino", 16, "OpenVINO is given no activations of 16 bits: they stay float."),
        ("executorch", 16, "ExecuTorch is given no activations of 16 bits: they stay float."),
        ("coreml", 8, "Core ML keeps encoded weights alone: the encodings of activations are left out."),
        ("gguf", 16, "GGUF keeps encoded weights alone: the encodings of activations are left out."),
    ],
)
def test_every_format_answers_of_activations_as_of_weights(name: str, bits: int, said: str) -> None:
    entry = next(entry for entry in FORMATS if entry.id == name)
    assert (entry.holds(ActivationEncoding(0.1, 0, bits)) or "") == said


def test_few_bits_that_a_runtime_has_no_integers_for_are_told() -> None:
    told = {entry.id: entry.holds(example(2)) or "" for entry in FORMATS if entry.id in ("openvino", "executorch")}
    assert told["openvino"] == "OpenVINO has no integers of 2 bits: they are stored as rounded floats."
    assert "8 and 4 bits" in told["executorch"]
    assert not next(entry for entry in FORMATS if entry.id == "openvino").holds(example(3))
