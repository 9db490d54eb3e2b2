"""Files of other programs, written by those programs: GGUF blocks by the gguf package, IR by OpenVINO."""

from pathlib import Path

import numpy as np
import pytest

from secateur.formats.reading import open_model
from secateur.graph.network import StoredModel
from secateur.model.description import ModelSource
from secateur.model.stored import read_values
from secateur.resources import resource


def test_every_block_type_decodes_as_the_gguf_package_decodes_it() -> None:
    gguf = pytest.importorskip("gguf")
    from secateur.formats.weight_files.ggml_types import BLOCKS

    random, compared = np.random.default_rng(0), 0
    for number, (name, kind) in BLOCKS.items():
        known = gguf.GGMLQuantizationType(number)
        assert gguf.GGML_QUANT_SIZES[known] == (kind.values, kind.size), name
        raw = random.integers(0, 256, (64, kind.size), dtype=np.uint8)
        try:
            with np.errstate(all="ignore"):
                expected = gguf.quants.dequantize(raw, known).reshape(-1)
        except NotImplementedError:
            continue
        compared += 1
        assert np.array_equal(kind.decode(raw.reshape(-1)), expected, equal_nan=True), name
    assert compared > 15


def test_a_file_of_the_gguf_package_is_read(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    values = np.random.default_rng(0).standard_normal((8, 256)).astype(np.float32)
    writer = gguf.GGUFWriter(str(tmp_path / "net.gguf"), "llama")
    writer.add_tensor("blk.0.attn_q.weight", values)
    kinds = [gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q4_0]
    for kind in kinds:
        writer.add_tensor(f"{kind.name}.weight", gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model = open_model(ModelSource(str(tmp_path / "net.gguf")))
    assert isinstance(model, StoredModel)
    found = {tensor.name: read_values(tensor) for tensor in model.tensors}
    assert (found["blk.0.attn_q.weight"] == values).all()
    for kind in kinds:
        exact = gguf.quants.dequantize(gguf.quants.quantize(values, kind), kind)
        assert (found[f"{kind.name}.weight"] == exact).all()


@pytest.mark.parametrize("half", [False, True])
def test_an_ir_of_openvino_is_read(half: bool, tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    openvino.save_model(
        openvino.convert_model(resource("sample/model.onnx")), tmp_path / "net.xml", compress_to_fp16=half
    )
    model = open_model(ModelSource(str(tmp_path / "net.xml")))
    assert isinstance(model, StoredModel)
    sample = open_model(ModelSource("sample:model"))
    shapes = sorted(weight.shape for weight in sample.weights().values())
    assert sorted(weight.shape for weight in model.weights().values()) == shapes
    assert {tensor.dtype for tensor in model.tensors} == {"float16" if half else "float32"}
    assert [port.shape for port in model.inputs] == [port.shape for port in sample.inputs]
