"""Which channels autopilot takes: even shares, and between them more where little is lost for much time."""

from dataclasses import replace
from itertools import pairwise

import pytest
from coupled_layers import NAMES, TOGETHER, WIDTHS, model, table, timings

from secateur.model.description import Layer
from secateur.recipe.narrowing import Narrowing
from secateur.recipe.prunings import EVEN, Pruning, Prunings
from secateur.recipe.recipe import Recipe
from secateur.recipe.widths import channels_lost

HARM = {"stem": 3.0, "inner": 0.1, "outer": 3.0, "next": 1.0}
"""Of losing channels: the inner layer's go first, those that are added up go last."""


CHEAP_TOGETHER = dict.fromkeys(TOGETHER, 1e-4)


def damaged(harm):
    scores = table(1.0)
    rows = tuple(
        row.model_copy(update={"damage": row.damage * harm.get(row.layer, 1.0)})
        if row.damage is not None and row.option.startswith("channels")
        else row
        for row in scores.rows
    )
    return scores.model_copy(update={"rows": rows})


def prunings(described=None, known=None, step=8, harm=HARM):
    described = described or model()
    return Prunings(described, Narrowing(described, damaged(harm), known), step)


def widths_after(pruning: Pruning) -> dict[str, int]:
    lost = channels_lost(model(), Recipe(pruning.steps))
    return {name: WIDTHS[name][1] - (lost[name].outputs if name in lost else 0) for name in NAMES}


@pytest.mark.parametrize("known", [None, timings()], ids=["untimed", "timed"])
def test_a_larger_ratio_leaves_no_layer_wider_and_another_one_narrower(known) -> None:
    found = sorted(prunings(known=known).all(), key=lambda pruning: pruning.ratio)
    assert len(found) > len(EVEN) - 1, "there is something between the even shares"
    widths = [widths_after(pruning) for pruning in found]
    for wide, narrow in pairwise(widths):
        assert wide != narrow
        assert all(narrow[name] <= wide[name] for name in NAMES)
    assert all(width % 8 == 0 for each in widths for name, width in each.items() if name != "head")


def test_a_batch_norm_that_loses_channels_with_a_layer_costs_nothing() -> None:
    plain = model()
    norm = Layer("norm", "BatchNorm2d", None, None, 192, 0, 768)
    beside = replace(plain.bundles[1], outputs=(*plain.bundles[1].outputs, ("norm", 1)))
    with_norm = replace(plain, layers=(*plain.layers, norm), bundles=(plain.bundles[0], beside, plain.bundles[2]))
    found = [widths_after(pruning) for pruning in prunings(with_norm, timings()).all()]
    assert found == [widths_after(pruning) for pruning in prunings(known=timings()).all()]


@pytest.mark.parametrize("known", [None, timings()], ids=["untimed", "timed"])
def test_between_two_even_shares_those_layers_lose_more_that_lose_least_by_it(known) -> None:
    of = prunings(known=known)
    low, between, high = (widths_after(of.at(ratio)) for ratio in (0.25, 0.3125, 0.5))
    assert between["inner"] == high["inner"] < low["inner"]
    assert {name: between[name] for name in NAMES if name != "inner"} == {n: low[n] for n in NAMES if n != "inner"}
    of_more = widths_after(of.at(0.4375))
    assert of_more["next"] == high["next"], "the second cheapest is next"
    assert all(of_more[name] == low[name] for name in TOGETHER), "the dearest are last"


def test_layers_that_lose_channels_together_are_named_together() -> None:
    assert prunings(harm=HARM | CHEAP_TOGETHER).at(0.3125).steps[-1].layers == TOGETHER


def test_an_even_share_is_taken_of_all_layers() -> None:
    for ratio in EVEN[1:]:
        (step,) = prunings().at(ratio).steps
        assert step.layers == ("*",)
        assert step.method.width_after(64, 64) == 64 * (1 - ratio)


def test_nothing_is_taken_unevenly_where_it_is_not_known_what_leaves_together() -> None:
    unknown = replace(model(), bundles=())
    for pruning in prunings(unknown).all():
        (step,) = pruning.steps
        assert step.layers == ("*",)
        assert not pruning.widths


@pytest.mark.parametrize(
    ("step", "ratios"),
    [
        (8, [0.5, 0.75, 0.25, 0.625, 0.375, 0.125, 0.6875, 0.5625, 0.4375, 0.3125]),
        (32, [0.5, 0.75, 0.25, 0.375, 0.6875]),  # the others leave of 64, 96 and 128 what one of these does
        (128, []),
    ],
)
def test_ratios_that_leave_the_same_widths_are_trained_once(step: int, ratios: list[float]) -> None:
    unknown = replace(model(), bundles=())
    assert [pruning.ratio for pruning in prunings(unknown, step=step).all()] == ratios


def test_no_layer_is_said_to_lose_more_whose_width_stays() -> None:
    of = prunings(
        step=32, harm=HARM | CHEAP_TOGETHER
    )  # 64 channels: a quarter less and three eighths less are 64 and 64, half is 32
    even = {ratio: of.at(ratio).steps[0].method for ratio in EVEN[1:]}
    assert even[0.5].width_after(64, 64) == even[0.75].width_after(64, 64) == 32
    assert not set(of.at(0.625).steps[-1].layers) & set(TOGETHER)
