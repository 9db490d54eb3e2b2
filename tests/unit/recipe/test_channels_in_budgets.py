"""The budget solver takes channels out of coupled layers where that does least damage, and else lets them be."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from coupled_layers import ENCODINGS, NAMES, model, table, timings

from secateur.engine.jobs.budgeting import explain, find_front, find_least, solve
from secateur.engine.reporting import Reporter
from secateur.engine.solving import ExplainPlan, FindFront, FindLeast, PlanSolved, SolveBudget
from secateur.errors import UserError
from secateur.methods.distil.distillation import Distillation
from secateur.methods.facts import Facts
from secateur.methods.prune.channel import ChannelPruning
from secateur.recipe.binding import binding
from secateur.recipe.budget import Budget, NoPlan, Wish
from secateur.recipe.choices import channels_in, choices_of, least_bytes, named, parts, without_channels
from secateur.recipe.chosen import choice_in, recipe_of
from secateur.recipe.options import OPTIONS
from secateur.recipe.prediction import predict_plan
from secateur.recipe.recipe import Recipe, Step
from secateur.recipe.speed import plan_ms, to_be_timed
from secateur.recipe.speed_cost import speed_cost
from secateur.recipe.why import telling, why
from secateur.targets.timings import Spread


def predicted(recipe, known=None):
    return predict_plan(model(), dict.fromkeys(NAMES, Facts()), recipe, None, None, known)


def taken(chosen):
    return {name: channels_in(choice) for name, choice in chosen.items()}


def size(share):
    return {"bytes": share * model().source_bytes}


# ---------------------------------------------------------------------- bytes and milliseconds are the prediction's


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_with_channels_takes_what_is_predicted_of_its_recipe(seed):
    random, known = np.random.default_rng(seed), timings()
    budget = Budget(model(), table(0.01), known)
    widths = {g.name: str(random.choice(["channels25", "channels50"])) for g in budget.narrowing.groups}
    widths = {name: how for name, how in widths.items() if random.random() < 0.7}
    encodings = {name: str(random.choice(["", *ENCODINGS])) for name in NAMES}
    members = {n: widths.get(g.name, "") for g in budget.narrowing.groups for n in g.layers}
    chosen = {name: "+".join(filter(None, (members.get(name, ""), encodings[name]))) for name in NAMES}
    programme = budget.programme_of(chosen)
    items = programme.items_of(chosen)
    told = predicted(recipe_of(chosen, channel_step=budget.channel_step))
    assert programme.takes("bytes", items) == pytest.approx(told.bytes, abs=1) or not any(chosen.values())
    assert programme.takes("macs", items) == pytest.approx(told.macs, rel=1e-6)
    assert programme.chosen(items) == chosen


def all_timed(recipe, known, random):
    """The same, and all that a plan leads to besides."""
    new = to_be_timed(model(), recipe, known)
    return replace(known, kernels={**known.kernels, **{work: Spread(*[random.uniform(0.1, 2.0)] * 3) for work in new}})


@pytest.mark.parametrize("seed", range(20))
def test_milliseconds_that_the_solver_counts_are_those_of_the_plan(seed):
    random, known, scored = np.random.default_rng(seed), timings(), table(0.01, options=("int8", "int3", "rank25"))
    budget = Budget(model(), scored, known)
    widths = {g.name: str(random.choice(["", "channels25", "channels50"])) for g in budget.narrowing.groups}
    others = {name: str(random.choice(["", "int8", "int3", "rank25", "rank25+int8", "rank25+int3"])) for name in NAMES}
    members = {n: widths[g.name] for g in budget.narrowing.groups for n in g.layers}
    chosen = {name: named(filter(None, (members.get(name, ""), *parts(others[name])))) for name in NAMES}
    recipe = recipe_of(chosen, channel_step=budget.channel_step)
    untouched = recipe_of({name: without_channels(choice) for name, choice in chosen.items()})
    known = all_timed(recipe, all_timed(untouched, known, random), random)
    budget = Budget(model(), scored, known)
    programme = budget.programme_of(chosen)
    if not all((name, chosen[name]) in {(c.layer, c.option) for c in programme.choices} for name in NAMES):
        pytest.skip("one option by itself is as good as two of these")
    told = plan_ms(model(), recipe, known)
    assert programme.takes("latency_ms", programme.items_of(chosen)) == pytest.approx(told, rel=1e-9)


def test_milliseconds_of_measured_shapes_are_those_of_the_plan_and_of_others_in_proportion():
    known = timings()
    chosen = {"stem": "channels50", "inner": "", "outer": "channels50", "next": "", "head": ""}
    programme = Budget(model(), table(0.0), known).programme_of(chosen)
    items = programme.items_of(chosen)
    share = sum(w.macs for (w,) in known.layers.values())
    macs = predicted(recipe_of(chosen, channel_step=8)).macs
    assert programme.takes("latency_ms", items) == pytest.approx(known.whole * macs / share, rel=1e-6)
    narrow = replace(known.layers["inner"][0], inputs=32)
    quick = replace(known, kernels={**known.kernels, narrow: Spread(0.0, 0.0, 0.0)})
    measured = Budget(model(), table(0.0), quick).programme_of(chosen)
    own = known.kernels[known.layers["inner"][0]].typical / 2
    assert measured.takes("latency_ms", measured.items_of(chosen)) == pytest.approx(
        programme.takes("latency_ms", items) - own, rel=1e-6
    )


# ---------------------------------------------------------------------- where channels are cheap, and where dear


@pytest.mark.parametrize("known", [None, timings()], ids=["untimed", "timed"])
@pytest.mark.parametrize("share", [0.5, 0.2, 0.1])
def test_channels_that_cost_nothing_are_taken_by_coupled_layers_together(share, known):
    budget = Budget(model(), table(0.0), known)
    chosen = budget.solve(Wish(size(share)))
    without = budget.solve(Wish(size(share), narrows=False))
    assert taken(chosen)["stem"] == taken(chosen)["outer"]
    told = predicted(recipe_of(chosen, channel_step=budget.channel_step))
    assert told.bytes <= size(share)["bytes"] + 1
    damage = [budget.programme_of(c).takes("damage", budget.programme_of(c).items_of(c)) for c in (chosen, without)]
    assert damage[0] <= damage[1] * 1.11
    if share <= 0.2:
        assert any(taken(chosen).values())
        assert damage[0] < damage[1]


@pytest.mark.parametrize("known", [None, timings()], ids=["untimed", "timed"])
@pytest.mark.parametrize("share", [1.0, 0.3, 0.15, 0.1])
def test_where_channels_are_dear_the_plan_is_that_without_them(share, known):
    dear, none = table(100.0), table(100.0)
    none = none.model_copy(update={"rows": tuple(row for row in none.rows if row.option in ENCODINGS)})
    assert Budget(model(), dear, known).solve(Wish(size(share))) == Budget(model(), none, known).solve(
        Wish(size(share))
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cost", [0.002, 0.01, 0.05])
def test_the_widths_are_nearly_the_best_of_all_that_there_are(seed, cost):
    budget = Budget(model(), table(cost, seed))
    groups = budget.narrowing.groups
    for share in (0.2, 0.12, 0.08):
        least = np.inf
        for each in product(("", "channels25", "channels50"), repeat=len(groups)):
            programme = budget.at({g.name: how for g, how in zip(groups, each, strict=True) if how})
            found = programme.least({"damage": 1.0}, size(share), programme.worthwhile)
            least = least if found is None else min(least, programme.takes("damage", found[0]))
        chosen = budget.solve(Wish(size(share)))
        programme = budget.programme_of(chosen)
        assert programme.takes("damage", programme.items_of(chosen)) <= 1.15 * least


# ---------------------------------------------------------------------- limits that only channels reach


@pytest.mark.parametrize("limit", [0.4, 0.3])
def test_a_latency_that_only_channels_reach_is_met_with_the_fewest_that_are_needed(limit):
    known, budget = timings(), Budget(model(), table(0.05), timings())
    within = {"latency_ms": limit * known.whole}
    with pytest.raises(NoPlan):
        budget.solve(Wish(within, narrows=False))
    chosen = budget.solve(Wish(within))
    programme = budget.programme_of(chosen)
    assert programme.takes("latency_ms", programme.items_of(chosen)) <= within["latency_ms"] * (1 + 1e-9)
    widths = budget.narrowing.widths_of(chosen)
    for name in widths:
        fewer = budget.at({group: how for group, how in widths.items() if group != name})
        assert fewer.least({"damage": 1.0}, within, fewer.worthwhile) is None


def test_fewer_multiplications_are_reached_by_channels_alone():
    budget = Budget(model(), table(0.05))
    most = {"macs": 0.6 * model().macs}
    chosen = budget.solve(Wish(most))
    assert predicted(recipe_of(chosen, channel_step=8)).macs <= most["macs"]


def test_no_plan_is_answered_only_where_channels_cannot_help_and_they_count_for_the_smallest_file():
    budget = Budget(model(), table(0.05))
    smallest = find_least(FindLeast(model(), table(0.05))).bytes
    assert budget.solve(Wish({"bytes": smallest + 700}))
    with pytest.raises(NoPlan) as told:
        budget.solve(Wish({"bytes": smallest - 10}))
    assert f"{smallest:,} bytes" in told.value.hint
    assert all(taken(told.value.nearest)[name] == "channels50" for name in NAMES if name != "head")
    with pytest.raises(NoPlan):
        budget.solve(Wish({"bytes": smallest + 700}, narrows=False))


# ---------------------------------------------------------------------- pins


def test_a_pinned_layer_keeps_the_channels_of_its_group_as_they_are_pinned():
    budget = Budget(model(), table(0.0))
    chosen = budget.solve(Wish(size(0.12), pins={"outer": "int4"}))
    assert chosen["outer"] == "int4"
    assert taken(chosen)["stem"] == ""
    assert taken(chosen)["inner"]
    dear = Budget(model(), table(100.0)).solve(Wish(size(0.12), pins={"stem": "channels25+int8"}))
    assert dear["stem"] == "channels25+int8"
    assert taken(dear) == {"stem": "channels25", "outer": "channels25", "inner": "", "next": "", "head": ""}


def test_layers_of_one_group_cannot_be_pinned_to_different_channels():
    pins = {"stem": "channels25", "outer": "int8"}
    with pytest.raises(UserError, match="lose channels together"):
        Budget(model(), table(0.0)).solve(Wish(size(0.5), pins=pins))


# ---------------------------------------------------------------------- what is told of such plans


def test_a_plan_with_channels_can_be_told_drawn_and_explained():
    scores = table(0.0)
    answer = solve(SolveBudget(model(), scores, size(0.1), Recipe()))
    assert isinstance(answer, PlanSolved)
    budget = Budget(model(), scores)
    chosen = {name: choice_in(answer.recipe, name) for name in NAMES}
    assert chosen == budget.solve(Wish(size(0.1)))
    assert "fewer channels" in why(budget, chosen, size(0.1), "stem")
    assert telling(budget, chosen)
    assert binding(budget, chosen, size(0.1), {}) == {"bytes"}
    speed_cost(budget, chosen, size(0.1))
    told = explain(ExplainPlan(model(), scores, answer.recipe, size(0.1), "stem", True))
    assert told.sentence.startswith("stem is planned as")
    points = find_front(FindFront(model(), scores), Reporter(0, lambda event: None)).points
    assert all(one.damage > other.damage for one, other in pairwise(points))
    assert points[0].bytes <= find_least(FindLeast(model(), scores)).bytes + 2


def test_channels_come_before_the_encodings_in_one_step_for_each_ratio_in_the_targets_steps():
    chosen = dict.fromkeys(("stem", "outer"), "channels25+int8") | {"inner": "channels50", "next": "int4", "head": ""}
    steps = recipe_of(chosen, channel_step=16).steps
    assert [(s.layers, s.method.ratio, s.method.multiple) for s in steps if s.method.changes_widths] == [
        (("stem", "outer"), 0.25, 16),
        (("inner",), 0.5, 16),
    ]
    assert [step.method.changes_widths for step in steps] == [True, True, False, False]


def test_the_budget_replaces_its_own_channels_and_leaves_those_that_a_person_planned_otherwise():
    first = solve(SolveBudget(model(), table(0.0), size(0.1), Recipe())).recipe
    again = solve(SolveBudget(model(), table(0.0), size(0.1), first)).recipe
    assert [(s.method, s.layers) for s in again.steps] == [(s.method, s.layers) for s in first.steps]
    whole = solve(SolveBudget(model(), table(100.0), size(0.3), first)).recipe
    assert not any(step.method.changes_widths for step in whole.steps)
    for own in (
        (Step(ChannelPruning(ratio=0.3), ("inner",)),),
        (Step(ChannelPruning(), ("inner",)), Step(Distillation(epochs=1))),
    ):
        kept = solve(SolveBudget(model(), table(0.0), size(0.1), Recipe(own))).recipe
        assert [(s.method, s.layers) for s in kept.steps if s.method.changes_widths] == [(own[0].method, ("inner",))]


def test_in_the_widths_of_a_plan_its_channels_stay_unless_the_limits_need_others():
    first = solve(SolveBudget(model(), table(0.0), size(0.1), Recipe())).recipe
    narrow = [(s.method, s.layers) for s in first.steps if s.method.changes_widths]
    assert narrow
    wider = solve(SolveBudget(model(), table(100.0), size(0.3), first, near=True)).recipe
    assert [(s.method, s.layers) for s in wider.steps if s.method.changes_widths] == narrow
    assert wider != first
    tight = {"bytes": least_bytes(model(), choices_of(model(), table(0.0))) - 10.0}
    needed = solve(SolveBudget(model(), table(0.0), tight, Recipe(), near=True)).recipe
    assert needed == solve(SolveBudget(model(), table(0.0), tight, Recipe())).recipe


def test_without_knowing_what_leaves_together_no_channels_are_chosen():
    budget = Budget(replace(model(), bundles=()), table(0.0))
    assert not any(taken(budget.solve(Wish(size(0.15)))).values())
    assert budget.channel_step is None


def test_what_is_left_of_a_choice_without_channels_is_its_own_other_options():
    assert without_channels("channels25+int8") == "int8"
    assert without_channels("channels25") == ""
    assert {channels_in(each.id) for each in OPTIONS} == {"", "channels25", "channels50"}


def test_the_fastest_plan_loses_channels_and_a_budget_reaches_it():
    known, scores = timings(), table(0.05)
    least = find_least(FindLeast(model(), scores, known))
    whole = Budget(model(), scores, known).programme.fastest_ms()
    assert least.latency_ms < whole, "narrow layers are quicker"
    chosen = Budget(model(), scores, known).solve(Wish({"latency_ms": least.latency_ms * 1.01}))
    assert "channels50" in taken(chosen).values()
    assert find_least(FindLeast(model(), scores)).latency_ms is None
