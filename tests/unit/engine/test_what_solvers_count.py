"""What the solver counts of a plan of a real network is what is predicted of it, with channels, ranks, all widths."""

from dataclasses import dataclass

import numpy as np
import pytest
from small_instances import make_wide

from secateur.analysis.free import score_free
from secateur.engine.couplings import couplings_of
from secateur.engine.reporting import Reporter
from secateur.engine.workshop import Workshop
from secateur.methods.facts import Facts
from secateur.model.description import ModelDescription, ModelSource
from secateur.model.documents import SensitivityTable
from secateur.recipe.budget import Budget
from secateur.recipe.chosen import recipe_of
from secateur.recipe.options import OPTIONS, option
from secateur.recipe.prediction import predict_plan

QUIET = Reporter(1, lambda event: None)


@dataclass(frozen=True)
class Scored:
    model: ModelDescription
    facts: dict[str, Facts]
    table: SensitivityTable


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    workshop = Workshop(1)
    bench = workshop.bench(ModelSource(str(make_wide(tmp_path_factory.mktemp("wide")).network)), QUIET)
    model, facts = bench.description.with_couplings(couplings_of(bench, QUIET)), workshop.facts(bench, QUIET)
    table = score_free(model.weighted_layers, facts, OPTIONS)
    fixed = {layer.name for layer in model.weighted_layers if layer.fixed_channels}
    rows = tuple(
        row.model_copy(update={"damage": 0.1})
        if option(row.option).method.changes_widths and row.layer not in fixed
        else row
        for row in table.rows
    )
    return Scored(model, dict(facts), table.model_copy(update={"rows": rows}))


@pytest.mark.parametrize("seed", range(30))
def test_bytes_and_macs_are_those_that_are_predicted(scored: Scored, seed: int) -> None:
    random, budget = np.random.default_rng(seed), Budget(scored.model, scored.table)
    assert len(budget.narrowing.groups) == 3
    widths = {g.name: str(random.choice(["", "channels25", "channels50"])) for g in budget.narrowing.groups}
    programme = budget.at({name: how for name, how in widths.items() if how})
    items = np.array([random.choice(np.flatnonzero(programme.groups == g)) for g in range(len(programme.layers))])
    recipe = recipe_of(programme.chosen(items), channel_step=budget.channel_step)
    told = predict_plan(scored.model, scored.facts, recipe, None, None)
    assert programme.takes("bytes", items) == pytest.approx(told.bytes, abs=1)
    assert programme.takes("macs", items) == pytest.approx(told.macs, abs=1)
