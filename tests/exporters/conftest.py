"""What the tests of the exporters share: the bundled sample, in float and quantized, and inputs for it."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secateur.formats import format_named
from secateur.formats.base import Format


@pytest.fixture
def installed() -> Callable[[str], Format]:
    """The format with an id; the test is skipped where its libraries are missing, unless all are required."""

    def find(name: str) -> Format:
        target = format_named(name)
        missing = target.missing()
        if missing:
            if os.environ.get("SECATEUR_EXPORTERS") == "required":
                pytest.fail(missing)
            pytest.skip(missing)
        return target

    return find


@pytest.fixture(scope="session")
def published() -> Callable[[str], Path]:
    """A file or folder of the published networks that `make test-exporters` fetches; the test is skipped without."""

    def find(place: str) -> Path:
        path = Path(sys.prefix) / "published" / place
        if not path.exists():
            if os.environ.get("SECATEUR_EXPORTERS") == "required":
                pytest.fail(f"{place} was not fetched")
            pytest.skip(f"{place} is not here: make test-exporters fetches it")
        return path

    return find


@pytest.fixture(scope="session")
def sample() -> Any:
    """The bundled model."""
    from secateur.formats.reading import open_model
    from secateur.model.description import ModelSource

    return open_model(ModelSource("sample:model"))


@pytest.fixture(scope="session")
def sample_data(sample: Any) -> Any:
    """The bundled data, prepared for the model."""
    from secateur.data.source import DataSource
    from secateur.data.sources import open_data

    return open_data(DataSource("sample:mnist"), sample.inputs)


@pytest.fixture(scope="session")
def sample_int8(sample: Any, sample_data: Any) -> Any:
    """The bundled model with static int8 on all its layers."""
    from secateur.graph.context import Context
    from secateur.methods.quantize.static_int8 import StaticInt8

    return StaticInt8().apply(sample, list(sample.weights()), Context(data=sample_data))


@pytest.fixture(scope="session")
def sample_int4(sample: Any, sample_data: Any) -> Any:
    """The bundled model with all weights in 4 bits."""
    from secateur.graph.context import Context
    from secateur.methods.quantize.weight_only import WeightOnly

    return WeightOnly(bits=4).apply(sample, list(sample.weights()), Context(data=sample_data))


@pytest.fixture(scope="session")
def sample_inputs(sample_data: Any) -> Any:
    """128 images of the test split."""
    return (sample_data.batch("test", range(128)).first,)
