"""What is open and decided: one frozen value. The window shows it; edits make a new one.

No tensors, no Qt. The plan is a recipe with explicit layer names, so that what the form shows, what runs and
what is saved are one thing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.engine.events import (
    ActivationsRecorded,
    BudgetUnmet,
    Compared,
    CurvePoint,
    DeviceOffer,
    KnownPlan,
    LeastFound,
    PlanExplained,
    Preview,
    RunRecord,
    SoftAnswers,
)
from secateur.engine.requests import Configure, DataSource, Request
from secateur.engine.timing import OptionsTimed
from secateur.methods.base import Family, Method
from secateur.methods.facts import Facts, facts_of
from secateur.model.description import Layer, ModelDescription, ModelSource
from secateur.model.documents import DataDescription, Evaluation, SensitivityTable
from secateur.model.graph import NetworkGraph
from secateur.model.plan_check import MeasuredPlan
from secateur.model.spectrum import Spectra, Spectrum
from secateur.model.trust import WantedImport
from secateur.recipe.editing import step_of
from secateur.recipe.front import Axis, FrontPoint
from secateur.recipe.interaction import is_same_plan
from secateur.recipe.recipe import Recipe
from secateur.recipe.speed_cost import SpeedCost
from secateur.session.followed import Followed
from secateur.session.looked import ChosenChannel, Look, LookKind
from secateur.session.memory import View
from secateur.session.piloted import Piloted
from secateur.targets import TARGETS, target_named
from secateur.targets.timings import Timings


@dataclass(frozen=True)
class JobState:
    """A job as the jobs panel shows it."""

    job: int
    request: Request
    title: str
    done: int = 0
    total: int = 0
    text: str = ""
    eta_s: float | None = None
    """Until the whole job is done."""
    log: tuple[str, ...] = ()
    eta_is_least: bool = False
    """Whether it may well take longer: what comes after was never done before."""
    share: float | None = None
    """How far the whole job is, 0 to 1, where it has several stages."""


@dataclass(frozen=True)
class Notice:
    """One sentence for the person, with a way out; `kind` is `info`, `warn` or `error`.

    `remedy` names an action (see ui.actions), `details` a traceback where it was a bug. `subject` is what it speaks of
    (see session.notices): a later notice of the same takes its place, and what answers it takes it away.
    """

    kind: str
    sentence: str
    hint: str = ""
    remedy: str = ""
    details: str = ""
    subject: str = ""


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a run, a file, or, where neither is named, the original."""

    run: str = ""
    source: ModelSource | None = None

    @property
    def is_original(self) -> bool:
        return not self.run and self.source is None


@dataclass(frozen=True)
class TrustQuestion:
    """A model whose file is a pickle that wants more than weights need; `wants` has the dangerous names first."""

    source: ModelSource
    sentence: str
    wants: tuple[WantedImport, ...]


@dataclass(frozen=True)
class Front:
    """The best plans along an axis, as far as they are known; `problem` says why there are none."""

    axis: Axis = "bytes"
    points: tuple[FrontPoint, ...] = ()
    is_waiting: bool = False
    problem: str = ""


@dataclass(frozen=True)
class SessionState:
    """The whole of what the window shows. `recipe` is the plan; everything else is what is known."""

    model: ModelDescription | None = None
    spectra: Mapping[str, Spectra] = field(default_factory=dict)
    singular_values: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """Of the layers for which they were worked out; see `Facts`."""
    data: DataDescription | None = None
    data_source: DataSource | None = None
    previews: tuple[Preview, ...] = ()
    baseline: Evaluation | None = None
    tables: Mapping[str, SensitivityTable] = field(default_factory=dict)
    """Sensitivity by depth: `free`, `estimate`, `measure`."""
    measured_on: int = 512
    """Samples on which sensitivity is measured; batches that were measured before are not run again."""
    activations: ActivationsRecorded | None = None
    graph: NetworkGraph | None = None
    graph_failure: tuple[str, str] = ("", "")
    """Why there is no graph: a sentence and what would help; empty otherwise."""
    recipe: Recipe = field(default_factory=Recipe)
    chosen_step: str = ""
    """The id of the step that is edited where the recipe has several of its family."""
    target: str = TARGETS[0].id
    """The id of the runtime that the plan is made for."""
    timed: OptionsTimed | None = None
    """Milliseconds of the options in the target; None as long as they are not measured."""
    speed_cost: SpeedCost | None = None
    """What the plan gives up in speed for its budget, where the budget made it."""
    solved: Recipe | None = None
    """The last plan that a budget made; the present one is another as soon as it is changed by hand."""
    kept: frozenset[str] = frozenset()
    """Layers whose choice a person keeps: the budget leaves them as they are planned."""
    binding: frozenset[str] = frozenset()
    """The limits that keep a layer of the plan from a better choice, where the budget made it."""
    taken: Mapping[str, float] = field(default_factory=dict)
    """The budget of a plan that was taken without a drag (the nearest, one of the front): the sliders go there."""
    unmet: BudgetUnmet | None = None
    """What the solver said of a budget that no plan meets, as long as that is what is asked for."""
    checked: tuple[KnownPlan, ...] = ()
    """Plans of this model that were measured as a whole on this data, now or earlier."""
    least: LeastFound | None = None
    """The smallest file and the fastest network that the scored options lead to, once they were found."""
    explained: PlanExplained | None = None
    """Why the layer that is looked at is planned as it is, and what more damage would buy."""
    front: Front | None = None
    """The best plans of all sizes, or milliseconds, once they were asked for."""
    can_undo: bool = False
    can_redo: bool = False
    jobs: tuple[JobState, ...] = ()
    """Running first, then waiting."""
    questions: tuple[JobState, ...] = ()
    """What was asked besides and is answered while a job runs; nothing that a person has to see waiting."""
    curve: tuple[CurvePoint, ...] = ()
    answers: SoftAnswers | None = None
    runs: tuple[RunRecord, ...] = ()
    deleted: tuple[RunRecord, ...] = ()
    """Runs in the trash, the last deleted one first."""
    shown_run: str = ""
    run_spectra: Mapping[str, Spectrum] = field(default_factory=dict)
    """Spectra of the shown run's shipped weights, by layer."""
    left: Side = field(default_factory=Side)
    right: Side | None = None
    """What stands at the right in Compare; the shown run where nothing was chosen."""
    comparison: Compared | None = None
    """Of the chosen two, where that is not a run beside the original."""
    comparison_failure: str = ""
    compared_files: tuple[ModelSource, ...] = ()
    """Files that were chosen for comparison, to choose them again."""
    skeleton: Path | None = None
    """The model's graph without weights, once asked for; the file lives as long as the engine."""
    skeleton_problem: str = ""
    """Why there is none, as a sentence."""
    trust: TrustQuestion | None = None
    """What a person has to answer before a model can be opened."""
    notices: tuple[Notice, ...] = ()
    engine: str = "Engine: starting"
    engine_ready: bool = False
    devices: tuple[DeviceOffer, ...] = ()
    """What can be computed on here; empty until the engine is up."""
    settings: Configure = field(default_factory=Configure)
    """The device and the number of threads that a person chose."""
    proposed: DataSource | None = None
    """The data of the model that was open before, which a person may take for this one too."""
    looks: Mapping[LookKind, Look] = field(default_factory=dict)
    """What was asked of a layer's weight to be looked at, and the answers."""
    channel: ChosenChannel | None = None
    """The output channel that is selected in every view of its layer."""
    followed: Followed = field(default_factory=Followed)
    """The sample that is followed through the network, and its thumbnails."""
    pilot: Piloted = field(default_factory=Piloted)
    """What is asked of autopilot, and the search that is told of."""
    view: View = field(default_factory=View)
    """How a person looked at this model the last time."""
    loading: str = ""
    """Label of the model that is being opened; empty otherwise."""

    # ------------------------------------------------------------------ the plan, layer by layer

    @cached_property
    def facts(self) -> Mapping[str, Facts]:
        """All that is known of each counted layer."""
        outputs = self.activations.spectra if self.activations else None
        if self.model is None:
            return {}
        target = target_named(self.target)
        return facts_of(self.model.layers, self.spectra, outputs, self.singular_values, target)

    def steps_of(self, layer: str) -> tuple[Method, ...]:
        """Methods planned for this layer, in the order in which they run."""
        return tuple(s.method for s in self.recipe.final if s.method.scope == "layer" and s.selects(layer))

    def step_of(self, layer: str, family: Family) -> Method | None:
        """The planned step of a family on a layer: the chosen one where it has several, else the first."""
        step = step_of(self.recipe, layer, family, self.chosen_step)
        return step.method if step else None

    def model_step(self, family: Family) -> Method | None:
        """The planned step that concerns the whole model (distillation), if any: the chosen one, else the first."""
        found = [s for s in self.recipe.final if s.method.scope == "model" and s.method.family == family]
        chosen = next((step for step in found if step.id == self.chosen_step), found[0] if found else None)
        return chosen.method if chosen else None

    @property
    def planned_layers(self) -> tuple[str, ...]:
        return tuple(layer.name for layer in self.rows if self.steps_of(layer.name))

    @property
    def rows(self) -> tuple[Layer, ...]:
        """The rows of the layer table: convolutions and linear layers in network order, or all tensors of a file."""
        return self.model.inspected_layers if self.model else ()

    @property
    def timings(self) -> Timings | None:
        """What was measured in the target, where the network could be timed there."""
        return self.timed.timings if self.timed and self.timed.timings and self.timed.timings.whole else None

    @property
    def channel_step(self) -> int:
        """What divides the widths that the target likes: as measured on this machine, else as is known of it."""
        measured = self.timed.timings.channel_step if self.timed and self.timed.timings else None
        return measured or target_named(self.target).channel_step

    @property
    def latency_before(self) -> float | None:
        """Milliseconds of the network as it is in the target: what was measured with the data, else with the options.

        Without either that of the data where the target is what it was measured in.
        """
        latency = self.baseline.latency_ms if self.baseline else None
        if latency is not None and latency.runtime == target_named(self.target).runtime:
            return latency.median
        return self.timings.whole if self.timings else None

    @cached_property
    def measured_plan(self) -> MeasuredPlan | None:
        """What the present plan was found to do when it was measured as a whole; None where it was not."""
        known = (one.measured for one in self.checked if is_same_plan(one.recipe, self.recipe))
        return next(known, None) if self.recipe.steps else None

    @property
    def table(self) -> SensitivityTable | None:
        """The best whole table at hand: measured before estimated before data-free."""
        return self.on_samples or self.tables.get("free")

    @property
    def on_samples(self) -> SensitivityTable | None:
        """The best whole table of damages to answers, on all samples or on few."""
        return self.measured or self.estimated

    @property
    def estimated(self) -> SensitivityTable | None:
        """The estimated table once it is whole."""
        table = self.tables.get("estimate")
        return table if table is not None and not table.pending else None

    @property
    def measured(self) -> SensitivityTable | None:
        """The measured table once it is whole: plans are not made from a part of one."""
        table = self.tables.get("measure")
        return table if table is not None and not table.pending else None

    @property
    def measured_in_part(self) -> SensitivityTable | None:
        """The table of a measurement that can go on where it was."""
        table = self.tables.get("measure")
        return table if table is not None and table.pending else None

    @property
    def running(self) -> JobState | None:
        return self.jobs[0] if self.jobs else None

    def question(self, kind: type) -> JobState | None:
        """The newest question of this kind that is not answered yet."""
        return next((asked for asked in reversed(self.questions) if isinstance(asked.request, kind)), None)

    @property
    def run(self) -> RunRecord | None:
        """The run that the Compare tab shows: the chosen one, else the newest finished one."""
        finished = [run for run in self.runs if run.document is not None]
        chosen = next((run for run in finished if run.run == self.shown_run), None)
        return chosen or (finished[0] if finished else None)

    def with_(self, **changes: Any) -> "SessionState":
        return replace(self, **changes)
