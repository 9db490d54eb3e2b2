"""Writes docs/operators.md: how the importer fares with the operator tests that the onnx package ships.

python packaging/onnx_operators.py            run the tests and write the page (about half a minute)
python packaging/onnx_operators.py --check    exit with 1 where the page on disk is not what would be written
python packaging/onnx_operators.py Conv Pad   run the tests of these operators and print what went wrong
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnx
from onnx_suite import NodeTest, Outcome, load_tests, run_all

from secateur.graph.onnx_import.operators import OPERATORS

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "operators.md"
OUTSIDE: Final = "training, strings, sequences, optional values, control flow, random numbers, other domains"
LEGEND: Final = (
    "A float test is one with a floating-point input or output. Operators written out as functions repeat other "
    "tests; they are in no other count and not in the table.\n\n"
    "The tests feed everything as an input of the network, shapes, axes, scales and weights too. Each is run like "
    "that, with its whole-number inputs stored in the graph, and with all inputs but the first stored, as they are in "
    "real files. It passes where every form that can be imported is right; the third column counts those where the "
    "first form is refused, because the importer wants such a value to be known. Outputs are compared as onnx does "
    "it: relative 1e-3, absolute 1e-7, equal shapes and dtypes (three tests whose expected values are themselves off "
    "by rounding: absolute to the precision of the dtype). Torch does not compute in 2-bit and 4-bit numbers: they "
    "travel in 8-bit integers and 32-bit floats and are compared by value."
)


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the counted tests pass."""

    passed: int
    failed: int
    refused: int

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.refused

    def __str__(self) -> str:
        return f"{self.passed} of {self.total} ({100 * self.passed / max(self.total, 1):.1f} %)"


def counted(outcomes: Iterable[Outcome], wanted: Callable[[NodeTest], bool]) -> Share:
    verdicts = [outcome.verdict for outcome in outcomes if wanted(outcome.test)]
    return Share(verdicts.count("passed"), verdicts.count("failed"), verdicts.count("refused"))


def is_goal(test: NodeTest) -> bool:
    """Float tests of ai.onnx outside training, strings, sequences, optional values and control flow."""
    return not test.is_expanded and not test.outside and test.is_float


def page(tests: Sequence[NodeTest], outcomes: Sequence[Outcome]) -> str:
    """The whole of docs/operators.md."""
    plain = [outcome for outcome in outcomes if not outcome.test.is_expanded]
    columns = ("operator", "passed", "of these with stored inputs", "failed", "not supported")
    lines = [*_head(tests, outcomes), "", f"| {' | '.join(columns)} |", "|---|---:|---:|---:|---|"]
    names = {name for name in OPERATORS if "." not in name}
    names |= {outcome.test.operator for outcome in plain}
    names |= {schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain}
    lines += [_row(name, plain, tests) for name in sorted(names)]
    others = ", ".join(f"`{name}`" for name in sorted(OPERATORS) if "." in name)
    lines += ["", f"Operators of other domains that the importer takes, which the suite does not test: {others}."]
    return "\n".join(lines) + "\n"


def _head(tests: Sequence[NodeTest], outcomes: Sequence[Outcome]) -> list[str]:
    goal = counted(outcomes, is_goal)
    every = counted(outcomes, lambda test: not test.is_expanded)
    functions = counted(outcomes, lambda test: test.is_expanded)
    return [
        "# ONNX operators",
        "",
        "Written by `packaging/onnx_operators.py`; do not edit.",
        "",
        f"The operator tests of onnx {onnx.__version__}, each imported into torch and run:",
        "",
        f"- **Float tests of ai.onnx: {goal} pass**, {goal.failed} fail.",
        f"- All tests of ai.onnx: {every} pass, {every.failed} fail.",
        f"- Operators written out as the functions that define them: {functions} pass, {functions.failed} fail.",
        f"- {sum(bool(test.outside) for test in tests)} further tests are outside: {OUTSIDE}.",
        "",
        LEGEND,
    ]


def _row(name: str, outcomes: Iterable[Outcome], tests: Iterable[NodeTest]) -> str:
    own = [outcome for outcome in outcomes if outcome.test.operator == name]
    share = counted(own, lambda _: True)
    stored = sum(outcome.is_stored and outcome.verdict == "passed" for outcome in own)
    if not own:
        reasons = {test.outside for test in tests if test.operator == name} or {"no test in the suite"}
        said = "" if name in OPERATORS else "not supported; "
        return f"| {name} | | | | {said}{'; '.join(sorted(reasons))} |"
    refused = _refusals(name, own)
    return f"| {name} | {share.passed} | {stored or ''} | {share.failed or ''} | {refused} |"


def _refusals(name: str, outcomes: Iterable[Outcome]) -> str:
    reasons = [outcome.reason for outcome in outcomes if outcome.verdict == "refused"]
    if not reasons:
        return ""
    if name not in OPERATORS:
        return f"{len(reasons)}"
    said = sorted({reason.partition(" because ")[2].rstrip(".") or reason for reason in reasons})
    return f"{len(reasons)}: {'; '.join(said)}".replace("|", "\\|")


# ---------------------------------------------------------------------- command


def _report(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.verdict != "passed":
            print(f"{outcome.verdict:8}{outcome.test.name}: {outcome.reason}")


def main(words: Sequence[str]) -> int:
    tests = load_tests()
    operators = [word for word in words if not word.startswith("--")]
    if operators:
        _report(run_all(test for test in tests if test.operator in operators))
        return 0
    outcomes = run_all(tests)
    text = page(tests, outcomes)
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    if "--check" in words:
        print("Out of date: docs/operators.md. Run: python packaging/onnx_operators.py")
        return 1
    PAGE.write_text(text, encoding="utf-8")
    _report(outcomes)
    print("Written: docs/operators.md")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
