"""`plan --check` tells predicted and measured side by side, in JSON and in words."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_instances import make_wide

from secateur.cli.commands import run
from secateur.model.plan_check import CheckedPlan, MeasuredPlan, PlanCheck
from secateur.recipe.check_words import check_sentences


def test_the_document_has_what_was_measured_beside_what_was_predicted(
    capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    made, recipe = make_wide(tmp_path), tmp_path / "recipe.yaml"
    arguments = ("plan", str(made.network), "--data", str(made.data), "--budget", "size=0.15", "--samples", "24")
    with pytest.raises(SystemExit) as end:
        run([*arguments, "--check", "-o", str(recipe), "--json"])
    assert not end.value.code
    told = json.loads(capsys.readouterr().out)
    best = told["check"]["plans"][told["check"]["best"]]
    assert told["measured"] == best["measured"]
    assert told["measured"]["samples"] == 19
    low, high = told["measured"]["damage_interval"]
    assert low <= told["measured"]["damage"] <= high
    assert told["predicted"]["damage"] > 0
    assert told["predicted"]["bytes"] <= told["limits"]["bytes"] * 1.01
    assert told["recipe"] == told["check"]["recipe"]


def measured(damage: float, after: float) -> MeasuredPlan:
    return MeasuredPlan(
        damage=damage, damage_interval=(damage / 2, damage * 2), unit="nats", samples=512, metric="top1",
        before=0.81, after=after, change=after - 0.81, change_interval=(after - 0.82, after - 0.80),
    )  # fmt: skip


def test_a_better_plan_is_told_with_its_interval_and_what_solving_again_was_worth() -> None:
    plans = (
        CheckedPlan(chosen={}, predicted=0.2, measured=measured(0.4, 0.76)),
        CheckedPlan(chosen={}, predicted=0.3, measured=measured(0.3, 0.78)),
    )
    words = " ".join(check_sentences(PlanCheck(recipe={}, plans=plans, best=1, interaction=2.0)))
    assert "81.0 → 78.0\u00a0%" in words
    assert "512 validation samples" in words
    assert "2.00 times" in words
    assert "0.75 times the damage of the first" in words


def test_a_plan_that_stays_is_told_as_it_is() -> None:
    plans = (CheckedPlan(chosen={}, predicted=None, measured=measured(0.4, 0.76)),)
    words = list(check_sentences(PlanCheck(recipe={}, plans=plans, best=0, interaction=None)))
    assert len(words) == 1
