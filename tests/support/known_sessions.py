"""What the engine tells a session of small networks: descriptions, spectra, tables. No Qt, no torch."""

import numpy as np
from counted_spectra import spectrum

from secateur.engine.requests import DataSource
from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.model.spectrum import Spectra

NAMES = ("conv1", "conv2", "fc")


def description(fixed="The last layer."):
    """Three layers; the channels of the last must stay, for the reason `fixed`."""
    layers = tuple(
        Layer(
            n,
            "Conv2d",
            TensorInfo(n, "float32", (8, 4, 3, 3), 1152),
            params=288,
            macs=1000,
            size_bytes=1152,
            fixed_channels=fixed if n == "fc" else "",
        )
        for n in NAMES
    )
    return ModelDescription(
        "net", ModelSource("net.onnx"), "onnx", 5000, layers, (), (), overhead_bytes=500, fingerprint="f"
    )


def spectra():
    """The same of every layer."""
    one = spectrum(np.random.default_rng(0).standard_normal(288).astype(np.float32))
    return Spectra(one, one, np.zeros((8, 4), np.float32))


def table(depth="measure"):
    """Two options of every layer."""
    rows = tuple(
        SensitivityRow(layer=n, option=o, damage=d, bytes=b, macs=1000, measured=True, faster=o == "int8")
        for n in NAMES
        for o, d, b in (("int8", 0.001, 500), ("int4", 0.1, 300))
    )
    return SensitivityTable(
        depth=depth, metric="top1", unit="nats", samples=9, seconds=1, rank_correlation=0.9, rows=rows
    )


def with_data(session):
    session.update(data_source=DataSource("sample:mnist"), data=object())


def one_layer(name: str = "net") -> ModelDescription:
    """A network of one convolution, `conv`."""
    weight = TensorInfo("conv.weight", "float32", (8, 8, 1, 1), 256)
    layer = Layer("conv", "Conv2d", weight, None, 64, 6400, 256, (8, 10, 10), (1, 1))
    return ModelDescription(name, ModelSource(f"{name}.onnx"), "onnx", 400, (layer,), (), (), fingerprint=name)


def free_table(*rows: SensitivityRow) -> SensitivityTable:
    """Data-free scores."""
    return SensitivityTable(depth="free", metric="", unit="", samples=0, seconds=0.0, rank_correlation=None, rows=rows)


EIGHT_BITS = SensitivityRow(layer="conv", option="int8", damage=0.1, bytes=70, macs=6400)
"""What eight bits cost and harm the convolution of `one_layer`."""
