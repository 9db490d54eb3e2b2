"""What the window and the command line can ask of the engine. Requests carry values only, never tensors.

A new question that looks something up goes into `QUICK` below, so that it is answered while a job runs.
"""

from dataclasses import dataclass, field
from pathlib import Path

from secateur.data.source import DataSource as DataSource
from secateur.engine.autopilot import Autopilot as Autopilot
from secateur.engine.autopilot import FindAutopilot as FindAutopilot
from secateur.engine.checking import CheckPlan as CheckPlan
from secateur.engine.solving import ASKED_OF_THE_SOLVER
from secateur.engine.solving import ExplainPlan as ExplainPlan
from secateur.engine.solving import FindFront as FindFront
from secateur.engine.solving import FindLeast as FindLeast
from secateur.engine.solving import SolveBudget as SolveBudget
from secateur.engine.timing import TimeOptions
from secateur.formats.base import WriteOptions
from secateur.methods.base import Method
from secateur.model.description import ModelSource
from secateur.model.device import DeviceChoice
from secateur.model.weight_views import Blocks, Order
from secateur.recipe.recipe import Recipe, Step
from secateur.targets import TARGETS


@dataclass(frozen=True)
class OpenModel:
    """→ `ModelOpened`."""

    source: ModelSource


@dataclass(frozen=True)
class CountSpectra:
    """Spectra of every weighted layer as `SpectraReady`, then the data-free table → `SpectraCounted`."""

    model: ModelSource


@dataclass(frozen=True)
class OpenData:
    """→ `DataOpened` with preview and the baseline check on the open model."""

    model: ModelSource
    data: DataSource


@dataclass(frozen=True)
class MeasureLatency:
    """Milliseconds of every layer in ONNX Runtime → `LatencyMeasured`."""

    model: ModelSource


@dataclass(frozen=True)
class ScoreSensitivity:
    """→ `SensitivityScored`; measured rows also arrive one layer at a time as `RowsMeasured`.

    `depth` is free, estimate or measure; an estimate ends after `seconds` (None: when it is good enough).
    What was measured before is not measured again, and what is measured is kept, also of a job that is stopped.
    """

    model: ModelSource
    data: DataSource | None
    depth: str
    options: tuple[str, ...]
    samples: int = 512
    target: str = TARGETS[0].id
    seconds: float | None = 60.0


@dataclass(frozen=True)
class FindSensitivity:
    """What is kept already of these cells, measured and estimated → `SensitivityFound`; nothing is measured."""

    what: ScoreSensitivity

    @property
    def model(self) -> ModelSource:
        return self.what.model


@dataclass(frozen=True)
class ReadGraph:
    """Layers and operators and how data flows between them → `GraphRead`."""

    model: ModelSource


@dataclass(frozen=True)
class FindCouplings:
    """Which channels of the network leave together → `CouplingsFound`; kept on the disk by the model's content."""

    model: ModelSource


@dataclass(frozen=True)
class Evaluate:
    model: ModelSource
    data: DataSource


@dataclass(frozen=True)
class RecordActivations:
    """Spectra of every weighted layer's output over calibration samples → `ActivationsRecorded`."""

    model: ModelSource
    data: DataSource
    samples: int = 64


@dataclass(frozen=True)
class Compress:
    """Run a recipe: a run with an entry in the store and a folder of its own → `RunFinished`.

    `run` names the run (made by the client); with `resume` a stopped or broken run goes on from its
    checkpoint. `folder` overrides where the files go; where it holds files already, `replace` is a person's word that
    those of the same names may go. `recipe_file` is where the recipe was read from, if anywhere: it stays as it is.
    Weights without a network need no data (an empty path).
    """

    model: ModelSource
    data: DataSource
    recipe: Recipe
    run: str
    folder: Path | None = None
    exports: tuple[str, ...] = ("onnx",)
    resume: bool = False
    name: str = ""
    replace: bool = False
    recipe_file: str = ""
    also: tuple[str, ...] = ()
    """Formats that nobody asked for: written where they can hold the result, and not spoken of where not."""
    target: str = TARGETS[0].id
    trainings: Path | None = None
    """Where trainings of a network that is not encoded yet are kept after the run: another that begins with the same
    steps takes them from there."""


@dataclass(frozen=True)
class Compare:
    """Two models on the same data → `Compared`, with the spectra of their weights where `spectra` says so."""

    a: ModelSource
    b: ModelSource
    data: DataSource
    spectra: bool = False


@dataclass(frozen=True)
class Export:
    """Write the model (or, with `run`, that run's result) in a format to `path` → `Exported`.

    `options` are of the format's own kind; its defaults where None. `replace` is a person's word that a file that is
    there already may go; what the session, a run or its recipe refers to never does. `accept` is the word that a file
    which runs, but differs from the simulation, gets its name all the same.
    """

    model: ModelSource
    data: DataSource | None
    format: str
    path: Path
    run: str = ""
    options: WriteOptions | None = None
    replace: bool = False
    accept: bool = False


@dataclass(frozen=True)
class AskFormats:
    """Which formats can hold the model (or that run's result), and what of it they lose → `FormatsAnswered`."""

    model: ModelSource
    run: str = ""


@dataclass(frozen=True)
class ListRuns:
    """→ `RunsListed` of the model with this fingerprint (all models where empty)."""

    fingerprint: str = ""


@dataclass(frozen=True)
class ChangeRun:
    """Another name, tags or notes, or into the trash (`deleted`) and back → `RunsListed` of `fingerprint`.

    What is None stays as it is. A deleted run's files are really removed when it has lain in the trash for a day.
    """

    run: str
    name: str | None = None
    tags: tuple[str, ...] | None = None
    notes: str | None = None
    deleted: bool | None = None
    fingerprint: str = ""


@dataclass(frozen=True)
class CountRunSpectra:
    """Spectra of the weights that a finished run ships, as its runtime uses them → `RunSpectraCounted`."""

    run: str


@dataclass(frozen=True)
class WriteSkeleton:
    """The model's graph without its weights as a small ONNX file, for a graph viewer → `SkeletonWritten`."""

    model: ModelSource


@dataclass(frozen=True)
class RehearsePlan:
    """How fast a plan will be in a target, before it is run → `PlanRehearsed`."""

    model: ModelSource
    recipe: Recipe
    target: str = TARGETS[0].id


@dataclass(frozen=True)
class Sample:
    """One sample: number `index` of the data's test split, or else a `file` (image, array, text), or a `text`."""

    index: int = 0
    file: str = ""
    text: str = ""


@dataclass(frozen=True)
class FollowSample:
    """One sample through the model, beside the plan or a finished run → `SampleFollowed`.

    `TakenSample`, the `LayerMaps` of every layer and the `AnswerAt` each of them arrive as they are computed. `data`
    may be None for a file. Without a `run` the plan is `recipe`; where that is empty, the original is followed alone.
    """

    model: ModelSource
    data: DataSource | None
    sample: Sample
    recipe: Recipe = field(default_factory=Recipe)
    run: str = ""


@dataclass(frozen=True)
class ReadMaps:
    """More of one layer, of the same sample: `count` channels from `first` on, up to `side` pixels → `MapsRead`."""

    what: FollowSample
    layer: str
    first: int
    count: int
    side: int

    @property
    def model(self) -> ModelSource:
        return self.what.model


@dataclass(frozen=True)
class ShowSamples:
    """`count` small pictures of the test split from `start` on → `SamplesShown`."""

    model: ModelSource
    data: DataSource
    start: int
    count: int


@dataclass(frozen=True)
class WeightPlan:
    """What is planned for one layer's weight: methods on it in the order in which they run.

    `channel_steps` are all steps that remove channels, for what they take of one layer depends on the others.
    """

    methods: tuple[Method, ...] = ()
    channel_steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class ReadChannels:
    """Figures of each output channel of a layer → `ChannelsRead`, also on the way, before they are compared."""

    model: ModelSource
    layer: str
    plan: WeightPlan = WeightPlan()


@dataclass(frozen=True)
class ReadFilters:
    """The filters at places `first` to `stop` in an order, as the plan leaves them with `is_after` → `FiltersRead`."""

    model: ModelSource
    layer: str
    order: Order = "network"
    first: int = 0
    stop: int = 64
    plan: WeightPlan = WeightPlan()
    is_after: bool = False


@dataclass(frozen=True)
class ReadMatrix:
    """The rows and columns between these places of a layer's sorted matrix → `MatrixRead`.

    In at most `most` (rows, columns) blocks. Before and after the plan come together.
    """

    model: ModelSource
    layer: str
    rows: tuple[int, int]
    columns: tuple[int, int]
    most: tuple[int, int] = (512, 512)
    row_order: Order = "network"
    column_order: Order = "network"
    plan: WeightPlan = WeightPlan()
    blocks: Blocks = "greatest"


@dataclass(frozen=True)
class Configure:
    """Compute on this device and with so many threads from now on (0: one core less than there are) → `Configured`."""

    device: DeviceChoice = "auto"
    threads: int = 0


QUICK = (
    *ASKED_OF_THE_SOLVER,
    ListRuns,
    ChangeRun,
    FindAutopilot,
    AskFormats,
    ReadGraph,
    WriteSkeleton,
    CountSpectra,
    CountRunSpectra,
    FollowSample,
    ReadMaps,
    ShowSamples,
    ReadChannels,
    ReadFilters,
    ReadMatrix,
)
"""What does not wait for the running job."""

QUESTIONS = tuple(kind for kind in QUICK if kind is not CountSpectra)
"""Quick ones that are no jobs in the window's list: what is missing says in its own place that it is on its way."""

NEEDS_NOTHING_OPEN = (*ASKED_OF_THE_SOLVER, ListRuns, ChangeRun, FindAutopilot)
"""Questions that need no model and no torch: a thread of their own answers them at once."""

SLOW_QUESTIONS = (CountSpectra, ReadGraph, WriteSkeleton, CountRunSpectra, FollowSample)
"""Questions that may take seconds: others do not wait for them either."""

NEWEST_ONLY = (ExplainPlan, FindFront, FindLeast, AskFormats, CountRunSpectra, FollowSample, ReadChannels, ReadFilters)
"""Questions whose newest one counts: an earlier one that is not answered yet is cancelled when another is asked.

Not `ReadMatrix`: the whole matrix and the part in view are asked for at the same time.
"""

Opening = OpenModel | OpenData | CountSpectra | Configure
Viewing = ReadGraph | ReadChannels | ReadFilters | ReadMatrix | FollowSample | ReadMaps | ShowSamples
Analysing = MeasureLatency | TimeOptions | RecordActivations | ScoreSensitivity | FindSensitivity | FindCouplings
Planning = SolveBudget | ExplainPlan | FindFront | FindLeast | RehearsePlan | CheckPlan
Running = Compress | Autopilot | FindAutopilot | ListRuns | ChangeRun | CountRunSpectra
Proving = Evaluate | Compare | Export | AskFormats | WriteSkeleton
Request = Opening | Viewing | Analysing | Planning | Running | Proving
"""What the engine can be asked, by what a person is doing: open, inspect, analyse, plan, run, compare and export."""
