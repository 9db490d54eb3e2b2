"""Archives that unfold to gigabytes, lead out of their folder, or have no end."""

import io
import struct
import zipfile
import zlib
from functools import cache

from corpus import Corpus
from hostile_pickles import npy, pickles, torch_zip, zipped

GIGABYTE = 1 << 30


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
