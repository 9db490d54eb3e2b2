"""Our encodings in ggml's blocks: the package that ggml's makers publish reads the values that were encoded."""

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType

from secateur.formats.weight_files.ggml_blocks import block_type, in_blocks, why_not_in_blocks
from secateur.methods.quantize.scales import encode_weight


def weight(rows: int = 12, length: int = 256, scale: float = 0.1) -> np.ndarray:
    return np.random.default_rng(0).laplace(scale=scale, size=(rows, length)).astype(np.float32)


@pytest.mark.parametrize("observer", ["minmax", "mse"])
@pytest.mark.parametrize("group", [32, 64, 128])
@pytest.mark.parametrize(
    ("bits", "is_affine", "kind"), [(4, False, "Q4_0"), (4, True, "Q4_1"), (8, False, "Q8_0"), (3, False, "Q4_0")]
)
@pytest.mark.parametrize("scale", [0.1, 1e-3, 30.0])
def test_every_value_comes_back_to_the_bit(
    bits: int, is_affine: bool, kind: str, group: int, observer: str, scale: float
) -> None:
    values = weight(scale=scale)
    encoding = encode_weight(values, bits, 0, observer, group_size=group, is_affine=is_affine)
    assert why_not_in_blocks(encoding, values.shape) is None
    assert block_type(encoding) == kind
    stored = in_blocks(encoding, values)
    back = gguf.quants.dequantize(stored, GGMLQuantizationType[kind])
    assert np.array_equal(back, encoding.round_trip(values))


def test_q4_0_of_the_maximum_is_what_ggml_itself_makes_of_it() -> None:
    values = weight()
    encoding = encode_weight(values, 4, 0, "minmax", group_size=32)
    ours = in_blocks(encoding, values).reshape(-1, 18)
    theirs = gguf.quants.quantize(values, GGMLQuantizationType.Q4_0).reshape(-1, 18)
    assert np.array_equal(ours[:, :2], theirs[:, :2])  # the scales
    assert np.mean(ours == theirs) > 0.97  # ggml rounds with the scale before it was rounded to float16


def test_what_blocks_cannot_hold_is_said() -> None:
    values = weight()
    assert "per channel" in (why_not_in_blocks(encode_weight(values, 4, 0), values.shape) or "")
    along_columns = encode_weight(np.ascontiguousarray(values.T), 4, 1, group_size=32)
    assert "last axis" in (why_not_in_blocks(along_columns, values.T.shape) or "")
    short = encode_weight(weight(length=100), 4, 0, group_size=32)
    assert "divide by 32" in (why_not_in_blocks(short, (12, 100)) or "")
    assert "zero points" in (why_not_in_blocks(encode_weight(values, 8, 0, group_size=32, is_affine=True), ()) or "")
    huge = encode_weight(values * np.float32(1e8), 4, 0, group_size=32)
    assert "float16" in (why_not_in_blocks(huge, values.shape) or "")
