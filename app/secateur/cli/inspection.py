"""The document that `inspect --json` prints."""

from collections.abc import Mapping

from secateur.model.description import Layer, ModelDescription
from secateur.model.spectrum import Spectra

BITS = (8, 6, 4, 3, 2)
MOST_DB = 200.0


def inspection(
    model: ModelDescription, spectra: Mapping[str, Spectra], latency_ms: Mapping[str, float]
) -> dict[str, object]:
    """Layers with their statistics, and totals. `sqnr_db` is for symmetric per-channel rounding to that many bits."""
    return {
        "format": model.format,
        "source_bytes": model.source_bytes,
        "layers": [_layer(layer, spectra.get(layer.name), latency_ms.get(layer.name)) for layer in model.layers],
        "totals": {"params": model.params, "macs": model.macs, "bytes": model.size_bytes},
        "notes": [*model.notes, *([model.reason] if model.reason else [])],
    }


def _layer(layer: Layer, spectra: Spectra | None, latency_ms: float | None) -> dict[str, object]:
    plain: dict[str, object] = {
        "name": layer.name,
        "kind": layer.kind,
        "weight_shape": list(layer.weight.shape) if layer.weight else [],
        "dtype": layer.weight.dtype if layer.weight else None,
        "params": layer.params,
        "macs": layer.macs,
        "bytes": layer.size_bytes,
        "output_shape": list(layer.output_shape),
        "latency_ms": latency_ms,
    }
    if spectra is None:
        return {**plain, "sparsity": None, "min": None, "max": None, "mean": None, "std": None, "sqnr_db": {}}
    values = spectra.values
    return {
        **plain,
        "sparsity": values.sparsity,
        "min": values.minimum,
        "max": values.maximum,
        "mean": values.mean,
        "std": values.std,
        "non_finite": values.non_finite,
        "percentiles": {str(p): values.percentile(p / 100) for p in (0.1, 1, 5, 25, 50, 75, 95, 99, 99.9)},
        "kurtosis": values.kurtosis,
        "sqnr_db": {str(bits): _capped(spectra.sqnr_db(bits)) for bits in BITS},
    }


def _capped(value: float | None) -> float | None:
    return None if value is None else min(value, MOST_DB)
