"""Integers put into a converted ncnn network: what is replaced, and what stays byte for byte."""

import struct
from typing import Any

import numpy as np
import pytest

from secateur.formats.devices.ncnn_int8 import Integers, store_integers, symmetric_limit
from secateur.model.encoding import ActivationEncoding, WeightEncoding

RANDOM = np.random.default_rng(3)
CONV = RANDOM.standard_normal((4, 3, 3, 3)).astype(np.float32)
HEAD = RANDOM.standard_normal((5, 4)).astype(np.float32)
BIAS = {"conv": RANDOM.standard_normal(4).astype(np.float32), "head": RANDOM.standard_normal(5).astype(np.float32)}
LAYERS = """7767517
4 4
Input                    in0      0 1 in0
Convolution              conv_0   1 1 in0 1 0=4 1=3 11=3 5=1 6=108 9=1
Reduction                mean     1 1 1 2 0=3 1=0 -23303=2,1,2
InnerProduct             linear_1 1 1 2 out0 0=5 1=1 2=20
"""


def stored(*, half: bool = False) -> bytes:
    tag, kind = (0x01306B47, "<f2") if half else (0, "<f4")
    weights = (CONV, BIAS["conv"], HEAD, BIAS["head"])
    parts = [
        struct.pack("<I", tag) + value.astype(kind).tobytes() if value.ndim > 1 else value.tobytes()
        for value in weights
    ]
    return b"".join(parts)


def encoding(weight: np.ndarray[Any, Any]) -> WeightEncoding:
    return WeightEncoding(8, (np.abs(weight.reshape(len(weight), -1)).max(1) / 127).astype(np.float32))


@pytest.mark.parametrize("half", [False, True])
def test_weight_and_scales_stand_where_ncnn_reads_them(half: bool) -> None:
    encoded = encoding(CONV)
    layers, weights = store_integers(
        LAYERS, stored(half=half), {"a": CONV, "b": HEAD}, {"a": Integers(encoded, 2.54)}, half=half
    )
    assert [line.endswith(" 8=1") for line in layers.splitlines()] == [False, False, False, True, False, False]
    (tag,) = struct.unpack_from("<I", weights)
    assert tag == 0x000D4B38
    place = 4 + CONV.size  # 108 is a multiple of four: no padding
    np.testing.assert_array_equal(np.frombuffer(weights, np.int8, CONV.size, 4), encoded.quantize(CONV).reshape(-1))
    np.testing.assert_array_equal(np.frombuffer(weights, "<f4", 4, place), BIAS["conv"])
    scales = np.frombuffer(weights, "<f4", 5, place + 16)
    np.testing.assert_allclose(scales[:4] * encoded.scale, 1.0, rtol=1e-6)
    assert scales[4] == pytest.approx(127 / 2.54)
    behind = stored(half=half)
    assert weights[place + 16 + 20 :] == behind[len(behind) - len(weights[place + 36 :]) :]


def test_nothing_to_encode_changes_nothing() -> None:
    assert store_integers(LAYERS, stored(), {"a": CONV, "b": HEAD}, {}, half=False) == (LAYERS, stored())


def test_a_layer_that_the_converter_rewrote_keeps_its_floats() -> None:
    integers = {"a": Integers(encoding(CONV), 1.0)}
    assert store_integers(LAYERS, stored(), {"a": CONV * 2, "b": HEAD}, integers, half=False) == (LAYERS, stored())


def test_the_second_layer_is_found_behind_the_first() -> None:
    integers = {"b": Integers(encoding(HEAD), 1.0)}
    layers, weights = store_integers(LAYERS, stored(), {"a": CONV, "b": HEAD}, integers, half=False)
    assert layers.splitlines()[5].endswith("2=20 8=1")
    first = 4 + CONV.nbytes + 16
    assert weights[:first] == stored()[:first]
    assert struct.unpack_from("<I", weights, first) == (0x000D4B38,)


@pytest.mark.parametrize("zero_point", [0, 33, 128, 255])
def test_no_value_of_a_tensor_is_beyond_its_symmetric_limit(zero_point: int) -> None:
    encoded = ActivationEncoding(0.02, zero_point)
    values = 0.02 * (np.arange(256) - zero_point)
    assert symmetric_limit(encoded) == pytest.approx(np.abs(values).max())
