"""Padding as ONNX writes it (all beginnings, then all ends; or SAME), in torch's terms."""

from collections.abc import Sequence
from dataclasses import dataclass

from secateur.graph.onnx_import.values import OnnxNode


@dataclass(frozen=True, slots=True)
class Padding:
    """Entries added before and after each spatial axis."""

    begin: tuple[int, ...]
    end: tuple[int, ...]

    @property
    def is_even(self) -> bool:
        return self.begin == self.end

    @property
    def is_zero(self) -> bool:
        return not any(self.begin) and not any(self.end)


def pad_argument(begin: Sequence[int], end: Sequence[int]) -> list[int]:
    """The list that F.pad takes: last axis first, beginning and end in turn."""
    return [amount for pair in zip(reversed(begin), reversed(end), strict=True) for amount in pair]


def resolve_padding(
    node: OnnxNode,
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> Padding:
    """The padding of a convolution or pooling node; `sizes` are the spatial sizes of its input.

    SAME pads so that each output size is ceil(size / stride), the odd one at the end (SAME_UPPER) or beginning.
    """
    automatic, rank = node.word("auto_pad", "NOTSET"), len(kernel)
    if automatic in {"NOTSET", ""}:
        pads = tuple(int(amount) for amount in node.attributes.get("pads", (0,) * (2 * rank)))
        return Padding(pads[:rank], pads[rank:])
    if automatic == "VALID":
        return Padding((0,) * rank, (0,) * rank)
    begin, end = [], []
    for size, window, step, spread in zip(sizes, kernel, strides, dilations, strict=True):
        reach = (window - 1) * spread + 1
        total = max((-(-size // step) - 1) * step + reach - size, 0)
        first = total // 2 if automatic == "SAME_UPPER" else total - total // 2
        begin.append(first)
        end.append(total - first)
    return Padding(tuple(begin), tuple(end))
