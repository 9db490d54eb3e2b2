"""Networks whose layers are hard to tell apart."""

from dataclasses import replace

import pytest
from layers_in_rows import layer, network

from secateur.model.description import ModelDescription


@pytest.fixture
def mobile() -> ModelDescription:
    """50 layers: depthwise, and names that differ in the middle alone."""
    rows = [layer("features.0.conv", (32, 3, 3, 3), ms=0.3)]
    for block in range(1, 17):
        stem = f"features.{block}.conv.block"
        rows += [
            layer(f"{stem}.expand.conv", (128, 32, 1, 1), ms=10.12),
            layer(f"{stem}.depthwise.conv", (128, 1, 3, 3), 128, ms=0.05),
            layer(f"{stem}.project.conv", (32, 128, 1, 1), ms=0.1),
        ]
    return network([*rows, layer("classifier.1", (1000, 64), ms=0.1)], "mobile")


@pytest.fixture
def transformer() -> ModelDescription:
    """300 layers with long names that differ in the middle and at the end."""
    parts = (
        *("attention.self.query", "attention.self.key", "attention.self.value"),
        *("attention.output.dense", "intermediate.dense", "output.dense"),
    )
    names = (f"bert.encoder.layer.{block}.{part}" for block in range(50) for part in parts)
    return network([layer(name, (64, 64)) for name in names], "bert")


@pytest.fixture
def bare_weights(mobile) -> ModelDescription:
    """Tensors without a network."""
    rows = tuple(replace(row, kind="Tensor", macs=0, latency_ms=None) for row in mobile.layers)
    return replace(mobile, name="bare", layers=rows, runnable=False, trainable=False, reason="No network.")
