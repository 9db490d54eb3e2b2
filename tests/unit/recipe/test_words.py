"""What a step is said to do."""

from secateur.methods.factorize.low_rank import LowRank
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.recipe.recipe import Step
from secateur.recipe.words import values_of


def said(method) -> str:
    return values_of(Step(method, ("conv1",))).replace("\u00a0", " ")


def test_a_choice_of_which_field_counts_is_said_by_that_field_alone():
    assert said(LowRank(by="rank_ratio", rank_ratio=0.1)) == "Rank ratio 10 %"
    assert said(LowRank(by="rank_ratio")) == "Rank ratio 25 %"
    assert said(LowRank(by="rank", rank=16)) == "Rank 16"


def test_what_is_as_by_default_is_not_said():
    assert said(StaticInt8()) == ""
