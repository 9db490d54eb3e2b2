"""What the engine says: one closed union to `match`. A job ends in exactly one of `Finished`, `Failed`, `Stopped`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from secateur.data.preview import Preview as Preview
from secateur.engine.autopilot import AutopilotEnded, AutopilotFound, TrialsTold
from secateur.engine.checking import KnownPlan as KnownPlan
from secateur.engine.checking import PlanChecked as PlanChecked
from secateur.engine.checking import PlanMeasured as PlanMeasured
from secateur.engine.looked import ChannelsRead as ChannelsRead
from secateur.engine.looked import FiltersRead as FiltersRead
from secateur.engine.looked import MapsRead as MapsRead
from secateur.engine.looked import MatrixRead as MatrixRead
from secateur.engine.looked import SamplesShown as SamplesShown
from secateur.engine.requests import DataSource, Request
from secateur.engine.solving import BudgetUnmet as BudgetUnmet
from secateur.engine.solving import FrontFound as FrontFound
from secateur.engine.solving import LeastFound as LeastFound
from secateur.engine.solving import PlanExplained as PlanExplained
from secateur.engine.solving import PlanSolved as PlanSolved
from secateur.engine.timing import OptionsTimed
from secateur.model.description import Couplings, ModelDescription, ModelSource
from secateur.model.device import DeviceOffer as DeviceOffer
from secateur.model.documents import (
    Comparison,
    DataDescription,
    Evaluation,
    ExportedFile,
    Latency,
    RunDocument,
    SensitivityRow,
    SensitivityTable,
)
from secateur.model.graph import NetworkGraph
from secateur.model.maps import AnswerAt, Guess, LayerMaps, TakenSample
from secateur.model.spectrum import Spectra, Spectrum
from secateur.model.trust import WantedImport as WantedImport
from secateur.model.weight_views import ChannelActivity
from secateur.training.curves import CurvePoint as CurvePoint
from secateur.training.curves import LossTerm as LossTerm
from secateur.training.curves import SoftAnswers as SoftAnswers

RunState = Literal["running", "finished", "stopped", "failed", "interrupted"]


@dataclass(frozen=True)
class RunRecord:
    """One line of the history; `document` is there once finished, `recipe_yaml` always (restorable)."""

    run: str
    name: str
    model: str
    fingerprint: str
    data: str
    recipe_yaml: str
    state: RunState
    created: float
    """Seconds since the epoch."""
    folder: str
    error: str = ""
    document: RunDocument | None = None
    model_source: ModelSource | None = None
    """How the model is opened again; None in runs of earlier versions, as the two below."""
    data_source: DataSource | None = None
    exports: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    notes: str = ""
    """A person's own words for it, as the tags are."""


@dataclass(frozen=True)
class ModelOpened:
    model: ModelDescription


@dataclass(frozen=True, eq=False)
class SpectraReady:
    """Spectra of some layers, by layer name, or singular values of their weights (`Facts.singular_values`)."""

    spectra: dict[str, Spectra]
    singular_values: dict[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class DataOpened:
    """`model` is the network described anew where the data's shape took the place of a guessed one."""

    data: DataDescription
    previews: tuple[Preview, ...]
    baseline: Evaluation | None
    model: ModelDescription | None = None


@dataclass(frozen=True)
class LatencyMeasured:
    """Milliseconds per layer name, and of the whole model."""

    layers: dict[str, float]
    total_ms: float


@dataclass(frozen=True)
class SpectraCounted:
    """All spectra have been sent; the data-free sensitivity that follows from them."""

    table: SensitivityTable


@dataclass(frozen=True)
class PlanRehearsed:
    """Latency of the original and of what a plan leads to, and what to know of it; None where it was not tried."""

    before: Latency | None = None
    after: Latency | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowsMeasured:
    """`unit` is that of their damage, empty where nothing is measured yet; `depth` is estimate or measure."""

    rows: tuple[SensitivityRow, ...]
    unit: str = ""
    depth: str = "measure"


@dataclass(frozen=True)
class SensitivityScored:
    """`plans` as of `SensitivityFound`."""

    table: SensitivityTable
    plans: tuple[KnownPlan, ...] = ()


@dataclass(frozen=True)
class SensitivityFound:
    """What was measured before, whole or in part, and what is estimated from it; None where nothing was or is.

    `plans` are those of the model that were measured as a whole on this data.
    """

    table: SensitivityTable | None
    estimate: SensitivityTable | None = None
    plans: tuple[KnownPlan, ...] = ()


@dataclass(frozen=True)
class GraphRead:
    graph: NetworkGraph


@dataclass(frozen=True)
class CouplingsFound:
    couplings: Couplings


@dataclass(frozen=True)
class Evaluated:
    evaluation: Evaluation


@dataclass(frozen=True, eq=False)
class ActivationsRecorded:
    """Spectrum of each layer's output over `samples` calibration samples, and figures of its channels."""

    spectra: dict[str, Spectrum]
    samples: int
    channels: Mapping[str, ChannelActivity] = field(default_factory=dict)


@dataclass(frozen=True)
class RunFinished:
    record: RunRecord


@dataclass(frozen=True, eq=False)
class Compared:
    """`spectra_a` and `spectra_b` are those of the weights by layer name, where they were asked for."""

    comparison: Comparison
    spectra_a: dict[str, Spectrum] = field(default_factory=dict)
    spectra_b: dict[str, Spectrum] = field(default_factory=dict)


@dataclass(frozen=True)
class Exported:
    file: ExportedFile


@dataclass(frozen=True)
class FormatAnswer:
    """Whether a format can hold a model: `refusal` is why not, `loss` what of the model it would leave out."""

    format: str
    refusal: str = ""
    loss: str = ""


@dataclass(frozen=True)
class FormatsAnswered:
    """One answer for each format that is written, for the model or for this run's result."""

    run: str
    answers: tuple[FormatAnswer, ...]


@dataclass(frozen=True, eq=False)
class RunSpectraCounted:
    """Spectrum of every layer's weight in a run's shipped file, by layer name."""

    run: str
    spectra: dict[str, Spectrum]


@dataclass(frozen=True)
class SkeletonWritten:
    """The graph without weights; the file is gone when the engine ends."""

    path: Path


@dataclass(frozen=True, eq=False)
class SampleFollowed:
    """The best answers of both networks to the sample that was followed; everything else came before, piece by piece.

    `unsaid` is why the answer was not followed layer by layer, or where it was not: a sentence, empty where it was.
    `notes` are sentences on what of a plan was left out.
    """

    original: tuple[Guess, ...] = ()
    compressed: tuple[Guess, ...] = ()
    unsaid: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunsListed:
    """`deleted` lie in the trash, the last one first: they can be brought back."""

    runs: tuple[RunRecord, ...]
    deleted: tuple[RunRecord, ...] = ()


@dataclass(frozen=True)
class Configured:
    """Where it is computed from now on, which is the CPU where what was asked for is not here."""

    device: str
    threads: int


Result = (
    Configured
    | OptionsTimed
    | AutopilotEnded
    | AutopilotFound
    | PlanChecked
    | ModelOpened
    | SpectraCounted
    | PlanSolved
    | BudgetUnmet
    | PlanExplained
    | FrontFound
    | LeastFound
    | PlanRehearsed
    | DataOpened
    | LatencyMeasured
    | SensitivityScored
    | SensitivityFound
    | GraphRead
    | CouplingsFound
    | Evaluated
    | ActivationsRecorded
    | RunFinished
    | Compared
    | Exported
    | FormatsAnswered
    | RunSpectraCounted
    | RunsListed
    | SkeletonWritten
    | SampleFollowed
    | MapsRead
    | SamplesShown
    | ChannelsRead
    | FiltersRead
    | MatrixRead
)
Live = (
    CurvePoint
    | SpectraReady
    | RowsMeasured
    | SoftAnswers
    | TakenSample
    | LayerMaps
    | AnswerAt
    | ChannelsRead
    | TrialsTold
    | PlanMeasured
)


@dataclass(frozen=True)
class EngineReady:
    """`device` is its name for a person, `devices` are all that there are to choose from."""

    device: str
    threads: int
    pid: int
    devices: tuple[DeviceOffer, ...] = ()


@dataclass(frozen=True)
class EngineDied:
    """A process ended by itself; `sentence` says what that means and what was kept."""

    sentence: str
    lost: tuple[Request, ...]
    """Requests that were running or waiting."""
    given_up: bool = False
    """Three starts failed in a row: no further one is tried."""
    jobs: tuple[int, ...] = ()
    """The numbers of `lost`."""
    was_working: bool = True
    """False where it was the process that answers questions beside the running job, which goes on."""


@dataclass(frozen=True)
class Started:
    job: int
    request: Request


@dataclass(frozen=True)
class Progress:
    """`done` of `total` of what is being done, in its own unit; `share` (0 to 1) of the whole job, where it is known.

    `eta_s` is for the whole job, None until it can be told; with `eta_is_least` it takes at least so long.
    """

    job: int
    done: int
    total: int
    text: str
    eta_s: float | None = None
    eta_is_least: bool = False
    share: float | None = None


@dataclass(frozen=True)
class Log:
    job: int
    text: str


@dataclass(frozen=True, eq=False)
class Partial:
    """A live value of a running job."""

    job: int
    value: Live


@dataclass(frozen=True, eq=False)
class Finished:
    job: int
    result: Result


@dataclass(frozen=True)
class Failed:
    """`details` is the traceback where it was a bug, empty where the person can mend it.

    `was_wrong` tells a request that could not be carried out from a job that did not succeed. `wants` are the names
    that a pickle wants to import: asked again with a source that is trusted, it is opened. `existing` are files that
    would be written over: asked again with `replace`, they are.
    """

    job: int
    sentence: str
    hint: str = ""
    details: str = ""
    was_wrong: bool = False
    wants: tuple[WantedImport, ...] = ()
    existing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stopped:
    job: int


Event = EngineReady | EngineDied | Started | Progress | Log | Partial | Finished | Failed | Stopped
