"""Small networks of every kind of data, each with the files that a person would have beside it.

All are ONNX, written without torch. Their inner weights are drawn and their last layer is solved for, so that they are
right most of the time and nothing has to be trained.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from tokenizers import Tokenizer as Encoder
from tokenizers import models, pre_tokenizers, processors

Floats = NDArray[np.float32]
Node = onnx.NodeProto


@dataclass(frozen=True)
class Instance:
    """A network and what it is measured on, as files."""

    network: Path
    data: Path


def save_network(
    path: Path,
    nodes: Sequence[Node],
    stored: dict[str, Any],
    inputs: dict[str, tuple[Any, ...]],
    output: tuple[str, tuple[Any, ...]],
    kind: int = TensorProto.FLOAT,
) -> Path:
    """Write an ONNX file with these nodes, stored arrays, inputs (of this type) and one float output."""
    graph = helper.make_graph(
        list(nodes),
        path.stem,
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, output[1])],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in stored.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def drawn(random: np.random.Generator, *shape: int) -> Floats:
    """Weights that keep the size of what goes through them; outputs first."""
    return random.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)


def solved(features: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Weight (targets, features) and bias of the linear layer that comes closest to (rows, targets)."""
    wide = np.c_[features, np.ones(len(features), np.float32)]
    found = np.linalg.solve(wide.T @ wide + 1e-2 * np.eye(wide.shape[1]), wide.T @ targets).astype(np.float32)
    return found[:-1].T.copy(), found[-1].copy()


# ---------------------------------------------------------------------- a table


def make_table(folder: Path) -> Instance:
    """Flowers by four measures and a note, in a .csv; two hidden layers that take the measures as they are read."""
    random = np.random.default_rng(0)
    kinds = ("rose", "tulip", "lily")
    labels = random.integers(0, 3, 240)
    centres = random.normal(0, 2, (3, 4))
    rows = centres[labels] + random.normal(0, 0.9, (240, 4)) + 5
    with (folder / "flowers.csv").open("w", newline="", encoding="utf-8") as file:
        written = csv.writer(file)
        written.writerow(["petal", "sepal", "height", "weight", "kind"])
        for row, label in zip(rows, labels, strict=True):
            written.writerow([*(f"{value:.3f}" for value in row), kinds[label]])
    scaled = ((rows - rows.mean(axis=0)) / rows.std(axis=0)).astype(np.float32)
    first, second = drawn(random, 64, 4), drawn(random, 64, 64)
    hidden = relu(relu(scaled @ first.T) @ second.T)
    order = np.argsort(np.argsort(kinds))[labels]  # classes are numbered by their names
    head, bias = solved(hidden, np.eye(3, dtype=np.float32)[order] * 6)
    nodes = [
        helper.make_node("Gemm", ["measures", "first.weight"], ["a"], "first", transB=1),
        helper.make_node("Relu", ["a"], ["b"], "relu1"),
        helper.make_node("Gemm", ["b", "second.weight"], ["c"], "second", transB=1),
        helper.make_node("Relu", ["c"], ["d"], "relu2"),
        helper.make_node("Gemm", ["d", "head.weight", "head.bias"], ["scores"], "head", transB=1),
    ]
    stored = {"first.weight": first, "second.weight": second, "head.weight": head, "head.bias": bias}
    inputs, output = {"measures": ("batch", 4)}, ("scores", ("batch", 3))
    return Instance(save_network(folder / "flowers.onnx", nodes, stored, inputs, output), folder / "flowers.csv")


# ---------------------------------------------------------------------- two inputs


def make_two_inputs(folder: Path) -> Instance:
    """A picture with a bar and four measures; the class tells where the bar stands and what the measures say."""
    random = np.random.default_rng(1)
    bars, signs = random.integers(0, 2, 240), random.integers(0, 2, 240)
    pictures = random.normal(0, 0.3, (240, 1, 8, 8)).astype(np.float32)
    pictures[np.arange(240), 0, bars * 4 + 2] += 2
    measures = (random.normal(0, 0.4, (240, 4)) + signs[:, None] * 2 - 1).astype(np.float32)
    labels = bars * 2 + signs
    np.savez(folder / "bars.npz", picture=pictures, measures=measures, targets=labels)

    conv, dense, joined = drawn(random, 8, 1, 3, 3), drawn(random, 16, 4), drawn(random, 64, 16 + 8 * 16)
    seen = pooled(relu(convolved(pictures, conv))).reshape(240, -1)
    hidden = relu(np.concatenate([seen, relu(measures @ dense.T)], 1) @ joined.T)
    head, bias = solved(hidden, np.eye(4, dtype=np.float32)[labels] * 6)
    nodes = [
        helper.make_node("Conv", ["picture", "conv.weight"], ["a"], "conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], "relu1"),
        helper.make_node("MaxPool", ["b"], ["c"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["c"], ["d"], "flatten"),
        helper.make_node("Gemm", ["measures", "dense.weight"], ["e"], "dense", transB=1),
        helper.make_node("Relu", ["e"], ["f"], "relu2"),
        helper.make_node("Concat", ["d", "f"], ["g"], "concat", axis=1),
        helper.make_node("Gemm", ["g", "joined.weight"], ["h"], "joined", transB=1),
        helper.make_node("Relu", ["h"], ["i"], "relu3"),
        helper.make_node("Gemm", ["i", "head.weight", "head.bias"], ["scores"], "head", transB=1),
    ]
    stored = {"conv": conv, "dense": dense, "joined": joined, "head": head}
    stored = {**{f"{name}.weight": value for name, value in stored.items()}, "head.bias": bias}
    inputs, output = {"picture": ("batch", 1, 8, 8), "measures": ("batch", 4)}, ("scores", ("batch", 4))
    return Instance(save_network(folder / "bars.onnx", nodes, stored, inputs, output), folder / "bars.npz")


# ---------------------------------------------------------------------- images


def make_wide(folder: Path) -> Instance:
    """Pictures with a bar at one of three places; convolutions wide enough that integers and fewer ranks are faster."""
    random, side, width = np.random.default_rng(4), 16, 32
    labels = random.integers(0, 3, 120)
    images = random.integers(0, 90, (120, side, side)).astype(np.uint8)
    images[np.arange(120), labels * 5 + 2] = 240
    np.savez(folder / "wide.npz", images=images, labels=labels)
    stored = {"first": drawn(random, width, 1, 3, 3), "second": drawn(random, width, width, 3, 3)}
    stored["third"] = drawn(random, width, width, 3, 3)
    values = images[:, None].astype(np.float32) / 255
    for weight in stored.values():
        values = relu(convolved(values, weight))
    values = pooled(pooled(pooled(values))).reshape(120, -1)
    stored["head"], bias = solved(values, np.eye(3, dtype=np.float32)[labels] * 6)
    sizes, eight = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, {"kernel_shape": [8, 8], "strides": [8, 8]}
    nodes = [
        helper.make_node("Conv", ["image", "first.weight"], ["a"], "first", **sizes),
        helper.make_node("Relu", ["a"], ["b"], "relu1"),
        helper.make_node("Conv", ["b", "second.weight"], ["c"], "second", **sizes),
        helper.make_node("Relu", ["c"], ["d"], "relu2"),
        helper.make_node("Conv", ["d", "third.weight"], ["e"], "third", **sizes),
        helper.make_node("Relu", ["e"], ["f"], "relu3"),
        helper.make_node("MaxPool", ["f"], ["g"], "pool", **eight),
        helper.make_node("Flatten", ["g"], ["h"], "flatten"),
        helper.make_node("Gemm", ["h", "head.weight", "head.bias"], ["scores"], "head", transB=1),
    ]
    stored = {**{f"{name}.weight": value for name, value in stored.items()}, "head.bias": bias}
    inputs, output = {"image": ("batch", 1, side, side)}, ("scores", ("batch", 3))
    return Instance(save_network(folder / "wide.onnx", nodes, stored, inputs, output), folder / "wide.npz")


# ---------------------------------------------------------------------- images with masks


def make_shapes(folder: Path) -> Instance:
    """Grey squares and white discs on black, in a .zip with masks; a U-Net of one step down and one up."""
    random, count, side = np.random.default_rng(2), 60, 16
    masks = np.zeros((count, side, side), np.uint8)
    rows, columns = np.mgrid[:side, :side]
    for mask in masks:
        top, left, y, x = random.integers(0, 10, 4)
        mask[top : top + 6, left : left + 6] = 1
        mask[(rows - y - 3) ** 2 + (columns - x - 3) ** 2 <= 9] = 2
    shades = np.array([30, 120, 220])[masks] + random.normal(0, 12, masks.shape)
    images = np.clip(shades, 0, 255).astype(np.uint8)
    with ZipFile(folder / "shapes.zip", "w") as archive:
        for kind, pictures in (("images", images), ("masks", masks)):
            for number, picture in enumerate(pictures):
                stream = BytesIO()
                Image.fromarray(picture).save(stream, "png")
                archive.writestr(f"shapes/{kind}/{number:03}.png", stream.getvalue())

    fed = images[:, None].astype(np.float32) / 255
    first, deep, up = drawn(random, 8, 1, 3, 3), drawn(random, 16, 8, 3, 3), drawn(random, 16, 24, 3, 3)
    skipped = relu(convolved(fed, first))
    below = relu(convolved(pooled(skipped), deep)).repeat(2, axis=2).repeat(2, axis=3)
    hidden = relu(convolved(np.concatenate([below, skipped], 1), up))
    flat = hidden.transpose(0, 2, 3, 1).reshape(-1, 16)
    head, bias = solved(flat, np.eye(3, dtype=np.float32)[masks.reshape(-1)] * 6)
    sizes = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["image", "first.weight"], ["a"], "first", **sizes),
        helper.make_node("Relu", ["a"], ["b"], "relu1"),
        helper.make_node("MaxPool", ["b"], ["c"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["c", "deep.weight"], ["d"], "deep", **sizes),
        helper.make_node("Relu", ["d"], ["e"], "relu2"),
        helper.make_node(
            "Resize", ["e", "", "scales"], ["f"], "resize", mode="nearest",
            coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        ),
        helper.make_node("Concat", ["f", "b"], ["g"], "concat", axis=1),
        helper.make_node("Conv", ["g", "up.weight"], ["h"], "up", **sizes),
        helper.make_node("Relu", ["h"], ["i"], "relu3"),
        helper.make_node("Conv", ["i", "head.weight", "head.bias"], ["classes"], "head", kernel_shape=[1, 1]),
    ]  # fmt: skip
    stored = {"first": first, "deep": deep, "up": up, "head": head[:, :, None, None]}
    stored = {**{f"{name}.weight": value for name, value in stored.items()}, "head.bias": bias}
    stored["scales"] = np.array([1, 1, 2, 2], np.float32)
    inputs, output = {"image": ("batch", 1, side, side)}, ("classes", ("batch", 3, side, side))
    return Instance(save_network(folder / "shapes.onnx", nodes, stored, inputs, output), folder / "shapes.zip")


def relu(values: Floats) -> Floats:
    return np.maximum(values, 0)


def convolved(images: Floats, weight: Floats) -> Floats:
    """A 3×3 convolution with a border of noughts, without bias."""
    bordered = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(bordered, (3, 3), axis=(2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, weight, optimize=True)


def pooled(images: Floats) -> Floats:
    """The greatest of each 2×2."""
    count, channels, high, wide = images.shape
    return images.reshape(count, channels, high // 2, 2, wide // 2, 2).max(axis=(3, 5))


# ---------------------------------------------------------------------- pairs of texts

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"a man dog cat barks dances sits eats sleeps runs".split()]  # noqa: SIM905
TOKENS = ("input_ids", "attention_mask")


def make_reader(folder: Path, width: int = 64) -> Instance:
    """Pairs of sentences in a .tsv with how many words they share, a tokenizer, and one attention over the tokens."""
    encoder = Encoder(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    encoder.pre_tokenizer = pre_tokenizers.Whitespace()
    encoder.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    encoder.save(str(folder / "tokenizer.json"))
    random = np.random.default_rng(3)
    for part, count in (("train", 60), ("dev", 40)):
        with (folder / f"pairs-{part}.tsv").open("w", newline="", encoding="utf-8") as file:
            for _ in range(count):
                one, other = (list(random.choice(WORDS[4:], random.integers(2, 7))) for _ in range(2))
                shared = len(set(one) & set(other)) / len(set(one) | set(other))
                csv.writer(file, delimiter="\t").writerow([" ".join(one), " ".join(other), f"{5 * shared:.2f}"])

    names = ("query", "key", "value", "out")
    stored = {f"{name}.weight": random.normal(0, 0.5 * width**-0.5, (width, width)) for name in names}
    stored = {name: value.astype(np.float32) for name, value in stored.items()}
    stored["words"] = random.normal(0, 1, (len(WORDS), width)).astype(np.float32)
    stored |= {"scale": np.float32(width**-0.5), "one": np.float32(1), "far": np.float32(-1e4)}
    stored["at"] = np.array([1], np.int64)
    nodes = [
        helper.make_node("Gather", ["words", "input_ids"], ["x"], "embedding"),
        *(helper.make_node("MatMul", ["x", f"{n}.weight"], [n[0]], n) for n in names[:3]),
        helper.make_node("Transpose", ["k"], ["k_turned"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "k_turned"], ["raw"]),
        helper.make_node("Mul", ["raw", "scale"], ["scaled"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["one", "mask"], ["hidden"]),
        helper.make_node("Mul", ["hidden", "far"], ["pushed"]),
        helper.make_node("Unsqueeze", ["pushed", "at"], ["pushed_row"]),
        helper.make_node("Add", ["scaled", "pushed_row"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["shares"], axis=-1),
        helper.make_node("MatMul", ["shares", "v"], ["mixed"]),
        helper.make_node("MatMul", ["mixed", "out.weight"], ["o"], "out"),
        helper.make_node("Add", ["x", "o"], ["tokens"]),
    ]
    inputs, output = dict.fromkeys(TOKENS, ("batch", "length")), ("tokens", ("batch", "length", width))
    path = save_network(folder / "reader.onnx", nodes, stored, inputs, output, TensorProto.INT64)
    return Instance(path, folder / "pairs-dev.tsv")
