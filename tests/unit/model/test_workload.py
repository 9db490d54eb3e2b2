"""Workloads: their shapes, and that equal ones are measured once."""

from secateur.model.workload import Precision, Workload

CONV = Workload("conv", 16, 32, (33, 32), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), activation="Relu")


def test_the_output_of_a_convolution_follows_stride_padding_and_dilation() -> None:
    assert CONV.output_positions == (17, 16)
    assert CONV.output_count == 32 * 17 * 16
    dilated = Workload("conv", 3, 8, (20,), (3,), (1,), (0, 0), (4,))
    assert dilated.output_positions == (12,)


def test_a_linear_layer_has_one_output_for_each_row() -> None:
    assert Workload("linear", 384, 1536, (128,)).output_count == 1536 * 128


def test_a_narrowed_depthwise_layer_keeps_one_group_a_channel() -> None:
    depthwise = Workload("conv", 32, 32, (8, 8), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), groups=32)
    assert depthwise.narrowed(24, 24).groups == 24
    assert CONV.narrowed(8, 24).groups == 1


def test_keys_tell_all_that_differs() -> None:
    others = (CONV.at(Precision(8, 8)), CONV.at(Precision(8)), CONV.at(Precision(4, group=32)), CONV.narrowed(8, 32))
    assert len({CONV.key, *(work.key for work in others)}) == 5
    assert CONV.at(Precision(8, 8)).key == CONV.at(Precision(8, 8)).key
