"""Spectra of an open model: estimates at once where it is large, exact ones as they are counted, kept on the disk."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from secateur.engine.reporting import Reporter
from secateur.engine.spectra_cache import load_spectra, save_spectra
from secateur.model.description import Layer
from secateur.model.spectrum import Spectra

if TYPE_CHECKING:
    from secateur.engine.workshop import Bench
    from secateur.model.tally import TensorCount

LARGE: Final = 64 << 20
"""Bytes from which a model is estimated first, and its spectra are kept on the disk."""

SEND_EVERY: Final = 8
"""Layers in one message of spectra: rows fill in while the rest is counted."""

_SEND_AFTER_S: Final = 0.2

Ready = Callable[[dict[str, Spectra]], None]


def count_layers(bench: "Bench", layers: Sequence[Layer], reporter: Reporter, ready: Ready) -> None:
    """Give `ready` the spectra of these layers: what is known, estimates of a large model, exact ones.

    Exact ones are kept in `bench.spectra`, those of a large model also for its next opening, and what was counted
    stays when the job is cancelled.
    """
    is_kept = bench.description.source_bytes > LARGE and not bench.description.source.factory
    if is_kept and not bench.spectra:
        bench.spectra.update(load_spectra(bench.description))
    known = {layer.name: bench.spectra[layer.name] for layer in layers if layer.name in bench.spectra}
    for batch in _batches(known):
        ready(batch)
    missing = [layer for layer in layers if layer.name not in known and _can_be_counted(bench, layer)]
    if not missing:
        return
    if bench.description.source_bytes > LARGE:
        _estimate(bench, missing, reporter, ready)
    try:
        _count(bench, missing, reporter, ready)
    finally:
        if is_kept:
            save_spectra(bench.description, bench.spectra)


def _can_be_counted(bench: "Bench", layer: Layer) -> bool:
    """A network is not loaded for a weight that is stored in an unknown way."""
    return layer.name in bench.tensors or not bench.description.is_deferred


def _batches(spectra: Mapping[str, Spectra]) -> Iterator[dict[str, Spectra]]:
    names = list(spectra)
    for start in range(0, len(names), SEND_EVERY):
        yield {name: spectra[name] for name in names[start : start + SEND_EVERY]}


def _estimate(bench: "Bench", layers: Sequence[Layer], reporter: Reporter, ready: Ready) -> None:
    """Send estimates of the layers whose tensors lie in a file as they are."""
    from secateur.model.sampling import pieces_each, sampled_spectra

    pieces = pieces_each(len(layers))
    batch: dict[str, Spectra] = {}
    for done, layer in enumerate(layers):
        reporter.progress(done, len(layers), f"Sampling {layer.name}")
        found = bench.tensors.get(layer.name)
        if found is None or found.tensor.load is not None:
            continue
        batch[layer.name] = sampled_spectra(found.tensor, found.channel_axis, pieces)
        if len(batch) == SEND_EVERY:
            ready(batch)
            batch = {}
    if batch:
        ready(batch)


def _count(bench: "Bench", layers: Sequence[Layer], reporter: Reporter, ready: Ready) -> None:
    from secateur.model.streaming import count_all

    batch: dict[str, Spectra] = {}
    sent = time.monotonic()

    def check(done: int, total: int) -> None:
        reporter.progress(done, total, f"Counting {bench.description.name}")

    for index, spectra in count_all([_counting(bench, layer) for layer in layers], check):
        name = layers[index].name
        bench.spectra[name] = batch[name] = spectra
        if len(batch) == SEND_EVERY or time.monotonic() - sent > _SEND_AFTER_S:
            ready(batch)
            batch, sent = {}, time.monotonic()
    if batch:
        ready(batch)


def _counting(bench: "Bench", layer: Layer) -> "TensorCount":
    """How a layer's weight is counted: from the file where it lies there as it is, else from the network's weights."""
    from secateur.model.tally_parts import count_of_loaded, count_of_tensor

    found = bench.tensors.get(layer.name)
    if found is not None:
        return count_of_tensor(found.tensor, found.channel_axis)
    shape = layer.weight.shape if layer.weight else ()
    return count_of_loaded(lambda: bench.weights[layer.name], shape, layer.channel_axis)
