"""The budget around a measured plan: its own damage is the measured one, others follow the slopes."""

import pytest
from four_layers import model, table_of

from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.recipe.around import Around, budget_around, choices_in, expected, near
from secateur.recipe.budget import Budget, Wish
from secateur.recipe.chosen import recipe_of

NAMES = ("a", "b", "c")
BYTES = {"w8": 100, "int6": 80, "int5": 65, "int4": 50, "int3": 40, "int2": 30}
PLAN = {"a": "int4", "b": "int4", "c": "int4"}


def table() -> SensitivityTable:
    return table_of(
        SensitivityRow(layer=n, option=o, damage=place / b**2, bytes=b, macs=100)
        for place, n in enumerate(NAMES, 1)
        for o, b in BYTES.items()
    )


def budget() -> Budget:
    return Budget(model(NAMES), table())


WISH = Wish({"bytes": 100 + 150})


def test_neighbours_are_those_beside_the_planned_choice_the_nearest_first() -> None:
    found = near(budget(), PLAN, WISH, reach=2)
    assert found["a"][0] == "int4"
    assert set(found["a"][1:3]) == {"int5", "int3"}
    assert set(found["a"][3:]) == {"int6", "int2"}


def test_a_pinned_layer_has_no_neighbours() -> None:
    found = near(budget(), PLAN, Wish(WISH.limits, pins={"b": "int4"}))
    assert found["b"] == ("int4",)
    assert len(found["a"]) > 1


def test_a_layer_at_the_end_of_its_front_has_neighbours_on_one_side() -> None:
    assert near(budget(), {**PLAN, "c": "int2"}, WISH, reach=1)["c"] == ("int2", "int3")


def around(cells: dict[tuple[str, str], float]) -> Around:
    return Around(PLAN, damage=0.4, simulated=0.5, cells=cells)


def test_the_planned_choices_do_the_damage_that_was_measured() -> None:
    made = budget_around(budget(), around({("a", "int3"): 0.8, ("b", "int5"): 0.4}))
    programme = made.programme
    assert programme.takes("damage", programme.items_of(PLAN)) == pytest.approx(0.4)
    other = {**PLAN, "a": "int3", "b": "int5"}
    assert programme.takes("damage", programme.items_of(other)) == pytest.approx(0.4 + (0.3 - 0.1) * 0.8)
    assert expected(around({("a", "int3"): 0.8, ("b", "int5"): 0.4}), other) == pytest.approx(0.56)


def test_solving_again_takes_bits_from_where_they_do_less_and_stays_within_the_limit() -> None:
    cells = {("a", "int3"): 0.51, ("b", "int5"): 0.1, ("c", "int3"): 0.9, ("c", "int5"): 0.45, ("a", "int2"): 0.52}
    found = budget_around(budget(), around(cells)).solve(WISH)
    assert found == {"a": "int2", "b": "int5", "c": "int4"}
    assert sum(BYTES[option] for option in found.values()) <= 150


def test_what_was_not_measured_is_not_chosen() -> None:
    found = budget_around(budget(), around({})).solve(Wish({"bytes": 100 + 400}))
    assert found == PLAN
    assert expected(around({}), {**PLAN, "a": "int5"}) is None


def test_a_limit_of_damage_is_that_of_the_plan_as_measured() -> None:
    cells = {("a", "int3"): 0.55, ("b", "int3"): 0.7}
    found = budget_around(budget(), around(cells)).solve(Wish({"damage": 0.45}, least="bytes"))
    assert found == {**PLAN, "a": "int3"}


@pytest.mark.parametrize("chosen", [PLAN, {"a": "", "b": "int8", "c": "rank25+int8"}])
def test_the_choices_of_a_plan_are_those_that_it_was_made_of(chosen: dict[str, str]) -> None:
    assert choices_in(recipe_of(chosen), model(NAMES)) == chosen
