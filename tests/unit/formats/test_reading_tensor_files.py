"""GGUF, numpy archives, TFLite and OpenVINO IR: tensors where they lie, and every broken file as one sentence."""

import contextlib
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secateur.errors import UserError
from secateur.formats.reading import open_model
from secateur.formats.recognition import recognise
from secateur.graph.network import StoredModel
from secateur.model.description import ModelSource
from secateur.model.stored import STORED_TYPES, read_values

VALUES = np.random.default_rng(3).standard_normal((4, 64)).astype(np.float32)


def opened(path: Path) -> StoredModel:
    model = open_model(ModelSource(str(path)))
    assert isinstance(model, StoredModel)
    return model


def values(model: StoredModel) -> dict[str, Any]:
    return {tensor.name: read_values(tensor) for tensor in model.tensors}


# ---------------------------------------------------------------------- GGUF


def gguf_text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def q8_0(array: np.ndarray[Any, Any]) -> bytes:
    """Blocks of 32: a float16 scale and int8 codes."""
    blocks = array.reshape(-1, 32)
    scales = (np.abs(blocks).max(axis=1, keepdims=True) / 127).astype(np.float16)
    codes = np.round(blocks / scales.astype(np.float32)).astype(np.int8)
    return np.concatenate([scales.view(np.uint8), codes.view(np.uint8)], axis=1).tobytes()


def gguf(tensors: list[tuple[str, tuple[int, ...], int, bytes]], version: int = 3) -> bytes:
    """A GGUF file with one entry and these tensors (name, shape, ggml's number of the type, bytes)."""
    entry = gguf_text("general.architecture") + struct.pack("<I", 8) + gguf_text("llama")
    words = gguf_text("words") + struct.pack("<IIQ", 9, 8, 200) + gguf_text("a") * 200
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), 2) + entry + words
    place, data = 0, b""
    for name, shape, kind, raw in tensors:
        head += gguf_text(name) + struct.pack("<I", len(shape))
        head += b"".join(struct.pack("<Q", size) for size in reversed(shape)) + struct.pack("<IQ", kind, place)
        padded = raw + b"\0" * (-len(raw) % 32)
        data, place = data + padded, place + len(padded)
    return head + b"\0" * (-len(head) % 32) + data


@pytest.fixture
def gguf_file(tmp_path: Path) -> Path:
    path = tmp_path / "net.gguf"
    tensors = [
        ("blk.0.attn_q.weight", VALUES.shape, 0, VALUES.tobytes()),
        ("blk.0.ffn.weight", VALUES.shape, 8, q8_0(VALUES)),
    ]
    path.write_bytes(gguf(tensors))
    return path


def test_gguf_tensors_are_mapped_and_decoded(gguf_file: Path) -> None:
    model = opened(gguf_file)
    found = values(model)
    assert (found["blk.0.attn_q.weight"] == VALUES).all()
    step = np.abs(VALUES.reshape(-1, 32)).max(axis=1, keepdims=True) / 127
    assert (np.abs(found["blk.0.ffn.weight"].reshape(-1, 32) - VALUES.reshape(-1, 32)) <= 0.51 * step + 1e-3).all()
    assert [tensor.dtype for tensor in model.tensors] == ["float32", "ggml_q8_0"]
    assert all(tensor.offset > 0 for tensor in model.tensors)
    assert "llama" in model.reason
    assert [layer.kind for layer in model.layers] == ["Linear", "Linear"]


@pytest.mark.parametrize(
    ("dtype", "largest"),
    [
        ("ggml_q4_0", 8),
        ("ggml_q4_1", 15),
        ("ggml_q5_0", 16),
        ("ggml_q5_1", 31),
        ("ggml_q8_0", 128),
        ("ggml_q6_k", 4096),
    ],
)
def test_a_block_of_scale_one_decodes_to_whole_numbers(dtype: str, largest: int) -> None:
    import secateur.formats.weight_files.ggml_types  # noqa: F401 - makes the types known

    kind = STORED_TYPES[dtype]
    raw = np.random.default_rng(1).integers(0, 256, (3, kind.size), dtype=np.uint8)
    one = np.frombuffer(np.float16(1).tobytes(), np.uint8)
    raw[:, -2:] = one if dtype == "ggml_q6_k" else raw[:, -2:]
    raw[:, :2] = one if dtype != "ggml_q6_k" else raw[:, :2]
    if dtype.endswith("_1"):
        raw[:, 2:4] = 0
    decoded = kind.decode(raw.reshape(-1))
    assert decoded.shape == (3 * kind.values,)
    assert (decoded == np.round(decoded)).all()
    assert np.abs(decoded).max() <= largest


def test_a_gguf_header_that_lies_is_one_sentence(gguf_file: Path, tmp_path: Path) -> None:
    data = gguf_file.read_bytes()
    for place, number in ((8, 1 << 60), (16, 1 << 60), (24, 1 << 50)):
        lying = tmp_path / "lying.gguf"
        lying.write_bytes(data[:place] + struct.pack("<Q", number) + data[place + 8 :])
        with pytest.raises(UserError, match="not a whole GGUF file"):
            opened(lying)


def test_tensors_of_a_gguf_may_not_overlap_or_leave_the_file(tmp_path: Path) -> None:
    path = tmp_path / "net.gguf"
    data = bytearray(gguf([("a", (4, 64), 0, VALUES.tobytes()), ("b", (4, 64), 0, VALUES.tobytes())]))
    place = data.index(gguf_text("b")) + 9 + 4 + 2 * 8 + 4
    assert data[place : place + 8] == struct.pack("<Q", 1024)
    data[place : place + 8] = struct.pack("<Q", 32)
    path.write_bytes(data)
    with pytest.raises(UserError, match="lies on its neighbour"):
        opened(path)
    data[place : place + 8] = struct.pack("<Q", 1 << 40)
    path.write_bytes(data)
    with pytest.raises(UserError, match="its tensors need"):
        opened(path)


# ---------------------------------------------------------------------- numpy


def test_plain_arrays_of_an_npz_are_mapped_and_the_others_unpacked(tmp_path: Path) -> None:
    arrays = {
        "fc.weight": VALUES,
        "fc.bias": VALUES[0].astype(np.float16),
        "columns": np.asfortranarray(VALUES),
        "big_endian": VALUES.astype(">f4"),
        "words": np.array(["a", "b"]),
    }
    for save in (np.savez, np.savez_compressed):
        path = tmp_path / f"{save.__name__}.npz"
        save(path, **arrays)  # type: ignore[operator]
        model = opened(path)
        found = values(model)
        assert set(found) == set(arrays) - {"words"}
        for name, array in found.items():
            assert (array == arrays[name].astype(np.float32)).all(), name
        is_mapped = {tensor.name: tensor.offset > 0 for tensor in model.tensors}
        assert is_mapped["fc.weight"] == (save is np.savez)
        assert not is_mapped["columns"]
        assert "fc" in {layer.name for layer in model.layers if layer.kind == "Linear"}


def test_an_npz_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, a=np.array([{"x": 1}], dtype=object))
    with pytest.raises(UserError, match="Python objects"):
        opened(path)


def test_an_array_that_claims_more_than_it_has_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "small.npz", a=np.zeros((2, 2), np.float32))
    with zipfile.ZipFile(tmp_path / "small.npz") as archive:
        data = archive.read("a.npy")
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("a.npy", data.replace(b"(2, 2), }      ", b"(9999999, 9), }"))
    with pytest.raises(UserError, match="9999999"):
        opened(tmp_path / "huge.npz")


# ---------------------------------------------------------------------- OpenVINO IR

IR = """<?xml version="1.0"?>
{declaration}<net name="small" version="11">
  <layers>
    <layer id="0" name="image" type="Parameter"><data shape="?,3,8,8" element_type="f32"/>
      <output><port id="0" precision="FP32"><dim>-1</dim><dim>3</dim><dim>8</dim><dim>8</dim></port></output></layer>
    <layer id="1" name="conv1.weight" type="Const"><data element_type="f32" shape="2,3,1,1" offset="0" size="{size}"/>
      <output><port id="0" precision="FP32"><dim>2</dim></port></output></layer>
    <layer id="2" name="conv1" type="Convolution"><data strides="1, 1"/>
      <output><port id="2" precision="FP32"><dim>-1</dim><dim>2</dim></port></output></layer>
    <layer id="3" name="codes" type="Const"><data element_type="i8" shape="4,2" offset="24" size="8"/></layer>
    <layer id="4" name="widened" type="Convert"><data destination_type="f32"/></layer>
    <layer id="5" name="scale" type="Const"><data element_type="f32" shape="4,1" offset="32" size="16"/></layer>
    <layer id="6" name="scaled" type="Multiply"/>
    <layer id="7" name="fc" type="MatMul"><data transpose_a="false" transpose_b="true"/></layer>
    <layer id="8" name="out" type="Result"/>
  </layers>
  <edges>
    <edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
    <edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
    <edge from-layer="3" from-port="0" to-layer="4" to-port="0"/>
    <edge from-layer="4" from-port="0" to-layer="6" to-port="0"/>
    <edge from-layer="5" from-port="0" to-layer="6" to-port="1"/>
    <edge from-layer="2" from-port="2" to-layer="7" to-port="0"/>
    <edge from-layer="6" from-port="2" to-layer="7" to-port="1"/>
    <edge from-layer="7" from-port="2" to-layer="8" to-port="0"/>
  </edges>
</net>
"""
BOMB = '<!DOCTYPE net [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>\n'


def ir(folder: Path, *, declaration: str = "", size: int = 24) -> Path:
    path = folder / "net.xml"
    path.write_text(IR.format(declaration=declaration, size=size))
    codes = np.arange(8, dtype=np.int8)
    scales = np.array([1, 2, 4, 8], np.float32)
    weight = np.arange(6, dtype=np.float32)
    path.with_suffix(".bin").write_bytes(weight.tobytes() + codes.tobytes() + scales.tobytes())
    return path


def test_an_ir_tells_its_layers_and_what_its_integers_stand_for(tmp_path: Path) -> None:
    model = opened(ir(tmp_path))
    assert [(layer.name, layer.kind, layer.channel_axis) for layer in model.layers if layer.is_weighted] == [
        ("conv1", "Conv2d", 0),
        ("fc", "Linear", 0),
    ]
    expected = np.arange(8).reshape(4, 2) * np.array([[1], [2], [4], [8]])
    assert (model.weights()["fc"] == expected).all()
    assert model.inputs[0].shape == (None, 3, 8, 8)


def test_an_ir_that_declares_entities_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="document type"):
        opened(ir(tmp_path, declaration=BOMB))


def test_a_constant_outside_the_bin_is_refused(tmp_path: Path) -> None:
    path = ir(tmp_path)
    path.with_suffix(".bin").write_bytes(b"\0" * 10)
    with pytest.raises(UserError, match=r"outside net\.bin"):
        opened(path)
    path.with_suffix(".bin").unlink()
    with pytest.raises(UserError, match=r"net\.bin.*not beside it"):
        opened(path)


def test_a_constant_whose_size_does_not_fit_its_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="2, 3, 1, 1"):
        opened(ir(tmp_path, size=20))


def test_other_xml_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "feed.xml"
    path.write_text('<?xml version="1.0"?><rss><channel/></rss>')
    with pytest.raises(UserError, match="not a model of a known kind"):
        recognise(path)


# ---------------------------------------------------------------------- TFLite


def tflite(*, shape: tuple[int, ...] = (4, 2), scales: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)) -> bytes:
    """image → FULLY_CONNECTED with int8 weights per channel and float bias → out."""
    flatbuffers = pytest.importorskip("flatbuffers")
    build = flatbuffers.Builder(1024)

    def vector(numbers: Any, kind: str) -> int:
        return int(build.CreateNumpyVector(np.asarray(numbers, dtype=kind)))

    def table(*fields: tuple[int, Callable[[int], None]]) -> int:
        build.StartObject(9)
        for number, put in fields:
            put(number)
        return int(build.EndObject())

    def ref(place: int) -> Callable[[int], None]:
        return lambda field: build.PrependUOffsetTRelativeSlot(field, place, 0)

    def vector_of(places: list[int]) -> int:
        build.StartVector(4, len(places), 4)
        for place in reversed(places):
            build.PrependUOffsetTRelative(place)
        return int(build.EndVector())

    def byte(value: int) -> Callable[[int], None]:
        return lambda field: build.PrependInt8Slot(field, value, 0)

    def word(value: int) -> Callable[[int], None]:
        return lambda field: build.PrependUint32Slot(field, value, 0)

    codes, bias = np.arange(8, dtype=np.int8), np.zeros(4, np.float32)
    datas = [0, vector(codes.view(np.uint8), "u1"), vector(bias.view(np.uint8), "u1")]
    buffers = vector_of([table(*([(0, ref(data))] if data else [])) for data in datas])
    quantization = table((2, ref(vector(scales, "<f4"))), (3, ref(vector([0] * len(scales), "<i8"))))
    rows = [("image", (1, 2), 0, 0), ("fc/weights", shape, 9, 1), ("fc/bias", (4,), 0, 2), ("out", (1, 4), 0, 0)]
    tensors = []
    for name, sizes, kind, buffer in rows:
        title, dims = build.CreateString(name), vector(sizes, "<i4")
        extra = [(4, ref(quantization))] if kind == 9 else []
        tensors.append(table((0, ref(dims)), (1, byte(kind)), (2, word(buffer)), (3, ref(title)), *extra))
    given, made = vector([0, 1, 2], "<i4"), vector([3], "<i4")
    operator = table((0, word(0)), (1, ref(given)), (2, ref(made)))
    ports = vector([0], "<i4"), vector([3], "<i4")
    parts = vector_of(tensors), vector_of([operator])
    graph = table((0, ref(parts[0])), (1, ref(ports[0])), (2, ref(ports[1])), (3, ref(parts[1])))
    used, graphs = vector_of([table((0, byte(9)))]), vector_of([graph])
    build.Finish(table((0, word(3)), (1, ref(used)), (2, ref(graphs)), (4, ref(buffers))), b"TFL3")
    return bytes(build.Output())


def test_a_tflite_file_tells_its_layers_and_what_its_integers_stand_for(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(tflite())
    model = opened(path)
    layer = next(layer for layer in model.layers if layer.is_weighted)
    assert (layer.name, layer.kind, layer.bias is not None) == ("fc/weights", "Linear", True)
    assert (model.weights()["fc/weights"] == np.arange(8).reshape(4, 2) * np.array([[1], [2], [4], [8]])).all()
    assert [port.name for port in (*model.inputs, *model.outputs)] == ["image", "out"]


def test_a_tflite_tensor_that_does_not_fit_its_buffer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(tflite(shape=(4, 1 << 28)))
    with pytest.raises(UserError, match="fc/weights"):
        opened(path)
    path.write_bytes(tflite(scales=(1.0, 2.0)))
    with pytest.raises(UserError, match="2 scales"):
        opened(path)


# ---------------------------------------------------------------------- damage


@pytest.fixture(params=["gguf", "npz", "tflite", "xml"])
def whole(request: pytest.FixtureRequest, tmp_path: Path, gguf_file: Path) -> Path:
    if request.param == "gguf":
        return gguf_file
    if request.param == "npz":
        np.savez(tmp_path / "a.npz", **{"fc.weight": VALUES})
        return tmp_path / "a.npz"
    if request.param == "xml":
        return ir(tmp_path)
    path = tmp_path / "net.tflite"
    path.write_bytes(tflite())
    return path


@pytest.mark.parametrize("tenth", range(10))
def test_a_file_that_was_cut_short_is_one_sentence(whole: Path, tenth: int) -> None:
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) * tenth // 10])
    with pytest.raises(UserError) as raised:
        open_model(ModelSource(str(whole)))
    assert "\n" not in raised.value.sentence


def test_a_flipped_byte_never_raises_anything_but_a_sentence(whole: Path) -> None:
    data = bytearray(whole.read_bytes())
    random = np.random.default_rng(0)
    for place in random.integers(0, len(data), 60):
        changed = bytearray(data)
        changed[place] ^= int(random.integers(1, 256))
        whole.write_bytes(changed)
        with contextlib.suppress(UserError):  # anything else that is raised fails the test
            assert all(read_values(tensor).shape == tensor.shape for tensor in opened(whole).tensors)


def test_a_suffix_that_says_something_else_is_a_note(gguf_file: Path) -> None:
    renamed = gguf_file.rename(gguf_file.with_suffix(".safetensors"))
    model = opened(renamed)
    assert model.notes[0].startswith("net.safetensors is GGUF by its content")
