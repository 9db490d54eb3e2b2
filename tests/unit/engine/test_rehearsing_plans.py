"""What a plan's speed will be is tried before it is run, and said where it will be slower."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from secateur.engine.events import Finished, PlanRehearsed
from secateur.engine.jobs import rehearsing
from secateur.engine.reporting import Reporter
from secateur.engine.requests import RehearsePlan
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.formats.reading import open_model
from secateur.graph.lowering import graph_of
from secateur.graph.onnx_files.computed import optimized_graph
from secateur.graph.qdq.placing import encode
from secateur.methods import METHODS
from secateur.methods.base import Method
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.documents import Latency
from secateur.recipe.reading import parse_recipe
from secateur.recipe.recipe import Recipe


def latency(milliseconds: float) -> Latency:
    return Latency(median=milliseconds, p10=milliseconds, p90=milliseconds, runtime="ONNX Runtime", threads=1)


@pytest.fixture
def rehearsed(model: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The answer for a recipe, with these milliseconds for the original and the plan."""

    def ask(steps: list[dict[str, Any]], before: float, after: float) -> PlanRehearsed:
        ran = SimpleNamespace(count=0)

        def together(runs: Any, *arguments: Any, **keywords: Any) -> list[Latency]:
            for run in runs:
                run()
                ran.count += 1
            return [latency(before), latency(after)]

        monkeypatch.setattr(rehearsing, "measure_together", together)
        request = RehearsePlan(model, parse_recipe({"schema": 1, "steps": steps}))
        done = run_job(request, Reporter(1, lambda event: None), Workshop(1))
        assert isinstance(done, Finished), done
        assert ran.count == 2
        return done.result

    return ask


INT8 = {"method": "static_int8", "layers": ["*"]}


def test_a_plan_that_will_be_slower_is_told_before_it_is_run(rehearsed: Any) -> None:
    answer = rehearsed([INT8], before=0.10, after=0.15)
    assert len(answer.warnings) == 1
    assert "will be slower here than the original: 0.10" in answer.warnings[0]
    assert "leave the smallest in float" in answer.warnings[0]


def test_a_plan_that_will_be_faster_is_told_nothing_about(rehearsed: Any) -> None:
    assert rehearsed([INT8], before=0.15, after=0.10).warnings == ()


def test_every_kind_of_step_is_rehearsed_without_data(rehearsed: Any) -> None:
    steps = [{"method": "channel_pruning", "layers": ["0"], "ratio": 0.5, "round_to": 1, "criterion": "taylor"}]
    steps += [{"method": "magnitude_pruning", "layers": ["*"], "ratio": 0.5}, {"method": "distillation"}, INT8]
    assert rehearsed(steps, 0.1, 0.1).before is not None


@pytest.mark.parametrize("kind", METHODS, ids=lambda kind: kind.id)
def test_a_rehearsal_leaves_the_model_alone(kind: type[Method], model: Any) -> None:
    opened = open_model(model)
    before = {name: np.array(weight) for name, weight in opened.weights().items()}
    kind().rehearse(opened, ["3"])
    assert all(np.array_equal(before[name], weight) for name, weight in opened.weights().items())
    assert not opened.encodings


def test_a_rehearsed_static_network_has_the_kernels_of_the_real_one(model: Any) -> None:
    made = StaticInt8().rehearse(open_model(model), ["0", "3", "7"])
    kinds = [node.op_type for node in optimized_graph(encode(graph_of(made), made.encodings)).graph.node]
    assert kinds.count("QLinearConv") == 2
    assert kinds.count("QGemm") == 1


def test_a_plan_that_cannot_be_made_is_left_to_the_run_to_tell(model: Any) -> None:
    recipe = parse_recipe({"schema": 1, "steps": [{"method": "static_int8", "layers": ["nowhere"]}]})
    done = run_job(RehearsePlan(model, recipe), Reporter(1, lambda event: None), Workshop(1))
    assert done.result == PlanRehearsed()
    assert run_job(RehearsePlan(model, Recipe()), Reporter(1, lambda event: None), Workshop(1)).result.after is not None


def test_of_a_target_that_is_not_measured_here_its_word_is_told(model: Any) -> None:
    recipe = parse_recipe({"schema": 1, "steps": [{"method": "weight_only", "layers": ["*"], "bits": 4}]})
    done = run_job(RehearsePlan(model, recipe, "coreml"), Reporter(1, lambda event: None), Workshop(1))
    assert (done.result.before, done.result.after) == (None, None)
    assert done.result.warnings == ("0, 3 and 7: Core ML unpacks 4-bit weights to float before it computes.",)
