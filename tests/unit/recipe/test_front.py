"""The front, pins, drops, the nearest plan and why: what a person asks of the solver besides one plan."""

import pytest
from four_layers import NAMES, model, table, table_of

from secateur.cli.budgets import aim, parse_budgets, parse_pins
from secateur.errors import UserError
from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.model.documents import SensitivityRow
from secateur.recipe.budget import Budget, NoPlan, Wish
from secateur.recipe.front import bought, front, point_of
from secateur.recipe.why import telling, why


def budget() -> Budget:
    return Budget(model(), table())


def test_two_methods_on_one_layer_are_chosen_where_no_option_alone_is_as_small_at_the_damage() -> None:
    chosen = budget().solve(Wish({"bytes": 100 + 4 * 49}))  # rank25 and int8: 150 * 130 / 400 bytes
    assert set(chosen.values()) == {"rank25+int8"}


@pytest.mark.parametrize("limit", [1700, 900, 600, 400])
def test_pinned_layers_stay_as_they_are_pinned_and_the_others_make_room(limit: int) -> None:
    pins = {"b": "int4", "c": ""}
    try:
        chosen = budget().solve(Wish({"bytes": limit}, pins=pins))
    except NoPlan:
        assert limit < 100 + 400 + 80 + 2 * 26
        return
    assert chosen["b"] == "int4"
    assert chosen["c"] == ""
    assert point_of(budget(), chosen).bytes <= limit


def test_a_pin_that_cannot_be_chosen_names_its_layer() -> None:
    with pytest.raises(UserError, match="b is pinned to 2-bit"):
        budget().solve(Wish({"bytes": 900}, pins={"b": "int2"}))


def test_where_the_drop_is_limited_the_file_is_the_smallest_that_it_allows() -> None:
    made = budget()
    point = point_of(made, made.solve(Wish({"damage": 0.02}, "bytes")))
    assert point.damage <= 0.02
    assert point.bytes < point_of(made, made.solve(Wish({"damage": 0.005}, "bytes"))).bytes
    assert bought(made, made.solve(Wish({"damage": 0.005}, "bytes")), 0.015) > 0


def test_a_limit_that_cannot_be_met_comes_with_the_nearest_plan() -> None:
    made = budget()
    with pytest.raises(NoPlan, match="smallest file") as caught:
        made.solve(Wish({"bytes": 110.0, "macs": 300.0}))
    nearest = caught.value.nearest
    assert nearest is not None
    assert "The nearest plan takes" in caught.value.hint
    assert made.solve(Wish(caught.value.reached)) is not None
    assert point_of(made, nearest).macs <= caught.value.reached["macs"] * (1 + 1e-9)


def test_along_the_front_plans_get_larger_and_do_less_damage_and_each_is_a_solved_plan() -> None:
    made = budget()
    points = front(made)
    assert len(points) > 4
    assert [p.bytes for p in points] == sorted({p.bytes for p in points})
    assert [p.damage for p in points] == sorted({p.damage for p in points}, reverse=True)
    assert points[0].bytes == min(p.bytes for p in points)
    assert all(p == point_of(made, p.chosen) for p in points)


def test_why_names_what_the_next_better_costs_and_the_next_smaller_saves_and_which_budget_has_no_room() -> None:
    made, limits = budget(), {"bytes": 620.0}
    chosen = made.solve(Wish(limits))
    sentence = why(made, chosen, limits, "d")
    assert sentence.startswith("d is planned as 8-bit static: float would do 0.000400 nats less damage")
    assert "for which the size budget has no room" in sentence
    assert "would save" in sentence
    assert telling(made, chosen, 2) == ("d", "c")


def test_budgets_of_drop_and_memory_are_read_and_what_shall_be_the_least() -> None:
    assert parse_budgets(["drop=1pt"], model(), per_damage=0.5) == {"damage": 0.02}
    assert parse_budgets(["memory=0.5", "size=least"], model(), memory_bytes=800.0) == {"memory_bytes": 400.0}
    assert [aim(t) for t in (["size=0.2"], ["drop=0.01"], ["drop=0.01", "latency=least"])] == [
        "damage",
        "bytes",
        "latency_ms",
    ]
    with pytest.raises(UserError, match="needs a limit"):
        aim(["latency=least"])


def test_pins_are_read_with_patterns() -> None:
    assert parse_pins(["[ab]=int8", "b=rank25+int8"], ["d"], model()) == {"a": "int8", "b": "rank25+int8", "d": ""}
    with pytest.raises(UserError, match="no layer 'x'"):
        parse_pins(["x=int8"], [], model())


def test_a_file_that_has_room_for_the_functions_of_one_width_alone_is_found() -> None:
    """Each width in planes brings functions of several hundred bytes: where they matter, fewer widths are a plan."""
    size = 4 * 4096
    layers = tuple(
        Layer(n, "Linear", TensorInfo(n, "float32", (64, 64), size), params=4096, macs=4096, size_bytes=size)
        for n in NAMES
    )
    rows = [
        SensitivityRow(layer=n, option=o, damage=d * (1 + i), bytes=b, macs=4096)
        for i, n in enumerate(NAMES)
        for o, b, d in (("int3", 1700, 0.2), ("int5", 2700, 0.02), ("int6", 3200, 0.01))
    ]
    made = Budget(ModelDescription("m", ModelSource("m"), "onnx", 4 * size, layers, (), ()), table_of(rows))
    smallest = 4 * 1700 + 920
    chosen = made.solve(Wish({"bytes": smallest + 1000}))
    assert set(chosen.values()) == {"int3"}
    assert point_of(made, made.solve(Wish({"bytes": smallest + 3000}))).bytes <= smallest + 3000
