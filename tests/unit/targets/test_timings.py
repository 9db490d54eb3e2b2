"""Milliseconds: what is measured once, what a plan is predicted to take, and what borders between precisions cost."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from secateur.engine.jobs.timing import timed
from secateur.model.workload import BETWEEN, FLOAT, Precision, Workload
from secateur.targets.flow import Flow
from secateur.targets.kept import TimingStore
from secateur.targets.kernels import LEAST_OF_WHAT_IS_TOLD, spread_of
from secateur.targets.onnxruntime import OnnxRuntime
from secateur.targets.recording import Recording, recording_here
from secateur.targets.timings import Spread, Timings

INT8 = Precision(8, 8)
CONV = Workload("conv", 8, 8, (10, 10), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1))
NAMES = ("a", "b", "c")
INT8_ALONE = 1.2 - 0.5 / 3
"""A layer in integers with its share of the rest: all three take 3.6, of which 0.5 goes into rounding the input."""

CHAIN = Flow({"a": ("x",), "b": ("a",), "c": ("b",)}, frozenset(NAMES))
KERNELS = {CONV: 2.0, CONV.at(INT8): 1.0, CONV.at(BETWEEN): 5.0}


def timings(**changes: object) -> Timings:
    kernels = {work: Spread(ms, ms, ms) for work, ms in KERNELS.items()}
    kernels[CONV] = Spread(2.0, 2.0, 2.0, enter=0.0, leave=0.0)
    kernels[CONV.at(INT8)] = Spread(1.0, 1.0, 1.0, enter=0.5, leave=0.25)
    known = Timings("fake", 1, dict.fromkeys(NAMES, (CONV,)), kernels, {FLOAT: 7.5, INT8: 3.6}, CHAIN)
    return replace(known, **changes)  # type: ignore[arg-type]


def plan(static: str) -> dict[str, tuple[Workload, ...]]:
    return {name: (CONV.at(INT8) if name in static else CONV,) for name in NAMES}


def test_the_network_as_it_is_takes_what_was_measured_of_it() -> None:
    assert timings().plan(plan("")) == pytest.approx(7.5)


def test_a_layer_in_integers_pays_for_its_borders_to_float() -> None:
    first = timings().plan(plan("a"))
    assert first == pytest.approx(2 * 2.5 + INT8_ALONE + 0.5 + 0.25)  # its input is quantized, its output dequantized


def test_a_float_layer_between_integers_is_computed_as_measured_there() -> None:
    known = timings()
    assert known.flow.rounded(("a", "c")).between == {"b"}
    assert known.plan(plan("ac")) == pytest.approx(INT8_ALONE * 2 + 2.5 + 3.0 + 0.5), "only what comes in is rounded"


def test_a_layer_whose_weights_alone_are_narrow_is_not_computed_as_a_float_one_between_integers() -> None:
    four = CONV.at(Precision(4))
    known = timings()
    known = replace(known, kernels={**known.kernels, four: Spread(9.0, 9.0, 9.0)})
    assert known.between((four,)) == 0.0
    assert known.between((CONV,)) == pytest.approx(3.0)


def test_a_network_all_in_integers_takes_what_was_measured_of_it_borders_included() -> None:
    known = timings(mixed=7.0, mixed_layers=frozenset("a"), mixed_precision=INT8)
    assert known.plan(plan("abc")) == pytest.approx(3.6)
    assert known.plan(plan("a")) == pytest.approx(7.0)


def test_a_network_that_is_quicker_than_its_kernels_is_predicted_as_measured_and_no_layer_takes_no_time() -> None:
    known = timings(mixed=7.0, mixed_layers=frozenset("a"), mixed_precision=INT8)
    quick = replace(known, wholes={**known.wholes, INT8: 0.2})
    assert quick.plan(plan("abc")) == pytest.approx(0.2)
    assert all(quick.of(works) > 0.0 for works in plan("abc").values())


def test_a_plan_with_a_layer_that_was_not_timed_has_no_milliseconds() -> None:
    assert timings().plan({**plan(""), "b": (CONV.narrowed(8, 5),)}) is None


def test_a_mixed_network_tells_how_much_of_the_borders_a_whole_one_pays() -> None:
    alone, borders = 2 * 2.5 + 1.2, 0.75 - 0.5 / 3  # a third of the input's rounding is in the layer already
    known = timings(mixed=alone + borders / 2, mixed_layers=frozenset("a"), mixed_precision=INT8)
    assert known.correction == pytest.approx(0.5)
    assert known.plan(plan("a")) == pytest.approx(alone + borders / 2)


def test_an_operator_is_in_integers_where_all_that_it_reads_is_rounded() -> None:
    flow = Flow({"a": ("x",), "b": ("x",), "add": ("a", "b"), "c": ("add",)}, frozenset(NAMES), frozenset({"add"}))
    assert "add" not in flow.rounded(("a", "b", "c")).quantized
    half = flow.rounded(("a", "c"))
    assert {"add"} <= half.quantized
    assert {"a"} <= half.dequantized


# ---------------------------------------------------------------------- measuring and keeping


class Counting(OnnxRuntime):
    """A target that measures without a clock, and counts what it was asked."""

    id = "counting"
    title = "Counting"
    runtime = "None"
    formats = ()

    def __init__(self) -> None:
        self.asked: list[Workload] = []

    def version(self) -> str:
        return "1"

    def kernel_times(
        self, works: Sequence[Workload], threads: int, check: Callable[[], None] = lambda: None
    ) -> list[Spread]:
        check()
        self.asked += works
        return [Spread(float(len(self.asked)), 0.0, 1.0, 0.1, 0.2) for _ in works]


def test_equal_workloads_are_measured_once_and_never_again_on_this_machine(tmp_path: Path) -> None:
    target = Counting()
    works = [CONV, CONV.at(INT8), CONV, CONV.at(INT8)]
    first = timed(works, target, TimingStore(tmp_path, target, 1), 1, lambda done, total: None)
    assert sorted(work.key for work in target.asked) == sorted({work.key for work in works})
    again = timed(works, target, TimingStore(tmp_path, target, 1), 1, lambda done, total: None)
    assert again == first
    assert len(target.asked) == 2


def test_other_threads_are_another_measurement(tmp_path: Path) -> None:
    target = Counting()
    TimingStore(tmp_path, target, 1).keep(CONV.key, Spread(1.0, 1.0, 1.0))
    assert TimingStore(tmp_path, target, 1).find(CONV.key) is not None
    assert TimingStore(tmp_path, target, 2).find(CONV.key) is None


def test_a_broken_file_is_measured_again(tmp_path: Path) -> None:
    target = Counting()
    store = TimingStore(tmp_path, target, 1)
    store.keep(CONV.key, Spread(1.0, 1.0, 1.0))
    for path in tmp_path.rglob("*.json"):
        path.write_text("{", encoding="utf-8")
    assert store.find(CONV.key) is None


def test_what_was_measured_before_a_cancel_is_kept(tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done:
            raise StoppedError

    target = Counting()
    store = TimingStore(tmp_path, target, 1)
    with pytest.raises(StoppedError):
        timed([CONV, CONV.narrowed(4, 4)], target, store, 1, stop)
    assert store.find(CONV.key) is not None
    assert store.find(CONV.narrowed(4, 4).key) is None


def test_a_profile_is_split_into_the_layer_and_its_borders() -> None:
    def event(name: str, operator: str, microseconds: int, dtype: str) -> dict[str, object]:
        arguments = {"op_name": operator, "input_type_shape": [{dtype: [1]}]}
        return {"cat": "Node", "name": f"{name}_kernel_time", "dur": microseconds, "args": arguments}

    run = [
        event("w", "DequantizeLinear", 5, "int8"),
        event("q", "QuantizeLinear", 7, "float"),
        event("conv", "Conv", 40, "float"),
        event("d", "DequantizeLinear", 3, "uint8"),
    ]
    spread = spread_of(run * 8)
    assert spread.typical == pytest.approx(0.045)
    assert spread.leave == pytest.approx(0.003)


def test_what_the_profile_itself_takes_is_in_no_kernel() -> None:
    def event(operator: str, microseconds: int, reads: int) -> dict[str, object]:
        arguments = {"op_name": operator, "input_type_shape": [{"float": [1]}] * reads, "output_type_shape": [{}]}
        return {"cat": "Node", "name": f"{operator}_kernel_time", "dur": microseconds, "args": arguments}

    run = [event("Conv", 40, 2), event("Relu", 3, 1)]
    recording = Recording(constant=0.001, each=0.002)
    assert spread_of(run * 8, recording).typical == pytest.approx(0.040 - 0.007 + 0.003 * LEAST_OF_WHAT_IS_TOLD)


def test_what_the_profile_adds_is_more_for_kernels_that_read_more() -> None:
    found = recording_here()
    assert found.constant >= 0.0
    assert found.at(10) >= found.at(2) >= 0.0
    assert found.at(10) < 1.0, "milliseconds, of a kernel that does nothing"
