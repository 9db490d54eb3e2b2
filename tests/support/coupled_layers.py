"""A network whose stem and block lose channels together, as it is described, its damages and its milliseconds."""

from dataclasses import replace

import numpy as np

from secateur.methods.facts import Facts
from secateur.model.description import ChannelBundle, Layer, ModelDescription, ModelSource, TensorInfo
from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.model.workload import FLOAT, Precision, Workload
from secateur.recipe.options import option
from secateur.targets.flow import Flow
from secateur.targets.timings import Spread, Timings

WIDTHS = {"stem": (3, 64), "inner": (64, 96), "outer": (96, 64), "next": (64, 128), "head": (128, 10)}
NAMES = tuple(WIDTHS)
ENCODINGS = ("int8", "w8", "int4", "int3", "int2")
TOGETHER = ("stem", "outer")
HARM = {"w8": 1e-4, "int8": 2e-4, "int4": 5e-3, "int3": 0.04, "int2": 0.5, "rank25": 0.01}


def layer(name):
    inputs, outputs = WIDTHS[name]
    size, macs = 4 * 9 * inputs * outputs, 9 * inputs * outputs * 64
    weight, bias = (
        TensorInfo(f"{name}.weight", "float32", (outputs, inputs, 3, 3), size),
        TensorInfo(f"{name}.bias", "float32", (outputs,), 4 * outputs),
    )
    made = Layer(name, "Conv2d", weight, bias, 9 * inputs * outputs + outputs, macs, size + 4 * outputs, kernel=(3, 3))
    mates = tuple(other for other in TOGETHER if other != name) if name in TOGETHER else ()
    return replace(made, coupled=mates, fixed_channels="These are the answers." if name == "head" else "")


def model():
    """A stem and a block that are added up, so that they lose channels together, and two layers behind them."""
    bundles = (
        ChannelBundle(64, (("stem", 1), ("outer", 1)), (("inner", 1), ("next", 1))),
        ChannelBundle(96, (("inner", 1),), (("outer", 1),)),
        ChannelBundle(128, (("next", 1),), (("head", 1),)),
    )
    layers = tuple(map(layer, NAMES))
    total = sum(one.size_bytes for one in layers)
    return ModelDescription(
        "m", ModelSource("m"), "onnx", total + 1000, layers, (), (), overhead_bytes=1000, bundles=bundles
    )


def table(of_channels, seed=0, options=ENCODINGS):
    """Damages of the encodings, and of 25 % fewer channels; 50 % do four times as much."""
    random, rows = np.random.default_rng(seed), []
    for one in model().layers:
        for name in options:
            costs = option(name).method.predict(one, Facts()).costs
            harm = HARM[name] * random.uniform(0.5, 1.5)
            rows.append(SensitivityRow(layer=one.name, option=name, damage=harm, bytes=costs.bytes, macs=costs.macs))
        for name, factor in (("channels25", 1.0), ("channels50", 4.0)):
            fixed, size = one.fixed_channels, one.size_bytes
            harm = None if fixed else of_channels * factor
            row = SensitivityRow(layer=one.name, option=name, damage=harm, bytes=size, macs=one.macs, unavailable=fixed)
            rows.append(row)
    return SensitivityTable(
        depth="measure", metric="top1", unit="nats", samples=1, seconds=0, rank_correlation=None, rows=tuple(rows)
    )


def timings():
    works = {n: (Workload("conv", i, o, (8, 8), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),) for n, (i, o) in WIDTHS.items()}
    kernels = {}
    for (work,) in works.values():
        for each in (option(name).method.computes_in for name in ENCODINGS):
            kernels[work.at(each)] = Spread(*[work.macs / 1e6 * (0.5 if each.is_static else 1.1)] * 3)
        kernels[work] = Spread(*[work.macs / 1e6] * 3)
    whole = sum(kernels[work].typical for (work,) in works.values())
    flow = Flow({b: (a,) for a, b in zip(["input", *NAMES], NAMES, strict=False)}, frozenset(NAMES))
    wholes = {FLOAT: whole, Precision(8, 8): whole / 2}
    return Timings("onnxruntime", 1, works, kernels, wholes, flow, channel_step=8)
