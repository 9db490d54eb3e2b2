"""How fast a tensor's spectrum is counted, against NumPy's maximum and histogram of the same array.

    python benchmarks/spectrum.py [--values 1e8] [--rounds 5]

Wanted: at least half the rate of `numpy.max`, and ten times that of `numpy.histogram`.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from _rounds import interleaved, machine, median, ratio, table
from numpy.typing import NDArray

from secateur.model.counting import spectrum_of

SPECTRUM, MAXIMUM, HISTOGRAM = "spectrum", "numpy.max", "numpy.histogram, 256 bins"
LEAST_OF_MAXIMUM, LEAST_OF_HISTOGRAM = 0.5, 10.0


def normal_values(count: int) -> NDArray[np.float32]:
    """What weights look like: float32 from a normal distribution, always the same ones."""
    return np.random.default_rng(0).standard_normal(count, dtype=np.float32) * np.float32(0.05)


def timed(work: Callable[[], Any]) -> Callable[[], float]:
    def seconds() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--values", type=float, default=1e8, help="length of the array")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    values = normal_values(int(options.values))
    spectrum_of(values[: 1 << 20])  # compiles, or fetches the compiled kernel
    rivals = {
        SPECTRUM: timed(lambda: spectrum_of(values)),
        MAXIMUM: timed(values.max),
        HISTOGRAM: timed(lambda: np.histogram(values, bins=256)),
    }
    seconds = interleaved(rivals, options.rounds)
    gigabytes = values.nbytes / 1e9
    rows = [
        [name, f"{median(t):.3f} s", f"{min(t):.3f}–{max(t):.3f}", f"{gigabytes / median(t):.2f} GB/s"]
        for name, t in seconds.items()
    ]
    print(f"{values.size:.0e} float32 values, {options.rounds} rounds in turns, on {machine()}", end="\n\n")
    print(table(["", "median", "spread", "rate"], rows), end="\n\n")
    met = [
        verdict(seconds, MAXIMUM, LEAST_OF_MAXIMUM),
        verdict(seconds, HISTOGRAM, LEAST_OF_HISTOGRAM),
    ]
    return 0 if all(met) else 1


def verdict(seconds: Mapping[str, Sequence[float]], rival: str, wanted: float) -> bool:
    """Print how the spectrum's rate compares with a rival's; whether that is what we want."""
    middle, least, most = ratio(seconds, rival, SPECTRUM)
    met = middle >= wanted
    outcome = "met" if met else "not met"
    print(f"{middle:.2f} × the rate of {rival} ({least:.2f}–{most:.2f}); wanted {wanted}: {outcome}")
    return met


if __name__ == "__main__":
    raise SystemExit(main())
