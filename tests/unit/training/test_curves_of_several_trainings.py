"""Points of one training are one curve, round after round; those of another training in the same rounds are not."""

from dataclasses import replace

from secateur.training.curves import CurvePoint

FIRST = CurvePoint(step=4, steps=9, epoch=0.5, epochs=1, loss=1.0, round=1, rounds=3, training="distillation 1.1")


def test_the_next_round_of_a_training_follows_it() -> None:
    assert replace(FIRST, step=0, round=2).follows(FIRST)
    assert replace(FIRST, step=5).follows(FIRST)
    assert not replace(FIRST, step=3).follows(FIRST)


def test_another_training_of_the_same_rounds_has_a_curve_of_its_own() -> None:
    other = replace(FIRST, step=9, training="fine_tuning 1.0")
    assert not other.follows(FIRST)
    assert not replace(FIRST, round=2, step=0).follows(other)
