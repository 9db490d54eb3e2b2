"""The operators that ONNX Runtime's optimisers leave in a file, against ONNX Runtime."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import nn

from secateur.graph.homes import shipped
from secateur.graph.lowering import to_onnx
from secateur.graph.network import OnnxModel, TorchModel
from secateur.graph.onnx_import.check import AGREED, deviations, run_file, run_module
from secateur.graph.onnx_import.importer import ImportRefused, import_model
from secateur.graph.onnx_import.operators import OPERATORS
from secateur.model.description import Port

MICROSOFT = "com.microsoft"
_random = np.random.default_rng(3)


def values(*shape: int) -> np.ndarray:
    return (_random.standard_normal(shape) * 0.4).astype(np.float32)


def ones_until(*lengths: int, width: int) -> np.ndarray:
    return (np.arange(width) < np.asarray(lengths)[:, None]).astype(np.int32)


@dataclass(frozen=True)
class Case:
    """One node. `inputs` are, in order, arrays fed at run time (`given`), arrays stored in the file, or None."""

    operator: str
    inputs: tuple[Any, ...]
    given: tuple[int, ...] = (0,)
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ("y",)
    domain: str = MICROSOFT
    label: str = ""

    @property
    def key(self) -> str:
        return f"{self.domain}.{self.operator}" if self.domain else self.operator


IMAGE, WORDS, FLAT = values(2, 4, 6, 6), values(2, 5, 8), values(3, 6)
HEADS = {"num_heads": 2}
MASK = ones_until(5, 3, width=5)
QKV = (WORDS, values(8, 24), values(24))
THREE = (WORDS, values(2, 7, 8), values(2, 7, 8))
KERNEL, LINEAR, BIAS8 = values(4, 4, 3, 3), values(6, 5), values(8)
EMBEDDED = (
    _random.integers(0, 9, (2, 5)).astype(np.int32), _random.integers(0, 2, (2, 5)).astype(np.int32),
    values(9, 8), values(6, 8), values(2, 8), values(8), values(8), MASK,
)  # fmt: skip
POSITIONS = np.stack([np.arange(5), np.arange(5) + 1]).astype(np.int64)
CACHES = (values(10, 2), values(10, 2))

CASES = [
    *(Case("FusedConv", (IMAGE, KERNEL, values(4)), attributes={"activation": name, "pads": [1, 1, 1, 1]}, label=name)
      for name in ("Relu", "Sigmoid", "Tanh")),
    Case("FusedConv", (IMAGE, KERNEL, None, IMAGE * 2), (0, 3), {"activation": "Relu", "pads": [1] * 4}, label="sum"),
    Case("FusedConv", (IMAGE, KERNEL), attributes={"activation": "LeakyRelu", "activation_params": [0.2]},
         label="leaky"),
    Case("FusedConv", (IMAGE, KERNEL), attributes={"activation": "Clip", "activation_params": [-0.1, 0.3]},
         label="clip"),
    Case("FusedConv", (IMAGE, KERNEL), attributes={"activation": "HardSigmoid", "activation_params": [0.3, 0.4]},
         label="hard"),
    Case("FusedGemm", (FLAT, LINEAR, values(5)), attributes={"activation": "Relu"}),
    Case("FusedGemm", (FLAT, LINEAR.T.copy()), attributes={"activation": "LeakyRelu", "activation_alpha": 0.3,
                                                          "transB": 1}, label="leaky"),
    Case("FusedMatMul", (FLAT, LINEAR), attributes={"alpha": 0.5}, label="stored"),
    Case("FusedMatMul", (FLAT, LINEAR.T.copy()), attributes={"transB": 1}, label="stored turned"),
    Case("FusedMatMul", (WORDS, values(2, 7, 8)), (0, 1), {"transB": 1, "alpha": 0.35}, label="computed"),
    Case("FusedMatMul", (values(2, 8, 5), values(2, 8, 7)), (0, 1), {"transA": 1}, label="first turned"),
    *(Case(name, (WORDS,)) for name in ("Gelu", "FastGelu")),
    Case("QuickGelu", (WORDS,), attributes={"alpha": 1.5}),
    Case("FastGelu", (WORDS, BIAS8), label="with bias"),
    Case("BiasGelu", (WORDS, BIAS8)),
    Case("SimplifiedLayerNormalization", (WORDS, BIAS8), attributes={"axis": -1, "epsilon": 1e-5}, domain=""),
    Case("SkipLayerNormalization", (WORDS, values(2, 5, 8), BIAS8, values(8), values(8)), (0, 1), {"epsilon": 1e-5}),
    Case("SkipLayerNormalization", (WORDS, values(2, 5, 8), BIAS8, values(8)), (0, 1), outputs=("y", "", "", "sum"),
         label="with its sum"),
    Case("SkipSimplifiedLayerNormalization", (WORDS, values(2, 5, 8), BIAS8), (0, 1), {"epsilon": 1e-5}),
    Case("EmbedLayerNormalization", EMBEDDED, (0, 1, 7), {"epsilon": 1e-6}, ("y", "lengths")),
    Case("EmbedLayerNormalization", (EMBEDDED[0], None, *EMBEDDED[2:4], None, *EMBEDDED[5:7]), (0,), {},
         ("y", "lengths"), label="words alone"),
    Case("Attention", QKV, attributes=HEADS),
    Case("Attention", (*QKV, MASK), (0, 3), HEADS, label="mask"),
    Case("Attention", (*QKV, np.asarray([5, 3], np.int32)), (0, 3), HEADS, label="lengths"),
    Case("Attention", QKV, attributes={**HEADS, "unidirectional": 1}, label="causal"),
    Case("Attention", (WORDS, values(8, 20), values(20)), attributes={**HEADS, "qkv_hidden_sizes": [8, 8, 4]},
         label="uneven"),
    Case("Attention", (*QKV, None, None, values(1, 2, 5, 5)), attributes=HEADS, label="bias"),
    Case("MultiHeadAttention", THREE, (0, 1, 2), HEADS),
    Case("MultiHeadAttention", (*THREE, values(24)), (0, 1, 2), {**HEADS, "scale": 0.3}, label="bias"),
    Case("MultiHeadAttention", (*THREE, None, ones_until(7, 4, width=7)), (0, 1, 2, 4), HEADS, label="padding"),
    Case("RotaryEmbedding", (values(2, 3, 5, 4), POSITIONS, *CACHES), (0, 1)),
    Case("RotaryEmbedding", (values(2, 5, 12), POSITIONS, *CACHES), (0, 1), {"interleaved": 1, "num_heads": 3},
         label="flat"),
]  # fmt: skip
CASES = [case for case in CASES if case is not None]


def build(case: Case) -> tuple[onnx.ModelProto, list[np.ndarray]]:
    """The file of one node, and what it is fed."""
    names = ["" if value is None else f"layer.part{place}" for place, value in enumerate(case.inputs)]
    fed = [(names[place], case.inputs[place]) for place in case.given]
    graph = helper.make_graph(
        [
            helper.make_node(
                case.operator, names, list(case.outputs), "layer/Node", domain=case.domain, **case.attributes
            )
        ],
        "one",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(value.dtype), ["batch", *value.shape[1:]]
            )
            for name, value in fed
        ],
        [helper.make_empty_tensor_value_info(name) for name in case.outputs if name],
        [
            numpy_helper.from_array(value, names[place])
            for place, value in enumerate(case.inputs)
            if value is not None and place not in case.given
        ],
    )
    domains = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=domains, ir_version=9), [value for _, value in fed]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.operator} {case.label}".strip() for case in CASES])
def test_a_fused_operator_is_taken_apart_into_what_onnx_runtime_computes(case: Case) -> None:
    proto, arrays = build(case)
    module = import_model(proto)
    assert max(deviations(run_file(proto, arrays), run_module(module, arrays))) <= AGREED


WITH_WEIGHTS = [case for case in CASES if any(part.data_type == 1 for part in build(case)[0].graph.initializer)]


@pytest.mark.parametrize("case", WITH_WEIGHTS, ids=[f"{case.operator} {case.label}".strip() for case in WITH_WEIGHTS])
def test_a_gradient_reaches_every_stored_weight_of_a_fused_operator(case: Case) -> None:
    proto, arrays = build(case)
    module = import_model(proto)
    outputs = module(*(torch.from_numpy(array) for array in arrays))
    made = outputs if isinstance(outputs, tuple) else (outputs,)
    sum((value**2).sum() for value in made if value.is_floating_point()).backward()
    used = {name for name, value in module.named_parameters() if value.grad is None}
    stored = sum(tensor.data_type == onnx.TensorProto.FLOAT for tensor in proto.graph.initializer)
    assert not used
    assert case.operator == "RotaryEmbedding" or sum(1 for _ in module.parameters()) == stored


def test_every_fused_operator_of_the_table_has_a_case() -> None:
    # the older name of FusedMatMul, and two that the optimisers write into ONNX's own domain
    same = {f"{MICROSOFT}.{name}" for name in ("TransposeMatMul", "LayerNormalization", "SimplifiedLayerNormalization")}
    assert {name for name in OPERATORS if "." in name} - {case.key for case in CASES} == same


def test_fused_layers_are_ordinary_layers_that_methods_know() -> None:
    kinds = {}
    for case in CASES:
        layers = [
            part
            for part in import_model(build(case)[0]).modules()
            if next(iter(part.parameters(False)), None) is not None
        ]
        kinds.setdefault(case.operator, {type(part) for part in layers})
    assert kinds["FusedConv"] == {nn.Conv2d}
    assert kinds["FusedGemm"] == kinds["FusedMatMul"] == kinds["Attention"] == {nn.Linear}
    assert kinds["SkipLayerNormalization"] >= {nn.LayerNorm}
    assert kinds["SkipSimplifiedLayerNormalization"] == kinds["SimplifiedLayerNormalization"] == {nn.RMSNorm}
    assert kinds["EmbedLayerNormalization"] == {nn.Embedding, nn.LayerNorm}


def test_the_file_and_the_network_call_a_fused_layer_the_same() -> None:
    proto, _ = build(CASES[0])
    (name,) = OnnxModel("fused", proto, (), ()).weights()
    assert isinstance(import_model(proto).get_submodule(name), nn.Conv2d)


def test_attention_with_a_cache_is_refused_with_the_reason() -> None:
    proto, _ = build(Case("Attention", (*QKV, None, values(2, 2, 2, 3, 4)), (0, 4), HEADS))
    with pytest.raises(ImportRefused, match="cache"):
        import_model(proto)


def test_an_optimised_file_is_written_again_with_onnx_operators_alone(tmp_path: Path) -> None:
    case = CASES[0]
    proto, arrays = build(case)
    module = import_model(proto)
    model = TorchModel("fused", module, (Port("layer.part0", "float32", (None, 4, 6, 6)),),
                       (Port("y", "float32", (None, 4, 6, 6)),), lowered=shipped(proto, module))  # fmt: skip
    written = to_onnx(model)
    assert {node.domain for node in written.graph.node} <= {"", "ai.onnx"}
    assert max(deviations(run_file(proto, arrays), run_file(written, arrays))) <= AGREED
