"""Spectra counted with numpy alone: what the kernels make fast, as its definition says it."""

import numpy as np
from numpy.typing import NDArray

from secateur.model.spectrum import Spectra, Spectrum


def spectrum(values: NDArray[np.float32]) -> Spectrum:
    """The spectrum of an array, counted with numpy alone."""
    flat = np.ascontiguousarray(values, dtype=np.float32).reshape(-1)
    keys, counts = np.unique((flat.view(np.uint32) >> 16).astype(np.uint16), return_counts=True)
    return Spectrum(
        keys=keys,
        counts=counts.astype(np.int64),
        size=flat.size,
        total=float(flat.sum(dtype=np.float64)),
        total_squares=float((flat.astype(np.float64) ** 2).sum()),
        minimum=float(flat.min()),
        maximum=float(flat.max()),
        zeros=int((flat == 0).sum()),
    )


def spectra_of(weight: NDArray[np.float32]) -> Spectra:
    """All spectra of one layer's weight, output channels first."""
    rows = weight.reshape(weight.shape[0], -1)
    peaks = np.abs(rows).max(axis=1, keepdims=True)
    ranges = np.quantile(rows, [0.0, 0.05, 0.95, 1.0], axis=1).T.astype(np.float32)
    return Spectra(spectrum(weight), spectrum((rows / peaks).astype(np.float32)), ranges)
