"""Ready inputs on the disk for the small residual network, as a person's data set."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def noise_set(tmp_path: Path, lowered_network: Any) -> Any:
    """1,000 normal inputs of 10 classes, opened for the lowered network: 640 train, 160 choose."""
    from secateur.data.sources import open_data
    from secateur.engine.requests import DataSource

    random = np.random.default_rng(3)
    inputs = random.standard_normal((1000, 3, 12, 12)).astype(np.float32)
    np.savez(tmp_path / "noise.npz", inputs=inputs, labels=np.arange(1000) % 10)
    return open_data(DataSource(str(tmp_path / "noise.npz")), lowered_network.inputs)
