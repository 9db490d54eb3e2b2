"""Everything that a session may know of a network: scores, runs, training, answers, jobs and notices. No torch."""

from pathlib import Path

import numpy as np
from counted_spectra import spectrum

from secateur.engine.events import ActivationsRecorded, CurvePoint, LossTerm, Preview, RunRecord, SoftAnswers
from secateur.engine.requests import Compress, DataSource, Export, ScoreSensitivity
from secateur.methods.distil.distillation import Distillation
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelDescription
from secateur.model.documents import (
    DataDescription,
    Evaluation,
    ExportedFile,
    Latency,
    LayerError,
    Metric,
    RunDocument,
    SensitivityRow,
    SensitivityTable,
    WithinOptionCorrelation,
)
from secateur.model.graph import GraphNode, NetworkGraph
from secateur.model.run_details import PartChange
from secateur.model.spectrum import Spectra
from secateur.recipe.editing import with_method, with_model_step
from secateur.recipe.options import OPTIONS
from secateur.recipe.recipe import Recipe
from secateur.session.state import JobState, Notice


def spectra_of(model: ModelDescription) -> dict[str, Spectra]:
    """Spectra of every layer, drawn from a few arrays: what they show, not what they count, is looked at."""
    random = np.random.default_rng(7)
    drawn: dict[int, Spectra] = {}
    spectra = {}
    for number, layer in enumerate(model.inspected_layers):
        channels = max(layer.out_channels, 1) if layer.weight and layer.weight.shape else 1
        key = channels * 4 + number % 4
        if key not in drawn:
            rows = random.normal(0, 0.02 + 0.01 * (number % 4), (min(channels, 512), 40)).astype(np.float32)
            peaks = np.abs(rows).max(axis=1, keepdims=True)
            ranges = np.quantile(rows, [0.0, 0.05, 0.95, 1.0], axis=1).T.astype(np.float32)
            drawn[key] = Spectra(spectrum(rows), spectrum((rows / peaks).astype(np.float32)), ranges)
        spectra[layer.name] = drawn[key]
    return spectra


def table_of(model: ModelDescription, depth: str) -> SensitivityTable:
    """Every option of every layer; some have no number, and of the measured ones some are estimated."""
    growing = {option.id: 10.0 ** (number - 4) for number, option in enumerate(OPTIONS)}
    rows = []
    for number, layer in enumerate(model.inspected_layers):
        for column, option in enumerate(OPTIONS):
            refused = "Too few weights to be pruned." if number % 9 == 8 and column > 2 else ""
            damage = None if refused else growing[option.id] * (1 + number % 7)
            was_measured = depth == "measure" and number % 3 > 0
            rows.append(
                SensitivityRow(
                    layer=layer.name, option=option.id, damage=damage,
                    bytes=round(layer.size_bytes * 0.3), macs=layer.macs, measured=was_measured,
                    metric_drop=0.0123 if depth == "measure" else None, unavailable=refused,
                )
            )  # fmt: skip
    if depth == "free":
        return SensitivityTable(
            depth=depth,
            metric="",
            unit="relative error",
            samples=0,
            seconds=0.1,
            rank_correlation=None,
            rows=tuple(rows),
        )
    within = WithinOptionCorrelation(mean=0.61, low=0.38, high=0.79, by_option={option.id: 0.6 for option in OPTIONS})
    return SensitivityTable(
        depth=depth, metric="top1", unit="nats", samples=512, seconds=812.0, rank_correlation=0.954, rows=tuple(rows),
        within_option_correlation=within,
        warnings=("Measured on 512 samples: differences below 0.004 nats are sampling noise.",),
    )  # fmt: skip


def graph_of(model: ModelDescription) -> NetworkGraph:
    """The layers one after another, an activation behind each, an addition around every third."""
    nodes, edges = [GraphNode("input", "input", "input", shape="3×224×224")], []
    for layer in model.layers:
        *group, label = layer.name.split(".")
        shape = "×".join(map(str, layer.output_shape))
        channels = f"{layer.in_channels} → {layer.out_channels}"
        nodes.append(GraphNode(layer.name, label, layer.kind, layer.name, tuple(group), channels, shape))
        edges.append((len(nodes) - 2, len(nodes) - 1))
        nodes.append(GraphNode(f"{layer.name}.act", "HardSwish", "HardSwish", "", tuple(group), "", shape))
        edges.append((len(nodes) - 2, len(nodes) - 1))
    for node in range(6, len(nodes) - 4, 6):
        edges.append((node, node + 4))
    nodes.append(GraphNode("output", "output", "output", shape="1000"))
    edges.append((len(nodes) - 2, len(nodes) - 1))
    return NetworkGraph(tuple(nodes), tuple(edges))


DATA = DataDescription(
    name="imagenet_validation_subset_of_5000_pictures", source="/data/imagenet_val", task="classification",
    metric="top1", classes=tuple(f"class {n}" for n in range(1000)), train=40_000, calibration=512, test=5000,
    preprocessing={"resize": [256, 256], "crop": 224, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    notes=("The middle of each picture is cut out: 224 × 224 of 256 × 256.", "Classes are the names of the folders."),
    warning="The untouched model is right for 0.10 % of the samples, which is chance: look at mean and layout.",
)  # fmt: skip


def previews() -> tuple[Preview, ...]:
    """Eight samples with labels as long as they are."""
    names = (
        "tench, Tinca tinca", "great white shark, white shark, man-eater", "indri", "7", "hen", "quail", "goose",
        "black-and-tan coonhound",
    )  # fmt: skip
    shades = [np.full((24, 24, 3), 28 * n, np.uint8) for n in range(8)]
    return tuple(Preview(image, names[n], -2.118, 2.64, 0.1) for n, image in enumerate(shades))


def evaluation(model: ModelDescription, metric: float, share: float, latency_ms: float) -> Evaluation:
    """What a network of `share` of the size scores."""
    latency = Latency(
        median=latency_ms, p10=latency_ms * 0.9, p90=latency_ms * 1.2, runtime="ONNX Runtime 1.20", threads=2
    )
    return Evaluation(
        metric=Metric(name="top1", value=metric, ci95=(metric - 0.011, metric + 0.011)), loss=1.234, samples=5000,
        bytes=round(model.source_bytes * share), zip_bytes=round(model.source_bytes * share * 0.92),
        params=model.params,
        nonzero_params=round(model.params * 0.51), macs=model.macs, latency_ms=latency, peak_memory_bytes=1_234_567_890,
    )  # fmt: skip


PARTS = tuple(
    PartChange(
        name=name, samples=50 - n, before=0.8, after=0.68 + 0.03 * n, low=-0.2 + 0.03 * n, high=-0.04 + 0.03 * n,
        measure="share of right answers",
    )
    for n, name in enumerate(("tench, Tinca tinca", "great white shark, man-eater", "indri", "7", "hen", "quail"))
)  # fmt: skip


def runs_of(model: ModelDescription, recipe: Recipe) -> tuple[RunRecord, ...]:
    """Finished, slower, stopped, failed, broken off: each state that the history shows."""
    original = evaluation(model, 0.7612, 1.0, 11.3)
    errors = tuple(
        LayerError(
            layer=layer.name, weight_sqnr_db=None if n % 11 == 5 else 21.7 + n % 9,
            output_sqnr_db=None if n % 13 == 7 else 34.2 - n % 17,
        )
        for n, layer in enumerate(model.inspected_layers)
    )  # fmt: skip
    file = ExportedFile(
        format="onnx", path="/runs/2026/result/model.onnx", bytes=round(model.source_bytes * 0.26), verified=True,
        max_deviation=3.1e-6, agreement=0.9994, latency_ms=original.latency_ms,
    )  # fmt: skip
    slower = "Slower here: 11.3 ms → 14.6 ms, +29 %. ONNX Runtime unpacks 4-bit weights before every product."

    def record(number: int, name: str, state: str, share: float, metric: float, **changes: object) -> RunRecord:
        document = None
        if state == "finished":
            bad = number == 0
            result = evaluation(model, metric, share, 14.6 if bad else 6.24)
            document = RunDocument(
                run=f"r{number}", name=name, original=original, result=result, files=(file,), agreement=0.9312,
                layers=errors, headline=slower if bad else "", warnings=(slower,) if bad else (), seconds=1834.0,
                parts=PARTS,
            )  # fmt: skip
        return RunRecord(
            f"r{number}", name, model.name, model.fingerprint, DATA.name, recipe.to_yaml(), state,  # type: ignore[arg-type]
            1_790_000_000.0 - 7200 * number, f"/home/someone/.local/share/secateur/runs/r{number}", document=document,
            model_source=model.source, data_source=DataSource(DATA.source), **changes,  # type: ignore[arg-type]
        )  # fmt: skip

    return (
        record(0, "4-bit everywhere, channels −25 %, then distilled", "finished", 0.13, 0.7431),
        record(1, "int8, half pruned", "finished", 0.26, 0.7602),
        record(2, "autopilot: at most 1 point lost", "finished", 0.31, 0.7598),
        record(3, "Plan 2026-11-26 10:05", "interrupted", 0.2, 0.0),
        record(
            4,
            "QAT",
            "failed",
            0.2,
            0.0,
            error="The engine ran out of memory: 12.4 GB were asked for, 8.0 GB are there.",
        ),
        record(5, "distilled for 30 epochs", "stopped", 0.2, 0.0),
    )


def curve(epochs: int = 6) -> tuple[CurvePoint, ...]:
    """A training that is two thirds through."""
    return tuple(
        CurvePoint(
            step=n * 50, steps=epochs * 1000, epoch=n * 0.05, epochs=epochs, loss=6.9 * 0.97**n + 0.4,
            terms=(LossTerm("distillation", "nats", 9.0 * 0.97**n), LossTerm("label", "nats", 3.0 * 0.98**n)),
            metric=0.2 + 0.005 * n if n % 20 == 0 else None,
            agreement=0.3 + 0.005 * n if n % 20 == 0 else None, samples_per_second=1234.0,
        )
        for n in range(80)
    )  # fmt: skip


def answers() -> SoftAnswers:
    """Logits of teacher and student for 1,000 classes."""
    random = np.random.default_rng(3)
    logits = random.normal(0, 3, (2, 8, 1000)).astype(np.float32)
    return SoftAnswers(logits[0], logits[1], previews())


def plan_of(model: ModelDescription) -> Recipe:
    """Steps of every method, two on some layers, then distillation; weights alone take what needs no network."""
    names = [layer.name for layer in model.inspected_layers if layer.is_weighted]
    recipe = with_method(Recipe(), names[1::2], "weight_pruning", MagnitudePruning(ratio=0.5))
    recipe = with_method(recipe, names[2::3], "quantize", WeightOnly(bits=4))
    if not model.runnable:
        return recipe
    recipe = with_method(recipe, names[::3], "quantize", StaticInt8())
    convolutions = [layer.name for layer in model.weighted_layers if layer.groups == 1 and layer.kernel]
    recipe = with_method(recipe, convolutions[1:-1:4], "channel_pruning", ChannelPruning(ratio=0.25))
    return with_model_step(recipe, "distil", Distillation(epochs=6))


NOTICES = (
    Notice("info", "The data was read differently.", "Classes are the names of the folders, sorted.", remedy="data"),
    Notice(
        "warn", "A run was interrupted when the program ended.", "It can go on from its last checkpoint, epoch 4 of 6.",
        remedy="resume",
    ),
    Notice(
        "error", "The engine ran out of memory and was started again.",
        "What was measured is kept. Close other programs, or measure fewer samples.", details="Traceback …",
    ),
)  # fmt: skip


def jobs_of(model: ModelDescription, recipe: Recipe) -> tuple[JobState, ...]:
    """One that runs with all its words, two that wait."""
    source, data = model.source, DataSource(DATA.source)
    return (
        JobState(
            7, Compress(source, data, recipe, "r9"), "Compressing: channel pruning, int8, distillation", 62, 100,
            "Training after channel pruning, epoch 4 of 6, loss 0.4312", 4330.0, ("first line", "second line"),
        ),
        JobState(8, ScoreSensitivity(source, data, "measure", ()), "Measuring the sensitivity", text="waiting"),
        JobState(9, Export(source, data, "onnx", Path("model.onnx")), "Exporting to ONNX", text="waiting"),
    )  # fmt: skip


def full_state(model: ModelDescription) -> dict[str, object]:
    """Changes to a session in which everything was done once and something is running."""
    recipe = plan_of(model)
    spectra = spectra_of(model)
    changes: dict[str, object] = {"spectra": spectra, "recipe": recipe, "engine": "Engine: CPU, 15 threads"}
    tables = {"free": table_of(model, "free")}
    if not model.runnable:
        return {**changes, "tables": tables, "notices": NOTICES[2:]}
    finished = runs_of(model, recipe)
    run_spectra = {name: known.values for name, known in spectra.items()}
    return {
        **changes, "tables": {**tables, "measure": table_of(model, "measure")}, "data": DATA,
        "data_source": DataSource(DATA.source), "previews": previews(),
        "baseline": evaluation(model, 0.7612, 1.0, 11.3),
        "activations": ActivationsRecorded(run_spectra, 64), "graph": graph_of(model), "runs": finished,
        "run_spectra": run_spectra, "curve": curve(), "answers": answers(), "jobs": jobs_of(model, recipe),
        "notices": NOTICES,
    }  # fmt: skip
