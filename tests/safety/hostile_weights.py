"""Files of weights whose headers lie: safetensors, GGUF, OpenVINO IR, TFLite, Hugging Face, foreign files."""

import json
import struct
from typing import Any

import numpy as np
from corpus import Corpus


def safetensors(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def add_safetensors(corpus: Corpus) -> None:
    good = safetensors({"a.weight": tensor([2, 2], 0, 16)}, bytes(16))
    cases: dict[str, tuple[bytes, str]] = {
        "header_length_2_63": (safetensors({}, length=1 << 63), "a header of 2^63 bytes"),
        "header_past_the_end": (safetensors({}, length=1 << 20), "a header longer than the file"),
        "header_no_json": (safetensors(b"{not json}"), "a header that is no JSON"),
        "header_a_list": (safetensors(b"{" + b" " * 7), "a header cut in the middle"),
        "header_deep": (safetensors(b'{"a":' * 100000), "JSON nested 100,000 deep"),
        "overlap": (safetensors({"a": tensor([4], 0, 16), "b": tensor([4], 8, 24)}, bytes(24)), "overlapping tensors"),
        "gap": (safetensors({"a": tensor([1], 0, 4), "b": tensor([1], 8, 12)}, bytes(12)), "a gap between tensors"),
        "negative_shape": (safetensors({"a": tensor([-2, -2], 0, 16)}, bytes(16)), "negative sizes"),
        "negative_offset": (safetensors({"a": tensor([4], -16, 0)}, bytes(16)), "a negative offset"),
        "overflow": (safetensors({"a": tensor([1 << 40, 1 << 40], 0, 16)}, bytes(16)), "a product that overflows"),
        "unknown_dtype": (safetensors({"a": tensor([4], 0, 16, "X99")}, bytes(16)), "an unknown dtype"),
        "float_shape": (safetensors({"a": {"dtype": "F32", "shape": "4", "data_offsets": {}}}, bytes(16)), "types"),
        "past_the_end": (safetensors({"a": tensor([400], 0, 1600)}, bytes(16)), "a tensor past the end"),
        "trailing": (good + b"more", "bytes after the last tensor"),
        "no_tensors": (safetensors({}), "no tensors at all"),
    }
    for name, (content, tries) in cases.items():
        expect = "any" if name == "no_tensors" else "refused"
        corpus.add(f"safetensors_{name}.safetensors", content, f"safetensors: {tries}", expect)
    index = {"weight_map": {"a": "../../secret.safetensors", "b": "/etc/passwd"}}
    for name, table in (("outside", index), ("missing", {"weight_map": {"a": "x.safetensors"}}), ("list", [])):
        folder = f"sharded_{name}"
        corpus.add(f"{folder}/model.safetensors.index.json", json.dumps(table).encode(), f"shards: {name}")
    nan = np.array([np.nan, np.inf, -np.inf, 1.0], np.float32).tobytes()
    corpus.add("nan.safetensors", safetensors({"a.weight": tensor([2, 2], 0, 16)}, nan), "NaN and Inf", "any")


def gguf(tensors: int = 1, name_length: int | None = None, dims: tuple[int, ...] = (32,), kind: int = 0) -> bytes:
    """A GGUF file (version 3, no metadata) with one tensor of float32."""
    name = b"blk.0.weight"
    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, 0)
    info = struct.pack("<Q", len(name) if name_length is None else name_length) + name
    info += struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", size) for size in dims)
    info += struct.pack("<IQ", kind, 0)
    head += info
    return head + bytes(-len(head) % 32) + np.arange(32, dtype=np.float32).tobytes()


OPENVINO_XML = b"""<?xml version="1.0"?>
<net name="net" version="11"><layers><layer id="0" name="weight" type="Const" version="opset1">
<data element_type="f32" shape="2,2" offset="0" size="16"/>
<output><port id="0" precision="FP32"><dim>2</dim><dim>2</dim></port></output></layer></layers><edges/></net>"""
LAUGHS = (
    b"""<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "ha">"""
    + b"".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(12))
    + b"]><net name='&m;' version='11'><layers/><edges/></net>"
)
ENTITY = b"""<?xml version="1.0"?><!DOCTYPE net [<!ENTITY e SYSTEM "file:///etc/passwd">]>
<net name="&e;" version="11"><layers/><edges/></net>"""


def add_others(corpus: Corpus) -> None:
    for name, content in {
        "many_tensors": gguf(tensors=1 << 60),
        "long_name": gguf(name_length=1 << 60),
        "huge_dims": gguf(dims=(1 << 40, 1 << 20)),
        "many_dims": gguf(dims=(1,) * 200),
        "unknown_kind": gguf(kind=999),
        "header_only": b"GGUF",
    }.items():
        corpus.add(f"gguf_{name}.gguf", content, f"GGUF: {name}")
    corpus.add("laughs.xml", LAUGHS, "OpenVINO IR: a billion laughs")
    corpus.add("entity.xml", ENTITY, "OpenVINO IR: an external entity")
    corpus.add("outside.xml", OPENVINO_XML.replace(b'size="16"', b'size="999999999999"'), "OpenVINO IR: data outside")
    tflite = b"\x1c\x00\x00\x00TFL3" + b"\xff" * 200
    corpus.add("tables.tflite", tflite, "TFLite: offsets that lead nowhere")
    corpus.add("loop.tflite", b"\x08\x00\x00\x00TFL3" + b"\x04\x00\x00\x00" * 50, "TFLite: tables in a circle")
    remote = {"model_type": "bert", "architectures": ["X"], "auto_map": {"AutoModel": "code.X"}}
    corpus.add("remote/config.json", json.dumps(remote).encode(), "a Hugging Face folder")
    corpus.add("remote/code.py", f"open({str(corpus.canary)!r}, 'w').close()".encode(), "its code", "any")
    corpus.add("remote/model.safetensors", safetensors({}), "its weights", "any")
    corpus.expect("remote", "a Hugging Face folder that brings code", "any")
    foreign = {
        "png": b"\x89PNG\r\n\x1a\n" + bytes(64), "pdf": b"%PDF-1.7" + bytes(64), "elf": b"\x7fELF" + bytes(64),
        "gzip": b"\x1f\x8b\x08" + bytes(64), "text": b"hello, world\n" * 8, "html": b"<!DOCTYPE html><html>",
        "zeros": bytes(256), "noise": np.random.default_rng(1).bytes(512), "one": b"\x08", "lfs":
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    }  # fmt: skip
    for kind, content in foreign.items():
        for suffix in ("onnx", "safetensors", "pt", "gguf"):
            corpus.add(f"foreign_{kind}.{suffix}", content, f"{kind} under the name .{suffix}")
    for suffix in ("onnx", "safetensors", "pt", "pt2", "gguf", "npz", "tflite", "xml", "zip"):
        corpus.add(f"empty.{suffix}", b"", f"an empty .{suffix}")
