"""Integer weights inside an ncnn network: the converted float weights are found by their bytes and replaced.

How ncnn stores them: `ncnn2int8` and `Convolution::load_model` of its sources. A weight begins with a tag that says
what follows; a layer with the parameter 8 reads, behind weight and bias, the scales of its weight (integers per unit,
one per output channel) and of its input, both symmetric.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from secateur.model.encoding import ActivationEncoding, WeightEncoding

_FLOAT32, _FLOAT16, _INT8 = 0, 0x01306B47, 0x000D4B38
_LEVELS: Final = 127

# layer → its parameters: results, whether it has a bias, entries of the weight
_PARAMETERS: Final = {"Convolution": (0, 5, 6), "ConvolutionDepthWise": (0, 5, 6), "InnerProduct": (0, 1, 2)}


@dataclass(frozen=True)
class Integers:
    """How a layer computes in integers: its weight's encoding, and the largest magnitude of its input."""

    weight: WeightEncoding
    largest_input: float


@dataclass(frozen=True)
class _Place:
    """Where the weight of a layer stands: line of the text, first byte (the tag), and the byte behind it."""

    line: int
    layer: str
    start: int
    end: int


def symmetric_limit(encoding: ActivationEncoding) -> float:
    """The largest magnitude that an encoded tensor can have."""
    steps = max(encoding.zero_point, (1 << encoding.bits) - 1 - encoding.zero_point)
    return float(steps * encoding.scale)


def store_integers(
    layers: str,
    weights: bytes,
    values: Mapping[str, NDArray[np.float32]],
    integers: Mapping[str, Integers],
    *,
    half: bool,
) -> tuple[str, bytes]:
    """The network with integer weights in these layers.

    `values` has the weights of all layers as they were converted, `half` says that pnnx stored them as float16.
    Layers that cannot be found keep their floats.
    """
    lines, parts, done = layers.splitlines(), [], 0
    for place in _places(lines, weights, values, half=half):
        encoded = integers.get(place.layer)
        if encoded is None:
            continue
        words = lines[place.line].split()
        parameters = _parameters(words)
        results, bias, _ = (parameters.get(key, 0) for key in _PARAMETERS[words[0]])
        tail = place.end + (4 * results if bias else 0)
        parts += [weights[done : place.start], _integer_weight(values[place.layer], encoded.weight)]
        parts += [weights[place.end : tail], _scales(encoded, results)]
        lines[place.line] = f"{lines[place.line]} 8=1"
        done = tail
    return "\n".join(lines) + "\n", b"".join([*parts, weights[done:]])


def _places(
    lines: list[str], weights: bytes, values: Mapping[str, NDArray[np.float32]], *, half: bool
) -> Iterator[_Place]:
    """Every layer of the text whose weight is found, in order: both files go through the layers alike."""
    patterns = {name: _stored(value, half=half) for name, value in values.items()}
    cursor = 0
    for number, line in enumerate(lines):
        words = line.split()
        if not words or words[0] not in _PARAMETERS:
            continue
        parameters = _parameters(words)
        results, _, entries = (parameters.get(key, 0) for key in _PARAMETERS[words[0]])
        fitting = [name for name, value in values.items() if value.size == entries and value.shape[0] == results]
        found = [(start, name) for name in fitting if (start := weights.find(patterns[name], cursor)) >= 0]
        if found:
            start, name = min(found)
            cursor = start + len(patterns[name])
            yield _Place(number, name, start, cursor)


def _parameters(words: list[str]) -> dict[int, int]:
    """The whole-numbered parameters of a line (`0=16 1=3 …`); the rest are none of ours."""
    pairs = (word.partition("=") for word in words if "=" in word)
    return {int(key): int(value) for key, _, value in pairs if value.isdigit() and key.isdigit()}


def _stored(value: NDArray[np.float32], *, half: bool) -> bytes:
    """A float weight as it stands in the file: tag, numbers, and zeros up to a multiple of four."""
    return (
        _tagged(_FLOAT16, value.astype("<f2").tobytes()) if half else _tagged(_FLOAT32, value.astype("<f4").tobytes())
    )


def _integer_weight(value: NDArray[np.float32], encoding: WeightEncoding) -> bytes:
    return _tagged(_INT8, encoding.quantize(value).tobytes())


def _tagged(tag: int, numbers: bytes) -> bytes:
    return struct.pack("<I", tag) + numbers + bytes(-len(numbers) % 4)


def _scales(integers: Integers, results: int) -> bytes:
    """What stands behind weight and bias: integers per unit of each channel's weight, and of the input."""
    steps = np.broadcast_to(integers.weight.scale, (results,)).astype(np.float64)
    of_input = _LEVELS / max(integers.largest_input, float(np.finfo(np.float32).tiny))
    return np.append(1.0 / steps, of_input).astype("<f4").tobytes()
