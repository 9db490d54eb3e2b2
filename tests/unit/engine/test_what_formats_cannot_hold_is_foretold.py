"""Before a plan is run, what its export formats will make of its encodings is said."""

from secateur.engine.jobs.foretelling import foretold
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.recipe.resolve import Plan, PlannedStep


def test_a_plan_is_told_which_of_its_encodings_a_format_has_no_form_for() -> None:
    plan = Plan((PlannedStep(WeightOnly(bits=4, group_size=32), ("fc",)),))
    told = foretold(plan, ("onnx", "executorch", "gguf"))
    assert len(told) == 1
    assert told[0].startswith("ExecuTorch: ")
    assert "rounded floats" in told[0]


def test_nothing_is_foretold_where_all_is_held_or_nothing_encoded() -> None:
    plan = Plan((PlannedStep(MagnitudePruning(), ("fc",)), PlannedStep(StaticInt8(), ("fc",))))
    assert foretold(plan, ("onnx", "ncnn", "litert")) == ()
