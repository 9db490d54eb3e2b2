"""Filters compared, sorted and cut into blocks, against the formulas written out."""

import itertools

import numpy as np
import pytest

from secateur.analysis import filters
from secateur.analysis.filters import (
    block_edges,
    blocks_of,
    by_norm,
    can_be_compared,
    filters_of,
    norms_of,
    similarities,
)
from secateur.errors import Cancelled


@pytest.fixture
def rows():
    return np.random.default_rng(3).standard_normal((300, 20)).astype(np.float32)


def naive_similarity(rows):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    return cosines


def test_filters_are_the_rows_of_the_channel_axis():
    weight = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    assert filters_of(weight, 0).tolist() == weight.reshape(2, 12).tolist()
    assert filters_of(weight, 1).tolist() == np.moveaxis(weight, 1, 0).reshape(3, 8).tolist()
    assert filters_of(np.ones(5, np.float32), 0).shape == (5, 1)


def test_the_largest_norm_comes_first_and_equal_ones_stay_in_order():
    rows = np.array([[1, 0], [0, 3], [0, 1], [2, 0]], np.float32)
    assert norms_of(rows).tolist() == [1, 3, 1, 2]
    assert by_norm(norms_of(rows)).tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize("chained", [True, False])
def test_the_nearest_filter_is_the_one_of_the_greatest_cosine(rows, chained, monkeypatch):
    if not chained:
        monkeypatch.setattr(filters, "MOST_CHAINED", 10)
    found, naive = similarities(rows), naive_similarity(rows)
    assert found.nearest.tolist() == naive.argmax(axis=1).tolist()
    assert np.allclose(found.cosine, naive.max(axis=1), atol=1e-5)
    assert sorted(found.order.tolist()) == list(range(len(rows)))


def test_each_filter_in_the_chain_is_followed_by_the_most_similar_of_those_left(rows):
    order, naive = similarities(rows).order, naive_similarity(rows)
    assert order[0] == np.linalg.norm(rows, axis=1).argmax()
    left = set(range(len(rows))) - {int(order[0])}
    for here, following in itertools.pairwise(order):
        assert naive[here, following] == pytest.approx(max(naive[here, n] for n in left), abs=1e-5)
        left.discard(int(following))


def test_many_filters_stand_along_their_first_principal_component(monkeypatch):
    monkeypatch.setattr(filters, "MOST_CHAINED", 10)
    random = np.random.default_rng(0)
    one, other = random.standard_normal((2, 30))
    family = random.permutation(np.repeat([0, 1], 40))
    rows = np.where(family[:, None] == 0, one, other) + 0.1 * random.standard_normal((80, 30))
    sorted_families = family[similarities(rows.astype(np.float32)).order]
    assert np.count_nonzero(np.diff(sorted_families)) == 1


def test_a_filter_of_zeros_is_like_none_and_stands_last(rows):
    rows[7] = 0
    found = similarities(rows)
    assert np.isnan(found.cosine[7])
    assert found.nearest[7] == -1
    assert found.order[-1] == 7
    assert 7 not in found.nearest
    assert similarities(np.zeros((3, 4), np.float32)).order.tolist() == [0, 1, 2]


def test_what_would_take_minutes_is_not_compared():
    assert can_be_compared(4096, 4096)
    assert not can_be_compared(128_000, 4096)


def test_comparing_can_be_cancelled(rows):
    def cancel(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        similarities(rows, cancel)


def test_blocks_have_one_size_but_the_last():
    assert block_edges(0, 10, 4).tolist() == [0, 3, 6, 9, 10]
    assert block_edges(5, 8, 100).tolist() == [5, 6, 7, 8]


@pytest.mark.parametrize("chunk", [64, 1 << 21])
@pytest.mark.parametrize("most", [(7, 5), (300, 20), (300, 4), (9, 20)])
@pytest.mark.parametrize("columns", ["slice", "permutation", "few"])
@pytest.mark.parametrize("blocks", ["greatest", "mean"])
def test_a_block_shows_its_value_of_the_greatest_magnitude_or_its_mean(rows, most, columns, chunk, blocks, monkeypatch):
    monkeypatch.setattr(filters, "_CHUNK", chunk)
    random = np.random.default_rng(1)
    row_order = random.permutation(300).astype(np.int32)
    column_order = random.permutation(20).astype(np.int32)
    left, right = (2, 8) if columns == "few" else (0, 20)
    own = slice(left, right) if columns == "slice" else column_order[left:right]
    row_edges, column_edges = block_edges(10, 290, most[0]), block_edges(left, right, most[1])
    seen = blocks_of(lambda places: rows[places], row_order[10:290], own, row_edges, column_edges, blocks=blocks)
    matrix = rows[row_order][:, np.arange(20) if columns == "slice" else column_order]
    for i, (top, bottom) in enumerate(itertools.pairwise(row_edges)):
        for j, (first, last) in enumerate(itertools.pairwise(column_edges)):
            block = matrix[top:bottom, first:last].ravel()
            wanted = block.mean() if blocks == "mean" else block[np.abs(block).argmax()]
            assert seen[i, j] == pytest.approx(wanted, abs=1e-5)


def test_a_block_with_a_value_that_is_no_number_has_none():
    rows = np.ones((4, 4), np.float32)
    rows[0, 0] = np.nan
    edges = block_edges(0, 4, 2)
    seen = blocks_of(lambda places: rows[places], np.arange(4, dtype=np.int32), slice(0, 4), edges, edges)
    assert np.isnan(seen[0, 0])
    assert np.isfinite(seen.ravel()[1:]).all()
