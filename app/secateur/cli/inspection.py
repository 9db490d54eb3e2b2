"""`inspect`: layers, statistics and totals, as a table or as the document that `--json` prints."""

from collections.abc import Mapping

from rich.table import Table

from secateur import figures
from secateur.cli.answers import expect, model_source
from secateur.cli.terminal import Terminal, output, print_json
from secateur.engine.events import LatencyMeasured, ModelOpened
from secateur.engine.requests import MeasureLatency, OpenModel
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


def inspect(model: str, weights: str, *, as_json: bool, debug: bool, trust: bool = False) -> None:
    terminal, source = Terminal(debug=debug, quiet=as_json), model_source(model, weights, trust)
    opened = expect(ModelOpened, terminal.do(OpenModel(source))).model
    spectra = terminal.spectra(source)
    times: dict[str, float] = {}
    if opened.runnable and not opened.is_deferred:
        measured = terminal.attempt(MeasureLatency(source))
        times = measured.layers if isinstance(measured, LatencyMeasured) else {}
    document = inspection(opened, spectra, times)
    if as_json:
        print_json(document)
        return
    table = Table(title=f"{opened.name} · {opened.format} · {figures.size(opened.source_bytes)}", title_justify="left")
    for head in ("layer", "kind", "shape", "params", "MACs", "size", "ms", "zeros", "8 bit", "4 bit"):
        table.add_column(
            head, justify="left" if head in ("layer", "kind", "shape") else "right", no_wrap=head == "layer"
        )
    for layer in opened.inspected_layers:
        known = spectra[layer.name]
        table.add_row(
            layer.name,
            layer.kind,
            _shape_words(layer),
            figures.count(layer.params),
            figures.macs(layer.macs),
            figures.size(layer.size_bytes),
            figures.milliseconds(times.get(layer.name)),
            figures.share(known.values.sparsity),
            figures.decibels(known.sqnr_db(8)),
            figures.decibels(known.sqnr_db(4)),
        )
    output.print(table)
    totals = (figures.count(opened.params), figures.macs(opened.macs), figures.size(opened.size_bytes))
    layers = figures.counted(len(opened.inspected_layers), "layer")
    output.print(f"{layers} · {totals[0]} parameters · {totals[1]} MACs · {totals[2]}")
    for note in (*opened.notes, *([opened.blocked] if opened.blocked else [])):
        output.print(note, markup=False)


def _shape_words(layer: Layer) -> str:
    """The weight's shape, and its type where that is not float32."""
    if layer.weight is None:
        return ""
    dtype = "" if layer.weight.dtype == "float32" else f" {layer.weight.dtype}"
    return "×".join(map(str, layer.weight.shape)) + dtype
