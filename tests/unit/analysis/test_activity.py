"""What channels put out, summed up batch by batch, against means over everything at once."""

import numpy as np
import pytest

from secateur.analysis.activity import ActivityCount


@pytest.mark.parametrize(("shape", "axis", "channel"), [((5, 3, 4, 4), 1, 1), ((5, 3), -1, 1), ((5, 7, 3), -1, 2)])
def test_mean_and_dead_share_are_those_of_all_batches_together(shape, axis, channel):
    batches = np.random.default_rng(0).standard_normal((4, *shape)).astype(np.float32)
    batches[..., :1] = np.maximum(batches[..., :1], 0)
    count = ActivityCount()
    for batch in batches:
        count.add(batch, axis)
    whole = np.moveaxis(batches, channel + 1, 0).reshape(3, -1)
    assert np.allclose(count.result().mean, whole.mean(axis=1), atol=1e-5)
    assert np.allclose(count.result().dead, (whole <= 0).mean(axis=1))
