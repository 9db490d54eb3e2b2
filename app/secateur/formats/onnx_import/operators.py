"""The table of operators: one small function each, grouped by file."""

from typing import Final

from secateur.formats.onnx_import import (
    activation,
    arithmetic,
    convolution,
    indexing,
    linear,
    logic,
    normalization,
    pooling,
    reduction,
    resize,
    shape,
)
from secateur.formats.onnx_import.values import OperatorTable

OPERATORS: Final[OperatorTable] = {
    **convolution.OPERATORS,
    **linear.OPERATORS,
    **normalization.OPERATORS,
    **activation.OPERATORS,
    **pooling.OPERATORS,
    **arithmetic.OPERATORS,
    **reduction.OPERATORS,
    **shape.OPERATORS,
    **indexing.OPERATORS,
    **resize.OPERATORS,
    **logic.OPERATORS,
}
