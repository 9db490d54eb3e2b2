"""When a file agrees with the simulation, and what is said about it."""

import numpy as np
import pytest

from secateur.data.batch import Batch
from secateur.data.reading import Reading
from secateur.data.tasks import task_of
from secateur.formats.base import WriteOptions
from secateur.formats.proving.judging import Limits, compared, judge, judge_weights

FLOAT = Limits.of(WriteOptions(), is_encoded=False)
ENCODED = Limits.of(WriteOptions(), is_encoded=True)


def outputs(count: int = 200) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, 10)).astype(np.float32)


def test_equal_outputs_agree() -> None:
    verdict = judge([outputs()], [outputs()], FLOAT, "It")
    assert (verdict.verified, verdict.deviation, verdict.agreement) == (True, 0.0, 1.0)


@pytest.mark.parametrize(("noise", "is_float_enough", "is_encoded_enough"), [(1e-5, True, True), (0.01, False, True)])
def test_integers_may_deviate_further_than_floats(noise: float, is_float_enough: bool, is_encoded_enough: bool) -> None:
    expected = outputs()
    expected[:, 0] = 9.0  # decisions are out of question
    actual = expected + np.float32(noise) * outputs()
    assert judge([expected], [actual], FLOAT, "It").verified == is_float_enough
    assert judge([expected], [actual], ENCODED, "It").verified == is_encoded_enough


def test_one_wrong_output_of_several_is_enough() -> None:
    verdict = judge([outputs(), outputs()], [outputs(), -outputs()], FLOAT, "It")
    assert not verdict.verified
    assert verdict.agreement == 1.0


def test_another_number_of_outputs_is_said() -> None:
    assert "gives 1 outputs, the network 2" in judge([outputs(), outputs()], [outputs()], FLOAT, "It").sentence


def test_another_shape_is_said_with_the_output() -> None:
    verdict = judge([outputs(), outputs()], [outputs(), outputs()[:, :3]], FLOAT, "It")
    assert verdict.sentence == "The file's output 2 has the shape (3,), the network (10,)."


def test_numbers_that_are_not_finite_do_not_agree() -> None:
    actual = outputs()
    actual[3, 3] = np.nan
    assert not judge([outputs()], [actual], FLOAT, "It").verified


def test_infinities_that_both_have_are_equal() -> None:
    expected = outputs()
    expected[:, 2] = -np.inf  # what masks put there
    assert compared(expected, expected.copy()).deviation == 0.0


def test_too_many_other_decisions_are_too_many_however_close_the_values() -> None:
    expected = np.tile(np.array([[1.0, 1.0 + 1e-4]], np.float32), (100, 1))
    assert not judge([expected], [expected[:, ::-1]], FLOAT, "It").verified


def test_a_weight_that_the_file_lacks_is_named() -> None:
    verdict = judge_weights({"a": outputs(), "b": outputs()}, {"a": outputs()}, WriteOptions())
    assert not verdict.verified
    assert "layer b" in verdict.sentence


def test_a_weight_that_differs_is_named() -> None:
    verdict = judge_weights({"a": outputs(), "b": outputs()}, {"a": outputs(), "b": outputs() * 1.1}, WriteOptions())
    assert not verdict.verified
    assert "the layer b" in verdict.sentence


# ---------------------------------------------------------------------- what a task reads of several outputs


def pairs(away: float) -> tuple[list[np.ndarray], list[np.ndarray], Reading]:
    """Tokens and a pooled vector of two networks for ten pairs of texts; padding and vector are `away` further off."""
    random = np.random.default_rng(1)
    mask = np.repeat([[1, 1, 1, 0], [1, 1, 0, 0]], 10, axis=0).astype(np.int64)
    tokens, vector = (random.standard_normal((20, *shape)).astype(np.float32) for shape in ((4, 8), (8,)))
    off = np.float32(1e-4) * random.standard_normal(tokens.shape).astype(np.float32)
    off[mask == 0] += away
    batch = Batch({"input_ids": mask, "attention_mask": mask}, np.arange(10.0, dtype=np.float32), 2)
    return [tokens, vector], [tokens + off, vector + np.float32(away)], Reading(task_of("similarity"), batch)


def test_what_the_task_reads_is_told_first_and_the_other_outputs_by_their_names() -> None:
    expected, actual, reading = pairs(0.9)
    verdict = judge(expected, actual, Limits(None, 1.0), "It", reading=reading, names=("tokens", "pooled"))
    assert verdict.verified, verdict.sentence
    assert verdict.agreement == 1.0
    assert verdict.deviation is not None
    assert verdict.deviation < 1e-3
    said = (
        f"the same decision on 100 % and answers within {verdict.deviation * 100:.2g} % (pooled, which the task does "
    )
    assert said in verdict.sentence
    assert verdict.sentence.endswith(" %), on 10 samples.")


def test_an_output_that_the_task_does_not_read_is_proven_all_the_same() -> None:
    expected, actual, reading = pairs(0.9)
    assert judge(expected, actual, FLOAT, "It", reading=reading).verdict == "differs"


def test_without_a_task_all_outputs_are_told_together() -> None:
    expected, actual, _ = pairs(0.9)
    judged_by_none = Reading(task_of("none"), Batch({"x": expected[0]}, np.zeros(20, np.int64)))
    for reading in (None, judged_by_none):
        verdict = judge(expected, actual, FLOAT, "It", reading=reading)
        assert "2 outputs within" in verdict.sentence
        assert verdict.deviation is not None
        assert verdict.deviation > 0.1


def test_outputs_that_are_equal_are_said_to_be_the_same() -> None:
    scores = np.random.default_rng(0).standard_normal((20, 5)).astype(np.float32)
    for count, words in ((1, "the same outputs"), (2, "the same 2 outputs")):
        sentence = judge([scores] * count, [scores.copy()] * count, FLOAT, "It").sentence
        assert f"the same decision on 100 % and {words}, on 20 samples." in sentence
