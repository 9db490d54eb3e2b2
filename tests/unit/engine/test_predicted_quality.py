"""The metric of a plan is predicted for every kind of data, with an interval that holds what then comes out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from small_instances import Instance, make_reader, make_shapes, make_table, make_two_inputs

from secateur.analysis.evaluation import predict
from secateur.engine.events import Finished
from secateur.engine.reporting import Reporter
from secateur.engine.requests import DataSource, Evaluate, ScoreSensitivity
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.graph.context import Context
from secateur.methods.prune.channel import ChannelPruning
from secateur.model.description import ModelSource
from secateur.model.documents import Evaluation, Predicted, SensitivityTable
from secateur.recipe.options import option
from secateur.recipe.prediction import predict_plan
from secateur.recipe.recipe import Recipe, Step

OPTIONS = ("int8", "int4", "int2", "prune50", "prune75")


class Known(NamedTuple):
    """A network with what was measured of it."""

    bench: Any
    facts: Any
    data: Any
    baseline: Evaluation
    table: SensitivityTable

    def predicted(self, method: Any, **changes: Any) -> Predicted:
        known = self._replace(**changes)
        recipe = Recipe((Step(method, ("*",)),))
        return predict_plan(self.bench.description, self.facts, recipe, known.table, known.baseline)


def done(request: Any, workshop: Workshop) -> Any:
    end = run_job(request, Reporter(1, lambda event: None), workshop)
    assert isinstance(end, Finished), end
    return end.result


@pytest.fixture(scope="module", params=[make_table, make_two_inputs, make_shapes, make_reader])
def known(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Known:
    make: Callable[[Path], Instance] = request.param
    instance, workshop = make(tmp_path_factory.mktemp("instance")), Workshop(1)
    source, data = ModelSource(str(instance.network)), DataSource(str(instance.data))
    baseline = done(Evaluate(source, data), workshop).evaluation
    table = done(ScoreSensitivity(source, data, "measure", OPTIONS, samples=64), workshop).table
    reporter = Reporter(1, lambda event: None)
    bench = workshop.bench(source, reporter)
    return Known(bench, workshop.facts(bench, reporter), workshop.data(bench, data, reporter), baseline, table)


def test_every_measured_cell_knows_what_it_does_to_the_metric(known: Known) -> None:
    cells = [row for row in known.table.rows if not row.unavailable]
    assert cells
    assert all(row.metric_drop is not None for row in cells)
    assert any(row.metric_drop for row in cells)


@pytest.mark.parametrize("name", ["int8", "int4"])
def test_what_comes_out_lies_in_the_interval_of_what_is_predicted(known: Known, name: str) -> None:
    method = option(name).method
    predicted = known.predicted(method)
    assert predicted.metric is not None
    assert predicted.metric_interval is not None
    assert predicted.metric_why_not == ""
    low, high = predicted.metric_interval
    assert low <= predicted.metric <= high
    layers = [layer.name for layer in known.bench.description.weighted_layers]
    result = method.apply(known.bench.model, layers, Context(data=known.data))
    made = predict(result.run_all, known.data, lambda done, total, text: None, text="")
    metric, before = known.data.task.score(made.answers, made.targets), known.baseline.metric
    assert before is not None
    samples = (before.ci95[1] - before.ci95[0]) / 2  # the cells were measured on others than these
    assert low - samples <= metric <= high + samples
    if name == "int8":
        assert high - low < 0.1


def test_where_nothing_measured_tells_there_is_a_sentence(known: Known) -> None:
    unknown = known.predicted(ChannelPruning(ratio=0.5))
    assert (unknown.metric, unknown.metric_interval) == (None, None)
    assert "known once the plan has run" in unknown.metric_why_not
    method = option("int8").method
    assert "once the sensitivity" in known.predicted(method, table=None).metric_why_not
    assert "where data tells" in known.predicted(method, baseline=None).metric_why_not
    rows = tuple(row.model_copy(update={"metric_drop": None}) for row in known.table.rows)
    unmeasured = known.predicted(method, table=known.table.model_copy(update={"rows": rows}))
    assert "could not be measured on these samples" in unmeasured.metric_why_not
    harmful = tuple(row.model_copy(update={"damage": 2.0}) for row in known.table.rows)
    beyond = known.predicted(method, table=known.table.model_copy(update={"rows": harmful}))
    assert "harm the answers beyond use" in beyond.metric_why_not


def test_few_cells_predict_without_an_interval(known: Known) -> None:
    row = next(row for row in known.table.rows if row.damage and 0 < row.damage < 0.5)
    alone = known.table.model_copy(update={"rows": (row,)})
    recipe = Recipe((Step(option(row.option).method, (row.layer,)),))
    found = predict_plan(known.bench.description, known.facts, recipe, alone, known.baseline)
    assert found.metric is not None
    assert found.metric_interval is None
