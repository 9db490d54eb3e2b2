"""Spectra of arrays in memory. The kernels are in `secateur.model.kernels`; files are counted by
`secateur.model.streaming`.
"""

from concurrent.futures import ThreadPoolExecutor
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from secateur.model import kernels
from secateur.model.spectrum import Spectra, Spectrum
from secateur.model.stored import STORED_TYPES
from secateur.model.streaming import count_one, counting_threads
from secateur.model.tally import Desk, Tally, read_only, spectrum_from
from secateur.model.tally_parts import SMALL, count_of_array, count_of_bytes

_PIECE: Final = 1 << 22
_PARALLEL_FROM: Final = 1 << 18


def spectrum_of(values: NDArray[np.float32], threads: int | None = None) -> Spectrum:
    """Spectrum of a float32 array of any shape; NaN and infinities are counted apart."""
    flat = read_only(np.ascontiguousarray(values, dtype=np.float32).reshape(-1))
    workers = (threads or counting_threads()) if flat.size > _PARALLEL_FROM else 1
    tallies = [Tally(Desk()) for _ in range(workers)]
    # whoever is free takes the next piece: a core that is disturbed does not hold up the others
    pieces = iter([flat[begin : begin + _PIECE] for begin in range(0, flat.size, _PIECE)])

    def work(tally: Tally) -> None:
        for piece in pieces:
            kernels.count_flat(piece, tally.keys, tally.new_sums())
            tally.fold()

    if workers == 1:
        work(tallies[0])
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, tallies))
    counts = sum((tally.counts for tally in tallies[1:]), tallies[0].counts)
    return spectrum_from(counts, [sums for tally in tallies for sums in tally.sums])


def spectra_of(weight: NDArray[np.float32], channel_axis: int = 0) -> Spectra:
    """Both spectra and the channel ranges of one layer's weight, output channels on `channel_axis`.

    The quantiles in the ranges of a large weight come from a sample of each channel: see `tally_parts.SMALL`.
    """
    return count_one(count_of_array(np.asarray(weight, dtype=np.float32), channel_axis))


def warm_up() -> None:
    """Run every way of counting once on next to nothing, so that its kernels are loaded when a file is opened."""
    rows = SMALL // 256 + 1
    ways = (((2,), "float32", 0), ((2, 2), "float32", 0), ((rows, 256), "float32", 0), ((2, rows, 256), "float32", 1))
    for shape, dtype, axis in (*ways, ((rows, 256), "bfloat16", 0), ((rows, 256), "int8", 0)):
        raw = np.zeros(prod(shape) * STORED_TYPES[dtype].size, np.uint8)
        count_one(count_of_bytes(raw, shape, dtype, axis))
