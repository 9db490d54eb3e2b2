"""Milliseconds that are measured in a moment: what a test asks of them is that they are there, not that they are exact.

A run times its network four times for most of a second each, whatever its size; that was half of the time of all tests.
"""

from secateur.targets import kernels, timing


def measure_briefly() -> None:
    """Shorten every measurement in this process: as many rounds in turns, each a tenth as long."""
    timing.SECONDS_PER_ROUND, timing.MOST_SECONDS_PER_ROUND, timing.CALLS_FOR_LEAST = 0.01, 0.05, 5
    kernels.LEAST_SECONDS, kernels.LEAST_RUNS, kernels.MOST_RUNS, kernels.MOST_SECONDS = 0.002, 10, 20, 0.04
