"""Writes the corpus of hostile and broken model files: `python tests/safety/make_corpus.py FOLDER`.

Every pickle in it tries to make a file called `executed` in FOLDER; none may succeed. `manifest.json` says of
each file what it tries and whether it must be refused (`refused`) or may also open (`any`).
"""

import io
import sys
from pathlib import Path

import numpy as np
from corpus import Corpus
from hostile_archives import add_archives
from hostile_onnx import add_onnx, conv_model
from hostile_pickles import add_pickles
from hostile_weights import OPENVINO_XML, add_others, add_safetensors, gguf, safetensors, tensor


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
