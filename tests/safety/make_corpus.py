"""Writes the corpus of hostile and broken model files: `python tests/safety/make_corpus.py FOLDER`.

Every pickle in it tries to make a file called `executed` in FOLDER; none may succeed. `manifest.json` says of
each file what it tries and whether it must be refused (`refused`) or may also open (`any`).
"""

import io
import json
import pickle
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

GIGABYTE = 1 << 30


class Corpus:
    """Collects files and what is expected of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.canary = folder / "executed"
        self.entries: list[dict[str, str]] = []

    def add(self, name: str, content: bytes, tries: str, expect: str = "refused") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return self.expect(name, tries, expect)

    def expect(self, name: str, tries: str, expect: str = "refused") -> Path:
        """Enter a file or folder that is there already."""
        self.entries.append({"name": name, "tries": tries, "expect": expect})
        return self.folder / name

    def finish(self) -> None:
        (self.folder / "manifest.json").write_text(json.dumps(self.entries, indent=1))


# ---------------------------------------------------------------------- pickles


def pickles(canary: Path) -> dict[str, bytes]:
    """Pickles that make the canary when they are loaded, each by another road."""
    touch, code = f"touch {canary}", f"open({str(canary)!r}, 'w').close()"
    text = touch.encode()

    def unicode(value: str) -> bytes:
        encoded = value.encode()
        return b"X" + struct.pack("<I", len(encoded)) + encoded

    def short(value: str) -> bytes:
        encoded = value.encode()
        return b"\x8c" + bytes([len(encoded)]) + encoded

    def stacked(module: str, name: str, *arguments: str) -> bytes:
        body = b"".join(unicode(argument) for argument in arguments)
        return b"\x80\x04" + short(module) + short(name) + b"\x93(" + body + b"tR."

    inner = b"cos\nsystem\n(S'" + text + b"'\ntR."
    return {
        "global_os_system": inner,
        "global_posix_system": b"cposix\nsystem\n(S'" + text + b"'\ntR.",
        "inst_os_system": b"(S'" + text + b"'\nios\nsystem\n.",
        "obj_subprocess": b"(csubprocess\ngetoutput\nS'" + text + b"'\no.",
        "newobj_popen": b"\x80\x02csubprocess\nPopen\n(S'/bin/sh'\nS'-c'\nS'" + text + b"'\nl\x85\x81.",
        "newobj_ex_popen": b"\x80\x04"
        + short("subprocess") + short("Popen") + b"\x93(]((" + unicode("/bin/sh") + unicode("-c") + unicode(touch)
        + b"et}\x92.",
        "stack_global_subprocess": stacked("subprocess", "getoutput", touch),
        "stack_global_eval": stacked("builtins", "eval", f"__import__('os').system({touch!r})"),
        "stack_global_exec": stacked("builtins", "exec", code),
        "stack_global_import_then_attribute": stacked("importlib", "import_module", "antigravity"),
        "dotted_name": stacked("os", "system.__call__", touch),
        "getattr_chain": b"\x80\x04" + short("builtins") + short("getattr") + b"\x93("
        + short("os") + short("path") + b"\x93" + unicode("os") + b"tR.",
        "runpy": stacked("runpy", "run_path", str(canary)),
        "numpy_load_object": stacked("numpy", "load", str(canary)),
        "torch_load_inside": stacked("torch", "load", str(canary)),
        "nested_pickle": b"\x80\x04" + short("pickle") + short("loads") + b"\x93(C"
        + bytes([len(inner)]) + inner + b"tR.",
        "memo_trick": b"\x80\x04" + short("os") + b"\x94" + short("system") + b"\x940h\x00h\x01\x93("
        + unicode(touch) + b"tR.",
        "two_in_one": pickle.dumps({"weight": [1.0]}) + inner,
        "build_setstate": b"\x80\x04" + short("torch.nn.modules.module") + short("Module") + b"\x93)\x81}("
        + short("forward") + short("os") + short("system") + b"\x93ub.",
        "reduce_in_a_list": b"\x80\x04](cos\nsystem\n(S'" + text + b"'\ntRe.",
        "extension_code": b"\x80\x02\x82\x01.",
    }  # fmt: skip


def torch_zip(data: bytes, extra: dict[str, bytes] | None = None, compress: int = zipfile.ZIP_STORED) -> bytes:
    """An archive such as torch.save writes, with this pickle in it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compress) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return stream.getvalue()


def zipped(files: dict[str, bytes], compress: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compress) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def add_pickles(corpus: Corpus) -> None:
    for name, content in pickles(corpus.canary).items():
        corpus.add(f"pickle_{name}.pt", content, f"a plain pickle: {name}")
        corpus.add(f"zip_{name}.pth", torch_zip(content), f"a torch archive: {name}")
    system = pickles(corpus.canary)["global_os_system"]
    corpus.add("pickle_named_safetensors.safetensors", system, "a pickle under the name of safetensors")
    corpus.add("pickle_named_onnx.onnx", b"\x80\x04" + system, "a pickle under the name of ONNX")
    corpus.add("zip_in_zip.pt", zipped({"inner.pt": torch_zip(system)}), "an archive in an archive")
    corpus.add("zip_in_torch_zip.pt", torch_zip(system, {"archive/more.pt": torch_zip(system)}), "nested archives")
    corpus.add("legacy_tar.pt", tarred({"sys_info": system, "pickle": system}), "torch's first format, a tar")
    corpus.add("deflated.pt", torch_zip(system, compress=zipfile.ZIP_DEFLATED), "a compressed torch archive")
    corpus.add("objects.npz", zipped({"weight.npy": npy(b"O", (1,), system)}), "an object array in an npz")
    corpus.add("checkpoint.bin", system, "a Hugging Face pickle")
    corpus.add("pt2_inputs.pt2", pt2(system), "a torch.export archive whose sample inputs call code")
    corpus.add(
        "script.pt",
        zipped({f"archive/{name}": system for name in ("code/__torch__.py", "constants.pkl", "data.pkl")}),
        "TorchScript whose pickles call code",
    )  # fmt: skip


def npy(kind: bytes, shape: tuple[int, ...], content: bytes) -> bytes:
    """A .npy file with a header of ours."""
    header = f"{{'descr': '|{kind.decode()}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content


def pt2(inputs: bytes) -> bytes:
    return zipped(
        {
            "archive/archive_format": b"pt2",
            "archive/archive_version": b"0",
            "archive/models/model.json": b"{}",
            "archive/data/sample_inputs/model.pt": inputs,
            "archive/byteorder": b"little",
        }
    )


# ---------------------------------------------------------------------- bombs and archives


def add_archives(corpus: Corpus) -> None:
    system = pickles(corpus.canary)["global_os_system"]
    bomb = deflated_zeros(GIGABYTE)
    corpus.add("bomb.npz", raw_zip("weight.npy", bomb), "an npz of 1 GB of zeros")
    corpus.add("bomb.pt", raw_zip("archive/data.pkl", bomb), "a torch archive with 1 GB of pickle")
    corpus.add("bomb_package.zip", raw_zip("model.onnx", bomb), "a package with 1 GB of model")
    corpus.add("bomb.pt2", raw_zip("archive/models/model.json", bomb), "a pt2 with 1 GB of graph")
    traversal = {"../executed": b"x", "model.onnx": b"\x08\x08", "/tmp/executed": b"x", "a/../../executed": b"x"}
    corpus.add("traversal.zip", zipped(traversal), "a package that writes outside its folder")
    corpus.add("traversal.pt", torch_zip(system, {"../../executed": b"x"}), "a torch archive with a path outside")
    corpus.add("symlink.zip", with_symlink(), "a package with a symbolic link to /etc")
    corpus.add("many.npz", zipped({f"{n}.npy": b"" for n in range(20000)}), "twenty thousand empty members")
    corpus.add("no_end.pt", torch_zip(system)[:-30], "an archive without its directory")
    corpus.add("same_twice.npz", twice("a.npy", npy(b"u1", (4,), b"abcd")), "two members of one name", "any")


@cache
def checksum_of_zeros(size: int) -> int:
    checksum = 0
    for _ in range(size >> 24):
        checksum = zlib.crc32(bytes(1 << 24), checksum)
    return checksum


def deflated_zeros(size: int) -> bytes:
    """A raw deflate stream that unfolds to `size` zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = bytes(1 << 24)
    return b"".join(packer.compress(block) for _ in range(size >> 24)) + packer.flush()


def raw_zip(name: str, packed: bytes) -> bytes:
    """A zip with one deflated member of 1 GB of zeros."""
    unpacked, checksum = GIGABYTE, checksum_of_zeros(GIGABYTE)
    encoded = name.encode()
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 8, 0, 33, checksum, len(packed), unpacked, len(encoded), 0)
    central = struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 8, 0, 33, checksum, len(packed), unpacked, len(encoded), *[0] * 6
    )
    begin = len(local) + len(encoded) + len(packed)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central) + len(encoded), begin, 0)
    return local + encoded + packed + central + encoded + end


def with_symlink() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        entry = zipfile.ZipInfo("model.onnx")
        entry.external_attr = (0o120777 << 16) | 0
        archive.writestr(entry, "/etc/passwd")
    return stream.getvalue()


def twice(name: str, content: bytes) -> bytes:
    import warnings

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, warnings.catch_warnings(action="ignore"):
        archive.writestr(name, content)
        archive.writestr(name, content)
    return stream.getvalue()


# ---------------------------------------------------------------------- safetensors


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


# ---------------------------------------------------------------------- ONNX


def conv_model() -> Any:
    """A small valid network."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    weights = {
        "conv.weight": random.normal(size=(4, 3, 3, 3)),
        "fc.weight": random.normal(size=(2, 4)),
        "fc.bias": random.normal(size=(2,)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "conv.weight"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "fc.weight", "fc.bias"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def changed(change: Callable[[Any], None]) -> bytes:
    model = conv_model()
    change(model)
    return bytes(model.SerializeToString())


def _external(model: Any, location: str, length: str = "432", offset: str = "0") -> None:
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = 1
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value


def _cyclic(model: Any) -> None:
    model.graph.node[0].input[0] = "r"


def _set(place: Callable[[Any], Any], value: Any) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        target = place(model)
        target[:] = value

    return change


def _huge_constant(model: Any) -> None:
    from onnx import helper, numpy_helper

    model.graph.initializer.append(numpy_helper.from_array(np.array([1 << 20, 1 << 20], np.int64), "size"))
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["size"], ["huge"]))
    model.graph.node[1].input[0] = "huge"


def _deep_subgraphs(model: Any) -> None:
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Identity", ["y"], ["z"])], "leaf", [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )  # fmt: skip
    for depth in range(40):
        node = helper.make_node("If", ["condition"], [f"z{depth}"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph(
            [node], f"level{depth}", [], [helper.make_tensor_value_info(f"z{depth}", TensorProto.FLOAT, None)]
        )
        if graph.ByteSize() > 1 << 22:
            break
    model.graph.node.append(graph.node[0])


def add_onnx(corpus: Corpus) -> None:
    good = conv_model().SerializeToString()
    cases: dict[str, tuple[bytes, str]] = {
        "negative_dims": (changed(_set(lambda m: m.graph.initializer[0].dims, [-4, 3, 3, 3])), "negative sizes"),
        "huge_dims": (changed(_set(lambda m: m.graph.initializer[0].dims, [1 << 40, 3, 3, 3])), "absurd sizes"),
        "short_data": (changed(_set(lambda m: m.graph.initializer[0].dims, [400, 3, 3, 3])), "too few bytes"),
        "cyclic": (changed(_cyclic), "a cyclic graph"),
        "self_loop": (changed(lambda m: m.graph.node[1].input.__setitem__(0, "r")), "a node that feeds itself"),
        "huge_constant": (changed(_huge_constant), "a constant of a terabyte"),
        "external_up": (changed(lambda m: _external(m, "../../../etc/passwd")), "external data above the folder"),
        "external_absolute": (changed(lambda m: _external(m, "/etc/passwd")), "external data at an absolute path"),
        "external_windows": (changed(lambda m: _external(m, "C:\\Windows\\win.ini")), "external data on a drive"),
        "external_backslash": (changed(lambda m: _external(m, "..\\..\\secret")), "external data above, Windows way"),
        "external_missing": (changed(lambda m: _external(m, "missing.bin")), "external data that is not there"),
        "external_link": (changed(lambda m: _external(m, "link.bin")), "external data behind a symbolic link"),
        "external_length": (changed(lambda m: _external(m, "small.bin", "99999999999")), "external data too long"),
        "external_offset": (changed(lambda m: _external(m, "small.bin", "432", "-8")), "a negative offset"),
        "external_words": (changed(lambda m: _external(m, "small.bin", "many")), "a length that is no number"),
        "no_nodes": (changed(lambda m: m.graph.ClearField("node")), "a graph without nodes"),
        "no_outputs": (changed(lambda m: m.graph.ClearField("output")), "a graph without outputs"),
        "unknown_opset": (changed(lambda m: setattr(m.opset_import[0], "version", 9999)), "opset 9999"),
        "unknown_tensor": (changed(lambda m: m.graph.node[0].input.__setitem__(1, "nowhere")), "a missing tensor"),
        "unknown_type": (changed(lambda m: setattr(m.graph.initializer[0], "data_type", 77)), "an unknown dtype"),
        "same_outputs": (changed(lambda m: m.graph.node[1].output.__setitem__(0, "c")), "two makers of one tensor"),
        "huge_kernel": (
            changed(lambda m: m.graph.node[0].attribute[0].ints.__setitem__(slice(None), [1 << 40] * 4)),
            "padding of a terabyte",
        ),
    }  # fmt: skip
    (corpus.folder / "small.bin").write_bytes(bytes(16))
    (corpus.folder / "link.bin").symlink_to("/etc/hosts")
    looked_at = {"huge_kernel", "huge_constant", "unknown_opset"}  # inspected, for nothing of them is run
    for name, (content, tries) in cases.items():
        corpus.add(f"onnx_{name}.onnx", content, f"ONNX: {tries}", "any" if name in looked_at else "refused")
    corpus.add("onnx_deep.onnx", changed(_deep_subgraphs), "ONNX: subgraphs in subgraphs")
    teleport = changed(lambda m: setattr(m.graph.node[1], "op_type", "Teleport"))
    corpus.add("onnx_unknown_op.onnx", teleport, "ONNX: an operator that nobody knows", "any")
    corpus.add("onnx_nan.onnx", changed(_nan), "ONNX: NaN weights", "any")
    for tenth in range(1, 10):
        corpus.add(f"onnx_cut_{tenth}0.onnx", good[: len(good) * tenth // 10], f"ONNX cut at {tenth}0 %")


def _nan(model: Any) -> None:
    weight = model.graph.initializer[0]
    weight.raw_data = np.full(108, np.nan, np.float32).tobytes()


# ---------------------------------------------------------------------- the rest


def add_cut_files(corpus: Corpus) -> None:
    """Good files of other formats, cut at every tenth."""
    for name, content in good_files().items():
        for tenth in range(1, 10):
            rest = content[: len(content) * tenth // 10]
            corpus.add(f"cut_{tenth}0_{name}", rest, f"{name} cut at {tenth}0 %", "any")


def good_files() -> dict[str, bytes]:
    """Small valid files to be cut and mutated, by name."""
    import torch

    weights = {"conv.weight": torch.randn(4, 3, 3, 3), "conv.bias": torch.randn(4)}
    modern, legacy = io.BytesIO(), io.BytesIO()
    torch.save(weights, modern)
    torch.save(weights, legacy, _use_new_zipfile_serialization=False)
    packed = io.BytesIO()
    np.savez(packed, **{name: value.numpy() for name, value in weights.items()})
    squeezed = io.BytesIO()
    np.savez_compressed(squeezed, **{name: value.numpy() for name, value in weights.items()})
    data = weights["conv.weight"].numpy().tobytes()
    return {
        "net.onnx": conv_model().SerializeToString(),
        "weights.safetensors": safetensors({"conv.weight": tensor([4, 3, 3, 3], 0, len(data))}, data),
        "weights.pt": modern.getvalue(),
        "legacy.pt": legacy.getvalue(),
        "weights.npz": packed.getvalue(),
        "squeezed.npz": squeezed.getvalue(),
        "weights.gguf": gguf(),
        "net.xml": OPENVINO_XML,
    }


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


def write_corpus(folder: Path) -> Corpus:
    folder.mkdir(parents=True, exist_ok=True)
    corpus = Corpus(folder)
    (folder / "seeds").mkdir(exist_ok=True)
    for name, content in good_files().items():
        (folder / "seeds" / name).write_bytes(content)
    for add in (add_pickles, add_archives, add_safetensors, add_onnx, add_others, add_cut_files):
        add(corpus)
    corpus.finish()
    return corpus


if __name__ == "__main__":
    written = write_corpus(Path(sys.argv[1]))
    print(f"{len(written.entries)} files in {written.folder}")
