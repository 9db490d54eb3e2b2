"""The results that jobs return: what `--json` prints, the run store keeps and the window shows.

Frozen pydantic models; bytes and counts are integers, times milliseconds, metrics fractions in 0..1.
"""

from functools import cached_property
from math import isnan
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, computed_field, model_validator

from secateur.model.costs import Costs
from secateur.model.description import Port
from secateur.model.deviation import NO_NUMBERS, UNCHANGED, Deviation
from secateur.model.plan_check import MeasuredPlan, PlanCheck
from secateur.model.run_details import CurveRow, MadeLayer, PartChange, RunOrigin

_EARLIER_UNCHANGED_DB: Final = 200.0
"""What earlier versions wrote where nothing differed."""


class Document(BaseModel):
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)


class Metric(Document):
    """`name` (top1, mse, …: `data.metrics` says which way is better and in what unit), value and 95 % interval.

    The interval is Wilson's for shares.
    """

    name: str
    value: float
    ci95: tuple[float, float]


class Latency(Document):
    """Milliseconds for one sample (batch 1) on this machine, in the runtime that will ship."""

    median: float
    p10: float
    p90: float
    runtime: str
    threads: int


class Evaluation(Document):
    metric: Metric | None
    loss: float | None
    samples: int
    bytes: int
    zip_bytes: int
    params: int
    nonzero_params: int
    macs: int
    latency_ms: Latency | None
    peak_memory_bytes: int | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """How the data was read: what was assumed, left out or drawn, a sentence each."""


class SensitivityRow(Document):
    """One cell: expected damage of an option on a layer, what the layer would then cost.

    `measured` tells a swapped-in measurement from an estimate; `unavailable` says why there is no number.
    `metric_drop` is by how much the metric became worse, in its own unit (negative: better), where it was measured.
    `faster` is the method's verdict on the runtime that will ship: a layer that takes an option without it costs
    milliseconds, or saves none.

    Where it was measured: `low` and `high` are the 95 % interval of `damage` in its unit, `samples` on how many it was
    measured, `weights_damage` what rounding the weights alone does where activations are rounded too.
    """

    layer: str
    option: str
    damage: float | None
    bytes: int
    macs: int
    latency_ms: float | None = None
    measured: bool = False
    metric_drop: float | None = None
    unavailable: str = ""
    faster: bool = True
    low: float | None = None
    high: float | None = None
    samples: int | None = None
    weights_damage: float | None = None

    @property
    def costs(self) -> Costs:
        return Costs(self.bytes, self.macs, self.latency_ms)


class WithinOptionCorrelation(Document):
    """How well an estimate orders the *layers*: the mean over options of Spearman's correlation over their layers.

    `low` and `high` are the 95 % interval of `mean` (bootstrap over layers).
    """

    mean: float
    low: float
    high: float
    by_option: dict[str, float]

    @property
    def tells_layers(self) -> bool:
        """Whether a person may decide between layers by the estimate: mean of 0.7 or more, surely above 0.5."""
        return self.mean >= 0.7 and self.low > 0.5


class SensitivityTable(Document):
    """`depth` free or measure; `unit` of damage: `relative error` (free) or `nats` (measured KL divergence).

    `pending` counts the cells that are not measured yet: a table with any is a part of one. Of a measured table,
    `rank_correlation` is that of the data-free damages over all cells (high already where an estimate tells the
    options apart), `within_option_correlation` that over the layers of an option, which plans depend on.
    """

    depth: str
    metric: str
    unit: str
    samples: int
    seconds: float
    rank_correlation: float | None
    rows: tuple[SensitivityRow, ...]
    pending: int = 0
    within_option_correlation: WithinOptionCorrelation | None = None
    warnings: tuple[str, ...] = ()

    def row(self, layer: str, option: str) -> SensitivityRow | None:
        return self._places.get((layer, option))

    @cached_property
    def _places(self) -> dict[tuple[str, str], SensitivityRow]:
        return {(row.layer, row.option): row for row in self.rows}


class Predicted(Document):
    """What a plan is expected to cost; `damage` and `metric` are None where that of one of its layers is not known.

    `metric_interval` holds the metric of 95 % of what was measured, as far as the plan changes it; None where too
    little was. Where there is no metric, `metric_why_not` says why in one sentence.
    """

    bytes: int
    macs: int
    latency_ms: float | None
    damage: float | None
    metric: float | None = None
    metric_interval: tuple[float, float] | None = None
    metric_why_not: str = ""
    params: int | None = None

    @property
    def costs(self) -> Costs:
        return Costs(self.bytes, self.macs, self.latency_ms)


class FrontPlan(Document):
    """A plan of the front: what it takes, as the solver counts, and the metric that is predicted of its damage."""

    bytes: int
    macs: int
    latency_ms: float | None
    damage: float
    metric: float | None
    recipe: dict[str, object]


class PlanDocument(Document):
    """The recipe that a budget was solved to, and what it is expected to cost; `warnings` say what it costs unasked.

    `why` says of some layers why they are planned so; `front` are the plans of all sizes, where they were asked for.
    Where the plan was checked, `measured` is what it does as a whole, and `check` how it was come to.
    """

    recipe: dict[str, object]
    predicted: Predicted
    limits: dict[str, float]
    seconds: float
    warnings: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    front: tuple[FrontPlan, ...] = ()
    measured: MeasuredPlan | None = None
    check: PlanCheck | None = None


Verdict = Literal["proven", "differs", "broken"]
"""Of a written file: it does what the simulation does; it runs and does something else; it does not run."""


class ExportedFile(Document):
    """One file that was written, re-opened, run and compared with the simulation.

    `verified` is whether the `verdict` is "proven" (of records of earlier versions, it alone tells).
    `max_deviation` is that of what the task reads (of all outputs where there is no task), relative to the largest
    simulated value; `agreement` the share of equal decisions. `bytes` are those of all its parts. Where `proof` is
    "layers", every stored number and every layer was compared, not the outputs alone; where it is "weights", nothing
    here runs such files, and what was compared are the weights that they hold. Of a file that is not verified,
    `first_deviating_layer` is the first layer whose results differ (empty where it was not found), and `details` what
    its converter printed. `parts` names the further files that belong to it, beside it.
    """

    format: str
    path: str
    bytes: int
    verified: bool
    max_deviation: float | None
    agreement: float | None
    latency_ms: Latency | None
    sentence: str = ""
    verdict: Verdict = "proven"
    proof: Literal["outputs", "weights", "layers"] = "outputs"
    first_deviating_layer: str = ""
    details: str = ""
    parts: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _verdict_of_earlier_versions(cls, values: object) -> object:
        if isinstance(values, dict) and "verdict" not in values:
            return {**values, "verdict": "proven" if values.get("verified") else "differs"}
        return values


class LayerError(Document):
    """A layer's weights and output against the original's: SQNR in decibels, null where the note says why.

    See `Deviation` for what the notes are.
    """

    layer: str
    weight_sqnr_db: float | None
    output_sqnr_db: float | None
    weight_note: str = ""
    output_note: str = ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def name(self) -> str:
        """The layer, as the other documents call it."""
        return self.layer

    @property
    def weight(self) -> Deviation:
        return Deviation(self.weight_sqnr_db, self.weight_note)

    @property
    def output(self) -> Deviation:
        return Deviation(self.output_sqnr_db, self.output_note)

    @classmethod
    def of(cls, layer: str, weight: Deviation, output: Deviation) -> "LayerError":
        return cls(
            layer=layer,
            weight_sqnr_db=weight.sqnr_db,
            output_sqnr_db=output.sqnr_db,
            weight_note=weight.note,
            output_note=output.note,
        )

    @model_validator(mode="before")
    @classmethod
    def _no_number_where_nothing_differs(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        values = dict(values)
        for what in ("weight", "output"):
            db = values.get(f"{what}_sqnr_db")
            if db is None:
                continue
            if isnan(db):
                values |= {f"{what}_sqnr_db": None, f"{what}_note": NO_NUMBERS}
            elif db >= _EARLIER_UNCHANGED_DB:
                values |= {f"{what}_sqnr_db": None, f"{what}_note": UNCHANGED}
        return values


class Comparison(Document):
    """`headline` says first in what the second model is worse, where it is slower or larger.

    `parts` is what changed on which class, or other part of the samples, the greatest loss first.
    """

    a: Evaluation
    b: Evaluation
    agreement: float | None
    layers: tuple[LayerError, ...]
    warnings: tuple[str, ...] = ()
    headline: str = ""
    parts: tuple[PartChange, ...] = ()


class TrainedStep(Document):
    """How one training of a run ended: its last `loss`, and `metric` and `agreement` on samples held out to choose by.

    Shares are 0 to 1, a metric in its own unit; None where there was none, or no number. `round` counts from 1, 0
    where the training is not repeated.
    """

    method: str
    round: int
    rounds: int
    epochs: int
    loss: float | None
    metric: float | None
    agreement: float | None
    curve: tuple[CurveRow, ...] = ()
    """How it went; empty in earlier runs."""


class RunDocument(Document):
    """What `compress` leaves as result.json. The first line of `headline` is the bad news where there is any.

    `notes` are those of the `warnings` that say how the data was read, and nothing of the result.
    """

    run: str
    name: str
    original: Evaluation
    result: Evaluation
    files: tuple[ExportedFile, ...]
    agreement: float | None = None
    layers: tuple[LayerError, ...] = ()
    recipe: dict[str, object] = {}
    headline: str = ""
    trainings: tuple[TrainedStep, ...] = ()
    """One for each training, in order: of iterative pruning, the quality round by round."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    device: str = ""
    """What training and simulation were computed on; files are run and timed on the CPU. Empty in earlier runs."""
    threads: int = 0
    origin: RunOrigin | None = None
    """What it was made of; None in earlier runs."""
    parts: tuple[PartChange, ...] = ()
    """What changed on which class, or other part of the samples, the greatest loss first."""
    made: tuple[MadeLayer, ...] = ()
    """Every layer with weights, in network order."""


class DataDescription(Document):
    """An opened data set, as the window shows it."""

    name: str
    source: str
    task: str
    metric: str
    classes: tuple[str, ...]
    train: int
    calibration: int
    test: int
    validation: int = 0
    """Samples held out of training for what chooses."""
    inputs: tuple[Port, ...] = ()
    preprocessing: dict[str, object] = {}
    notes: tuple[str, ...] = ()
    """What was assumed, left out or read differently, a sentence each."""
    said: dict[str, object] = {}
    """How it was read, under the keys of a data.yaml: columns, tokenizer, max_length, pooling."""
    warning: str = ""
    """The baseline check's sentence where the untouched model is near chance."""
