"""The history of runs."""

from pathlib import Path

from secateur.engine.events import RunsListed, RunSpectraCounted
from secateur.engine.reporting import Reporter
from secateur.engine.requests import ChangeRun, CountRunSpectra, ListRuns
from secateur.engine.store import RunStore


def list_runs(request: ListRuns) -> RunsListed:
    """Newest first; what finished without being entered is, and what has lain in the trash long enough is removed."""
    store = RunStore()
    store.find_again()
    store.empty_trash()
    return _listed(store, request.fingerprint)


def change_run(request: ChangeRun) -> RunsListed:
    """Rename, tag, annotate, delete or bring back a run; the runs as they are then."""
    store = RunStore()
    if request.name is not None:
        store.rename(request.run, request.name)
    if request.tags is not None:
        store.tag(request.run, request.tags)
    if request.notes is not None:
        store.annotate(request.run, request.notes)
    if request.deleted is not None:
        (store.delete if request.deleted else store.bring_back)(request.run)
    return _listed(store, request.fingerprint)


def _listed(store: RunStore, fingerprint: str) -> RunsListed:
    return RunsListed(store.runs(fingerprint), store.deleted(fingerprint))


def count_run_spectra(request: CountRunSpectra, reporter: Reporter) -> RunSpectraCounted:
    """Count the weights of a run's ONNX file; empty where the run or its file is gone."""
    import onnx

    from secateur.graph.onnx_layers import layer_weights
    from secateur.graph.qdq.standard import in_standard_form
    from secateur.model.counting import spectrum_of

    record = RunStore().find(request.run)
    files = record.document.files if record and record.document else ()
    shipped = next((Path(file.path) for file in files if file.format == "onnx"), None)
    if shipped is None or not shipped.is_file():
        return RunSpectraCounted(request.run, {})
    weights = layer_weights(in_standard_form(onnx.load(str(shipped))))
    spectra = {}
    for done, (name, weight) in enumerate(weights.items()):
        reporter.progress(done, len(weights), f"Counting {name}")
        spectra[name] = spectrum_of(weight)
    return RunSpectraCounted(request.run, spectra)
