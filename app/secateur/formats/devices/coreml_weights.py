"""Encoded weights inside a Core ML program: put in by a pass of the converter, read back from a package.

This file is about coremltools and nothing else, and is imported lazily.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from coremltools import PassPipeline
from coremltools.converters.mil.frontend.milproto.load import load
from coremltools.converters.mil.mil import Builder, types
from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
from coremltools.converters.mil.mil.passes.helper import block_context_manager
from coremltools.converters.mil.mil.passes.pass_registry import PASS_REGISTRY
from numpy.typing import NDArray

from secateur.model.encoding import WeightEncoding

_STORING: Final = "secateur::store_encodings"
_PALETTES: Final = {1: types.np_uint1_dtype, 2: types.np_uint2_dtype, 3: types.np_uint3_dtype, 4: types.np_uint4_dtype}


def pipeline_with(encodings: Mapping[str, WeightEncoding], *, has_int4: bool) -> PassPipeline:
    """The converter's own passes, and behind them one that stores these constants of the program encoded.

    `has_int4`: 4 bits as integers with a scale per channel, not as palettes.
    """
    pipeline = PassPipeline.DEFAULT
    if encodings:
        namespace, _, name = _STORING.partition("::")
        PASS_REGISTRY.add(namespace, _storing(encodings, has_int4=has_int4), override=True, name=name)
        pipeline.append_pass(_STORING)
    return pipeline


def _storing(encodings: Mapping[str, WeightEncoding], *, has_int4: bool) -> type[AbstractGraphPass]:
    class StoreEncodings(AbstractGraphPass):  # type: ignore[misc]
        """Replaces constants by the operators that decode them."""

        def apply(self, program: Any) -> None:
            for function in program.functions.values():
                _store(function, encodings, has_int4)

    return StoreEncodings


@block_context_manager  # type: ignore[untyped-decorator]
def _store(block: Any, encodings: Mapping[str, WeightEncoding], has_int4: bool) -> None:
    for operation in list(block.operations):
        name = _original(operation.name)
        if operation.op_type == "const" and name in encodings:
            old = operation.outputs[0]
            new = _encoded(old.val, encodings[name], operation, has_int4=has_int4)
            block.replace_uses_of_var_after_op(anchor_op=operation, old_var=old, new_var=new, no_check_var_types=True)
            block.remove_ops([operation])


def _encoded(values: NDArray[Any], encoding: WeightEncoding, before: Any, *, has_int4: bool) -> Any:
    """The operator whose result is the rounded weight in the dtype of `values`, under the constant's name."""
    integers = encoding.quantize(values.astype(np.float32))
    scale = encoding.scale.astype(values.dtype)
    named = {"before_op": before, "name": f"{before.name}_encoded"}
    if encoding.granularity == "group" or encoding.is_affine:
        return _in_blocks(integers, scale, encoding, named)
    if encoding.bits > 4:
        return Builder.constexpr_affine_dequantize(
            quantized_data=integers,
            zero_point=np.int8(0),
            scale=scale if encoding.axis is not None else scale.reshape(()),
            axis=encoding.axis or 0,
            **named,
        )
    shape = [1] * values.ndim
    if encoding.axis is not None:
        shape[encoding.axis] = -1
    if encoding.bits == 4 and has_int4:
        return Builder.constexpr_blockwise_shift_scale(
            data=integers.astype(types.np_int4_dtype), scale=scale.reshape(shape), **named
        )
    low = -(1 << (encoding.bits - 1))
    levels = np.arange(low, -low, dtype=np.float32)
    table = (encoding.scale.reshape(*shape, 1) * levels).astype(values.dtype)[..., None]
    indices = (integers - low).astype(_PALETTES[encoding.bits])
    return Builder.constexpr_lut_to_dense(indices=indices, lut=table, **named)


def _in_blocks(integers: NDArray[Any], scale: NDArray[Any], encoding: WeightEncoding, named: dict[str, Any]) -> Any:
    """Blocks of one size along every axis, which is how Core ML finds out how large they are."""
    kinds = {
        (4, False): types.np_int4_dtype, (4, True): types.np_uint4_dtype, (8, False): np.int8, (8, True): np.uint8,
    }  # fmt: skip
    kind = kinds[encoding.stored_bits, encoding.is_affine]
    shape = scale.shape
    if encoding.granularity != "group":
        shape = tuple(scale.size if place == encoding.axis else 1 for place in range(integers.ndim))
    offset = {} if encoding.zero_point is None else {"offset": encoding.zero_point.reshape(shape).astype(kind)}
    return Builder.constexpr_blockwise_shift_scale(
        data=integers.astype(kind), scale=scale.reshape(shape), **offset, **named
    )


def _original(name: str) -> str:
    """A constant's name before it was encoded and before the converter rounded it to half precision."""
    return name.removesuffix("_encoded").removesuffix("_to_fp16")


def decoded_constants(model: Any) -> dict[str, NDArray[np.float32]]:
    """Name → value of every constant of a package, decoded where it is encoded (under the name that it had before)."""
    spec = model.get_spec()
    program = load(spec, spec.specificationVersion, str(Path(model.weights_dir)))
    found: dict[str, NDArray[np.float32]] = {}
    for function in program.functions.values():
        for operation in function.operations:
            if operation.op_type == "const":
                value = operation.outputs[0].val
            elif operation.op_type.startswith("constexpr_"):
                value = operation.materialized_val_inference()
            else:
                continue
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                found[_original(operation.outputs[0].name)] = value.astype(np.float32)
    return found
