"""The operator tests that the onnx package ships, on the importer; docs/operators.md is written from the same run."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import onnx
import pytest

from secateur.graph.onnx_import.operators import OPERATORS

SCRIPTS = Path(__file__).resolve().parents[4] / "packaging"
SHARE = 0.75
"""Of the float tests of ai.onnx outside training, strings, sequences, optional values and control flow."""


@pytest.fixture(scope="module")
def script() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module("onnx_operators")


@pytest.fixture(scope="module")
def tests(script: ModuleType) -> Any:
    return script.load_tests()


@pytest.fixture(scope="module")
def outcomes(script: ModuleType, tests: Any) -> Any:
    return script.run_all(tests)


def test_the_suite_is_all_there(tests: Any) -> None:
    assert len(tests) >= 1884


@pytest.mark.parametrize("operator", sorted(name for name in OPERATORS if "." not in name))
def test_every_test_of_a_supported_operator_passes(operator: str, outcomes: Any) -> None:
    own = [outcome for outcome in outcomes if outcome.test.operator == operator]
    assert [f"{outcome.test.name}: {outcome.reason}" for outcome in own if outcome.verdict != "passed"] == []


def test_every_operator_of_the_table_is_tested(outcomes: Any) -> None:
    passed = {outcome.test.operator for outcome in outcomes if outcome.verdict == "passed"}
    untested = {name for name in OPERATORS if "." not in name} - passed
    assert untested <= {"GlobalLpPool", "SimplifiedLayerNormalization"}  # they have cases of their own


def test_operators_written_out_as_functions_pass_where_they_are_supported(outcomes: Any) -> None:
    functions = [outcome for outcome in outcomes if outcome.test.is_expanded]
    assert [f"{outcome.test.name}: {outcome.reason}" for outcome in functions if outcome.verdict == "failed"] == []
    assert len(functions) >= 300


def test_three_quarters_of_the_float_tests_are_supported(script: ModuleType, outcomes: Any) -> None:
    share = script.counted(outcomes, script.is_goal)
    assert share.total >= 900
    assert share.passed >= SHARE * share.total


def test_the_comparison_notices_a_wrong_number(script: ModuleType, tests: Any) -> None:
    from dataclasses import replace

    test = next(test for test in tests if test.name == "test_relu")
    wrong = replace(test, expected=(test.expected[0] + 0.01,))
    assert script.run_all([wrong])[0].verdict == "failed"


def test_the_page_of_operators_is_up_to_date(script: ModuleType, tests: Any, outcomes: Any) -> None:
    text = script.PAGE.read_text(encoding="utf-8")
    if f"onnx {onnx.__version__}," not in text:
        pytest.skip("the page was written with another release of onnx, which ships other tests")
    assert text == script.page(tests, outcomes), "Run: python packaging/onnx_operators.py"
