"""Every ordered pair of methods on the bundled sample: it works, or it is refused before anything is done."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from secateur.engine.jobs.applying import layers_left
from secateur.formats import format_named
from secateur.formats.describing.describe import describe
from secateur.formats.proving.verify import export
from secateur.formats.reading import open_model
from secateur.graph.context import Context
from secateur.graph.coupling.channels import couplings
from secateur.graph.lowering import lower
from secateur.methods import METHODS
from secateur.methods.base import Method
from secateur.model.description import ModelDescription, ModelSource
from secateur.recipe.recipe import Recipe, Step
from secateur.recipe.resolve import Plan, resolve

pytestmark = pytest.mark.slow

SAMPLES = 64


class FewDigits:
    """So many samples of the sample's data that training takes a moment."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)

    def size(self, split: str) -> int:
        return min(SAMPLES, self._data.size(split))

    def batches(self, split: str, batch_size: int, limit: int | None = None) -> Any:
        return self._data.batches(split, batch_size, min(limit or SAMPLES, SAMPLES))


@pytest.fixture(scope="module")
def sample() -> tuple[Any, ModelDescription, Any]:
    from secateur.data.source import DataSource
    from secateur.data.sources import open_data

    model = lower(open_model(ModelSource("sample:model")))  # once for all pairs
    return (
        model,
        describe(model).with_couplings(couplings(model)),
        FewDigits(open_data(DataSource("sample:mnist"), model.inputs)),
    )


def step_of(kind: type[Method], layers: tuple[str, ...]) -> Step:
    """The method with parameters that make it short, on layers that it supports."""
    short: dict[str, Any] = {"epochs": 1, "samples": 64, "ratio": 0.5}
    method = kind(**{name: value for name, value in short.items() if name in kind.model_fields})
    return Step(method, layers if method.scope == "layer" else ())


@pytest.fixture(scope="module")
def applied(sample: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Step], Any]:
    """The sample after a first step, which every pair that begins with it goes on from."""
    model, _, data = sample
    folder = tmp_path_factory.mktemp("first")
    made: dict[Step, Any] = {}

    def after(step: Step) -> Any:
        if step not in made:
            context = Context(data=data, original=model, folder=folder / f"{len(made)}")
            made[step] = step.method.apply(model, layers_left(model, step.layers), context)
        return made[step]

    return after


@pytest.mark.parametrize(("first", "second"), list(product(METHODS, METHODS)), ids=lambda kind: kind.id)
def test_two_methods_in_any_order_work_or_are_refused_before_they_start(
    first: type[Method], second: type[Method], sample: Any, applied: Callable[[Step], Any], tmp_path: Any
) -> None:
    original, description, data = sample
    free = [layer.name for layer in description.weighted_layers if not layer.fixed_channels]
    ours, theirs = (free[1],), (free[2],) if first.family == second.family == "quantize" else (free[1],)
    plan = resolve(Recipe((step_of(first, ours), step_of(second, theirs))), description)
    if not isinstance(plan, Plan):
        assert first.family == "quantize"
        assert not second.works_on_encoded
        assert f"({second.id}) cannot come after step 1 ({first.id})" in plan[0].sentence
        return
    begin, *others = plan.steps
    model = applied(begin)
    for number, step in enumerate(others):
        context = Context(data=data, original=original, folder=tmp_path / f"step-{number}")
        model = step.method.apply(model, layers_left(model, step.layers), context)
    inputs = next(iter(data.batches("test", 64))).first
    written = export(model, format_named("onnx"), tmp_path / "model.onnx", [np.ascontiguousarray(inputs)])
    assert written.verdict == "proven", written.sentence
