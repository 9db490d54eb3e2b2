"""torch.export programs and TorchScript: integers in the file, the same answers, nothing of this machine."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secateur.formats.base import Format
from secateur.formats.proving.verify import export

FORMS = ["sample", "sample_int8", "sample_int4"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["pt2", "torchscript"])
def test_a_program_answers_like_the_simulation(
    kind: str, form: str, installed: Callable[[str], Format], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    target, model = installed(kind), request.getfixturevalue(form)
    proof = export(model, target, tmp_path / f"net{target.suffixes[0]}", request.getfixturevalue("sample_inputs"))
    assert proof.verified, proof.sentence
    assert proof.max_deviation is not None
    # A program of static int8 adds floats, the simulation whole numbers: now and then a step goes the other way.
    assert proof.max_deviation < (1e-2 if form == "sample_int8" else 1e-5), "the operators are the simulation's own"


@pytest.mark.parametrize("kind", ["pt2", "torchscript"])
def test_fewer_bits_make_a_smaller_file(
    kind: str, installed: Callable[[str], Format], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    target = installed(kind)
    sizes = [
        export(request.getfixturevalue(form), target, tmp_path / f"{form}{target.suffixes[0]}").bytes for form in FORMS
    ]
    assert sizes == sorted(sizes, reverse=True)


def test_a_quantized_program_can_be_spelled_for_backends(
    sample_int8: Any, installed: Callable[[str], Format], tmp_path: Path
) -> None:
    target = installed("pt2")
    options = target.options(operators="decomposed")
    proof = export(sample_int8, target, tmp_path / "net.pt2", options=options)
    assert proof.verified, proof.sentence
    assert b"quantized_decomposed" in everything_in(tmp_path / "net.pt2")


def test_a_program_says_nothing_of_the_machine_that_wrote_it(
    sample: Any, installed: Callable[[str], Format], tmp_path: Path
) -> None:
    export(sample, installed("pt2"), tmp_path / "net.pt2")
    assert str(Path(__file__).parents[2]).encode() not in everything_in(tmp_path / "net.pt2")


@pytest.mark.parametrize("kind", ["pt2", "torchscript"])
def test_that_torch_computes_in_float_is_told_before(kind: str, sample: Any, sample_int8: Any, installed: Any) -> None:
    target = installed(kind)
    assert target.losses(sample) == ""
    assert "float32" in target.losses(sample_int8)


def everything_in(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())
