"""ExecuTorch, LiteRT, Core ML, ncnn and GGUF: what they hold of encodings, and that what they hold is ours."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secateur.data.batch import Batch
from secateur.errors import UserError
from secateur.formats.base import Format
from secateur.formats.proving.verify import export, size_of
from secateur.model.description import Port

Installed = Callable[[str], Format]


def float_bytes(model: Any) -> int:
    return sum(weight.nbytes for weight in model.weights().values())


@pytest.fixture(scope="session")
def decoder() -> Any:
    """A network of what the sample lacks: depthwise, grouped and transposed convolutions, clips, a concatenation."""
    import torch
    from torch import nn

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
            self.deep = nn.Conv2d(16, 16, 3, padding=1, groups=16)
            self.wide = nn.Conv2d(16, 24, 1)
            self.grouped = nn.Conv2d(24, 24, 3, padding=1, groups=4)
            self.up = nn.ConvTranspose2d(24, 16, 2, stride=2)
            self.last = nn.Conv2d(19, 5, 3, padding=1)

        def forward(self, image: torch.Tensor) -> Any:
            inner = torch.relu(self.deep(nn.functional.relu6(self.stem(image))))
            inner = torch.relu(self.up(self.grouped(nn.functional.hardswish(self.wide(inner)))))
            return self.last(torch.cat([inner, image], 1))

    torch.manual_seed(0)
    from secateur.graph.network import TorchModel

    shape = (None, 3, 32, 32)
    return TorchModel(
        name="decoder",
        module=Decoder().eval(),
        inputs=(Port("image", "float32", shape),),
        outputs=(Port("planes", "float32", (None, 5, 32, 32)),),
    )


class Noise:
    """Calibration samples without files."""

    def __init__(self) -> None:
        self.inputs = np.random.default_rng(1).standard_normal((48, 3, 32, 32)).astype(np.float32)

    def size(self, split: str) -> int:
        return len(self.inputs) if split == "calibration" else 0

    def batches(self, split: str, batch_size: int, limit: int | None = None) -> Any:
        for start in range(0, min(limit or len(self.inputs), len(self.inputs)), batch_size):
            part = self.inputs[start : start + batch_size]
            yield Batch({"x": part}, np.zeros(len(part), np.int64))


@pytest.fixture(scope="session")
def decoder_int8(decoder: Any) -> Any:
    from secateur.graph.context import Context
    from secateur.methods.quantize.static_int8 import StaticInt8

    return StaticInt8(samples=48).apply(decoder, list(decoder.weights()), Context(data=Noise()))


@pytest.mark.parametrize("name", ["executorch", "litert", "ncnn"])
def test_an_int8_file_holds_integers(
    name: str, installed: Installed, sample: Any, sample_int8: Any, sample_inputs: Any, tmp_path: Path
) -> None:
    target = installed(name)
    proof = export(sample_int8, target, tmp_path / f"small{target.suffixes[0]}", sample_inputs)
    assert proof.verified, proof.sentence
    assert proof.bytes < 0.35 * float_bytes(sample)


@pytest.mark.parametrize("name", ["executorch", "litert"])
def test_transposed_depthwise_and_joined_layers_agree_in_integers(
    name: str, installed: Installed, decoder: Any, decoder_int8: Any, tmp_path: Path
) -> None:
    target = installed(name)
    proof = export(decoder_int8, target, tmp_path / f"decoder{target.suffixes[0]}", (Noise().inputs[:8],))
    assert proof.verified, proof.sentence
    whole = export(decoder, target, tmp_path / f"whole{target.suffixes[0]}", (Noise().inputs[:8],))
    assert proof.bytes < 0.8 * whole.bytes


def test_ncnn_converts_a_float_decoder(installed: Installed, decoder: Any, tmp_path: Path) -> None:
    proof = export(decoder, installed("ncnn"), tmp_path / "net.param", (Noise().inputs[:8],))
    assert proof.verified, proof.sentence
    assert {path.name for path in tmp_path.iterdir()} == {"net.param", "net.bin"}


def test_ncnn_stores_half_weights_in_half_the_room(
    installed: Installed, sample: Any, sample_inputs: Any, tmp_path: Path
) -> None:
    ncnn = installed("ncnn")
    proof = export(sample, ncnn, tmp_path / "half.param", sample_inputs, options=ncnn.options(half_weights=True))
    assert proof.verified, proof.sentence
    assert size_of(tmp_path / "half.bin") < 0.52 * float_bytes(sample)


def test_another_suffix_is_no_ncnn_network(installed: Installed, sample: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"let it end with \.param"):
        export(sample, installed("ncnn"), tmp_path / "net.bin")


def test_executorch_stores_linear_layers_of_four_bits_as_integers(
    installed: Installed, sample_int4: Any, sample_inputs: Any, tmp_path: Path
) -> None:
    proof = export(sample_int4, installed("executorch"), tmp_path / "net.pte", sample_inputs)
    assert proof.verified, proof.sentence


@pytest.mark.parametrize(
    ("form", "options", "most"),
    [
        ("sample_int8", {}, 0.35),
        ("sample_int8", {"precision": "float16"}, 0.35),
        ("sample_int4", {}, 0.25),
        ("sample_int4", {"four_bits": "integers"}, 0.2),
    ],
)
def test_core_ml_holds_our_integers_and_scales(
    form: str, options: dict[str, Any], most: float, sample: Any, installed: Installed,
    request: pytest.FixtureRequest, tmp_path: Path,
) -> None:  # fmt: skip
    coreml = installed("coreml")
    path = tmp_path / "net.mlpackage"
    proof = export(request.getfixturevalue(form), coreml, path, options=coreml.options(**options))
    assert proof.verified, proof.sentence
    assert "not run" in proof.sentence or proof.proof == "outputs"
    assert size_of(path / "Data" / "com.apple.CoreML" / "weights") < most * float_bytes(sample)


def test_a_core_ml_package_says_nothing_of_this_machine(installed: Installed, sample: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.mlpackage"
    export(sample, installed("coreml"), path)
    ours = str(Path(__file__).parents[2]).encode()
    files = [file for file in path.rglob("*") if file.is_file()]
    assert {file.name for file in files} == {"Manifest.json", "model.mlmodel", "weight.bin"}
    assert not [file for file in files if ours in file.read_bytes()]


def test_gguf_reads_back_every_tensor_under_its_name(installed: Installed, sample: Any, tmp_path: Path) -> None:
    from secateur.formats.reading import open_model
    from secateur.model.description import ModelSource

    path = tmp_path / "net.gguf"
    proof = export(sample, installed("gguf"), path)
    assert proof.verified, proof.sentence
    again = open_model(ModelSource(str(path)))
    for name, weight in again.weights().items():
        np.testing.assert_array_equal(weight, sample.weights()[name])


def test_blocks_of_eight_bits_round_by_half_a_step_at_most(installed: Installed, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    from secateur.formats.reading import open_model
    from secateur.model.description import ModelSource

    gguf = installed("gguf")
    weight = np.random.default_rng(0).standard_normal((8, 256)).astype(np.float32)
    source = tmp_path / "weights.safetensors"
    save_file({"fc.weight": weight, "odd.weight": weight[:, :33].copy()}, str(source))
    model = open_model(ModelSource(str(source)))
    path = tmp_path / "small.gguf"
    proof = export(model, gguf, path, options=gguf.options(weights="q8_0"))
    assert proof.verified, proof.sentence
    stored = {tensor.name: tensor.dtype for tensor in gguf.tensors(path)}
    assert stored == {"fc.weight": "ggml_q8_0", "odd.weight": "float16"}
    blocks = weight.reshape(-1, 32)
    steps = np.abs(blocks).max(1, keepdims=True) / 127
    errors = np.abs(gguf.weights(path)["fc"].reshape(-1, 32) - blocks)
    assert (errors <= 0.5 * steps + np.abs(blocks) * 2**-10).all()


def test_a_converter_that_refuses_says_so_in_a_sentence(installed: Installed, sample: Any, tmp_path: Path) -> None:
    import torch

    class Sorted(torch.nn.Module):
        def forward(self, rows: torch.Tensor) -> Any:
            return torch.sort(rows, 1)[0]

    model = replace(sample, module=Sorted(), lowered=None, inputs=(Port("rows", "float32", (None, 8)),),
                    outputs=(Port("sorted", "float32", (None, 8)),))  # fmt: skip
    with pytest.raises(UserError) as refusal:
        export(model, installed("ncnn"), tmp_path / "net.param")
    assert refusal.value.sentence.endswith(".") or ":" in refusal.value.sentence
    assert not list(tmp_path.glob("net*"))
