"""Layers that a step leaves as they are: equal reasons in one sentence, long lists shortened."""

from secateur.graph.context import LeftOut
from secateur.methods.left_out import sentences_about


def left_out(reason: str, *names: str) -> list[LeftOut]:
    return [LeftOut(name, reason) for name in names]


def test_equal_reasons_are_one_sentence():
    told = sentences_about([*left_out("One.", "a", "b"), *left_out("Two.", "c")], 5, "Channel pruning")
    assert told == (
        "Channel pruning leaves 2 of 5 layers as they are, a and b: One.",
        "Channel pruning leaves 1 of 5 layers as it is, c: Two.",
    )


def test_many_layers_do_not_flood():
    (told,) = sentences_about(left_out("One.", *"abcdefghij"), 20, "Static quantization")
    assert "10 of 20 layers" in told
    assert "a, b, c, d and 6 more" in told


def test_a_layer_told_twice_counts_once():
    assert sentences_about(left_out("One.", "a", "a"), 2, "X") == ("X leaves 1 of 2 layers as it is, a: One.",)


def test_nothing_left_out_is_nothing_said():
    assert sentences_about([], 4, "X") == ()
