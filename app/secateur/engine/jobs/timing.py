"""Milliseconds of a network's layers at every precision: each distinct workload once, and the network as a whole."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from secateur.engine.channel_steps import found_step
from secateur.engine.places import home
from secateur.engine.reporting import Reporter
from secateur.engine.timing import OptionsTimed, TimeOptions
from secateur.engine.workshop import Bench, Workshop
from secateur.errors import UserError
from secateur.formats import format_named
from secateur.graph.layers import example_inputs
from secateur.graph.network import Model, StoredModel, TorchModel
from secateur.methods.base import Method
from secateur.model.workload import BETWEEN, FLOAT, Precision, Workload
from secateur.recipe.budget import fastest_ms
from secateur.recipe.options import option
from secateur.targets import target_named
from secateur.targets.base import Target
from secateur.targets.kept import TimingStore
from secateur.targets.timing import least_together
from secateur.targets.timings import Spread, Timings

if TYPE_CHECKING:
    import onnx

SAYING = "The whole network"


def time_options(request: TimeOptions, reporter: Reporter, workshop: Workshop) -> OptionsTimed:
    """What a layer takes at every precision that the options lead to, and what the network takes beyond its layers."""
    from secateur.targets.workloads import flow_of, workloads_of

    target = target_named(request.target)
    bench = workshop.bench(request.model, reporter)
    if reason := target.why_not_timed():
        return OptionsTimed(None, reason)
    if not bench.description.runnable or isinstance(bench.model, StoredModel):
        return OptionsTimed(None, f"{bench.description.name} cannot be run: {bench.description.reason}")
    methods = methods_by_precision(request.options)
    proto = _float_graph(bench, reporter, workshop)
    layers = workloads_of(proto, example_inputs(bench.model))
    precisions = (FLOAT, *methods, *([BETWEEN] if any(p.is_static for p in methods) else []))
    store = TimingStore(home() / "milliseconds", target, workshop.threads)
    works = [work.at(p) for own in layers.values() for work in own for p in precisions]
    works += [*_of_options(bench, request.options, layers), *request.further]
    kernels = timed(
        works, target, store, workshop.threads, lambda d, t: reporter.progress(d, t, f"shape {d + 1} of {t}")
    )
    step = found_step(target, reporter)
    timings = Timings(target.id, workshop.threads, layers, kernels, flow=flow_of(proto, layers), channel_step=step)
    whole = _with_wholes(timings, bench, methods, store, target, reporter, workshop)
    return OptionsTimed(whole, fastest_ms=fastest_ms(bench.description, [option(o) for o in request.options], whole))


def _of_options(bench: Bench, options: Sequence[str], layers: Mapping[str, tuple[Workload, ...]]) -> Iterator[Workload]:
    """What each option makes of each layer: an option may split it in two."""
    for layer in bench.description.weighted_layers:
        for name in options:
            method = option(name).method
            if layer.name in layers and not method.supports(layer):
                yield from method.workloads(layer, layers[layer.name])


def methods_by_precision(options: Sequence[str]) -> dict[Precision, Method]:
    """For each precision that the options lead to, a method that computes layers so."""
    found: dict[Precision, Method] = {}
    for name in options:
        method = option(name).method
        if method.computes_in is not None and method.computes_in != FLOAT:
            found.setdefault(method.computes_in, method)
    return found


def timed(
    works: Sequence[Workload],
    target: Target,
    store: TimingStore,
    threads: int,
    progress: Callable[[int, int], None],
) -> dict[Workload, Spread]:
    """Milliseconds of each of these; what the store lacks is measured, all precisions of one shape in turns.

    `progress` is the cancel point: what was measured until then is kept.
    """
    known: dict[Workload, Spread] = {}
    missing: dict[Workload, list[Workload]] = {}
    for work in dict.fromkeys(works):
        spread = store.find(work.key)
        if spread is None:
            missing.setdefault(work.at(FLOAT), []).append(work)
        else:
            known[work] = spread
    for done, (shape, own) in enumerate(missing.items()):
        progress(done, len(missing))
        together = list(dict.fromkeys((shape, *own)))  # beside the float one, so that a change of the clock hits both
        measured = target.kernel_times(together, threads, lambda done=done: progress(done, len(missing)))  # type: ignore[misc]
        for work, spread in zip(together, measured, strict=True):
            known[work] = spread
            store.keep(work.key, spread)
    return known


def _float_graph(bench: Bench, reporter: Reporter, workshop: Workshop) -> "onnx.ModelProto":
    model = bench.model
    lowered = model.lowered if isinstance(model, TorchModel) else None
    return workshop.shipped_proto(bench, reporter) if lowered is None else lowered.whole()


def _with_wholes(
    timings: Timings,
    bench: Bench,
    methods: Mapping[Precision, Method],
    store: TimingStore,
    target: Target,
    reporter: Reporter,
    workshop: Workshop,
) -> Timings:
    """The whole network, timed in turns: as it is, all layers at each precision, and pairs of layers in integers."""
    names = [layer.name for layer in bench.description.weighted_layers if layer.name in timings.layers]
    static = next((precision for precision in methods if precision.is_static), None)
    alternate = [name for place, name in enumerate(names) if place // 2 % 2 == 0]  # pairs: some borders, some between
    wanted: dict[str, tuple[Method | None, Sequence[str], Precision]] = {"float": (None, (), FLOAT)}
    for precision, able in methods.items():
        wanted[f"all {precision}"] = (able, names, precision)
    if static is not None and len(names) > 1:
        wanted[f"pairs {static}"] = (methods[static], alternate, static)
    keys = {name: f"{bench.description.fingerprint}|{example_shapes(bench)}|{name}" for name in wanted}
    known = {name: store.find(key) for name, key in keys.items()}
    if any(spread is None for spread in known.values()):
        files: dict[str, Path] = {}
        for name, (method, layers, _) in wanted.items():
            reporter.progress(0, 1, SAYING)
            path = _written(bench, method, layers, reporter, workshop)
            if path is not None:
                files[name] = path
        known = dict.fromkeys(wanted)
        inputs = example_inputs(bench.description)
        runs = [target.session(path, workshop.threads) for path in files.values()]
        calls = [lambda run=run: run(*inputs) for run in runs]
        measured = least_together(calls, check=lambda: reporter.progress(0, 1, SAYING))
        for name, least in zip(files, measured, strict=True):
            found = Spread(least, least, least)
            known[name] = found
            store.keep(keys[name], found)
    mixed = known.get(f"pairs {static}")
    return replace(
        timings,
        wholes={
            precision: spread.typical
            for name, (_, _, precision) in wanted.items()
            if not name.startswith("pairs") and (spread := known[name]) is not None
        },
        mixed=mixed.typical if mixed else None,
        mixed_layers=frozenset(alternate) if mixed else frozenset(),
        mixed_precision=static or FLOAT,
    )


def example_shapes(bench: Bench) -> str:
    """The shapes that the network is timed on."""
    return ",".join("x".join(map(str, array.shape)) for array in example_inputs(bench.description))


def _written(
    bench: Bench, method: Method | None, layers: Sequence[str], reporter: Reporter, workshop: Workshop
) -> Path | None:
    """The file of the network with the method on these layers, as fast as a run's result; None where it cannot be."""
    if method is None:
        return workshop.file(bench)
    able = [name for name in layers if not method.supports(bench.description.layer(name))]
    path = workshop.folder / f"timed-{len(able)}-{method.badge()}.onnx"
    try:
        model: Model = method.rehearse(workshop.exportable(bench, reporter), able)
        format_named("onnx").write(model, path)
    except UserError:
        return None
    return path
