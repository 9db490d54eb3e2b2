"""The session: holds the state, turns what a person wants into requests, and folds the engine's events in.

It knows no Qt: whoever shows it passes a `changed` callback and calls `receive(event)` on its own thread.
"""

from collections.abc import Sequence
from dataclasses import replace

from secateur.engine.events import Event
from secateur.engine.requests import (
    QUESTIONS,
    AskFormats,
    Autopilot,
    CheckPlan,
    Compare,
    Compress,
    Configure,
    CountRunSpectra,
    CountSpectra,
    DataSource,
    Export,
    FindCouplings,
    FindSensitivity,
    ListRuns,
    MeasureLatency,
    OpenData,
    OpenModel,
    ReadGraph,
    RecordActivations,
    RehearsePlan,
    Request,
    ScoreSensitivity,
    WriteSkeleton,
)
from secateur.methods.base import Family, Method
from secateur.model.description import ModelSource
from secateur.model.documents import Predicted
from secateur.recipe.editing import expanded, with_method, with_model_step, without_layers
from secateur.recipe.options import OPTIONS, option
from secateur.recipe.prediction import predict_plan
from secateur.recipe.recipe import Recipe
from secateur.session import coupling, effects, events, notices, reasons
from secateur.session.budgeting import Budgeting
from secateur.session.changes import Changed, changed_parts
from secateur.session.checking import Checking
from secateur.session.comparing import Comparing
from secateur.session.effects import LayerEffect
from secateur.session.engine import Engine
from secateur.session.explaining import Explaining
from secateur.session.following import Following
from secateur.session.history import History, new_run
from secateur.session.keeping import Keeping
from secateur.session.looking import Looking
from secateur.session.memory import Memory
from secateur.session.ordering import Ordering
from secateur.session.piloting import Piloting
from secateur.session.plans import Plans
from secateur.session.remembering import Remembering
from secateur.session.state import JobState, Notice, SessionState
from secateur.session.timing import Timing
from secateur.session.titles import title_of

SAMPLE_MODEL = ModelSource("sample:model")
SAMPLE_DATA = DataSource("sample:mnist")
SHOWN_AT_ONCE = (Autopilot, CheckPlan, Compare, Compress, FindCouplings)
"""Requests that are a job from the moment they are asked; others when the engine starts them."""

EXPORTS = ("onnx",)
ALSO = ("safetensors",)
"""What a run is written as besides, where its result can be held: either can be exported afterwards."""

__all__ = ["SAMPLE_DATA", "SAMPLE_MODEL", "Engine", "LayerEffect", "Session"]


class Session:
    """One opened model with its data, plan, history and jobs. Every change goes through these methods."""

    def __init__(self, engine: Engine, changed: Changed, memory: Memory | None = None) -> None:
        self.engine, self.changed = engine, changed
        self.state = SessionState()
        self.remembering = Remembering(self, memory)
        self.history = History(self)
        self.looking = Looking(self)
        self.following = Following(self)
        self.plans = Plans(self)
        self.keeping = Keeping(self)
        self._stopping: set[int] = set()
        self.budget = Budgeting(self)
        self.explaining = Explaining(self)
        self.comparing = Comparing(self)
        self.timing = Timing(self)
        self.ordering = Ordering(self)
        self.piloting = Piloting(self)
        self.checking = Checking(self)

    def update(self, **changes: object) -> None:
        """Replace parts of the state, and tell whoever shows it which."""
        before = self.state
        state = replace(before, **changes)  # type: ignore[arg-type]
        self.state = replace(state, notices=notices.still_open(state))
        self.changed(self.state, changed_parts(before, self.state))

    # ------------------------------------------------------------------ what is open

    def open_model(self, source: ModelSource, data: DataSource | None = None) -> None:
        """Open a model, with this data or else its own; the one on the screen stays until the new one arrives."""
        self.remembering.forget_resuming()
        self.remembering.with_model = data
        if data is not None:
            self.remembering.waiting = None
        for job in (*self.state.jobs, *(q for q in self.state.questions if hasattr(q.request, "model"))):
            self.engine.cancel(job.job)
        self.looking.give_up()
        self.following.give_up()
        self.update(loading=source.label, notices=())
        self.submit(OpenModel(source))

    def answer_trust(self, *, trusted: bool) -> None:
        """What a person says to the question in the state: open the file's code in a confined process, or leave it."""
        question = self.state.trust
        if question is None:
            return
        self.update(trust=None)
        if trusted:
            self.open_model(replace(question.source, trusted=True), self.remembering.with_model)
        else:
            self.remembering.model_not_opened()

    def open_data(self, source: DataSource) -> None:
        """Open data for the open model: preview, and the baseline check. It waits for one that is being opened."""
        if self.state.loading:
            self.remembering.wait_for_model(source)
            return
        if self.state.model is None:
            self.notify(
                Notice("warn", "Open a model before its data.", "Data is prepared for a model's input.", "open")
            )
            return
        if not self.allowed("data"):
            return
        self.submit(OpenData(self.state.model.source, source))

    def open_sample(self) -> None:
        """The bundled network with its data."""
        self.open_model(SAMPLE_MODEL, SAMPLE_DATA)

    # ------------------------------------------------------------------ what is known

    def score(self, depth: str) -> None:
        """Score the sensitivity of every option of every layer: `free`, `estimate` or `measure`."""
        if self.allowed("analyse" if depth == "free" else "measure") and self.state.model:
            self.submit(self._scoring(depth))

    def analyse(self) -> None:
        """The next deeper table: an estimate in seconds first, the measurement once that is there."""
        tables = self.state.tables
        self.score("measure" if self.state.estimated or "measure" in tables else "estimate")

    def find_sensitivity(self) -> None:
        """Look for what was measured before of the open model on the open data; what is found is shown."""
        model = self.state.model
        if model is not None and model.trainable and self.state.data_source is not None:
            self.submit(FindSensitivity(self._scoring("measure")))

    def _scoring(self, depth: str) -> ScoreSensitivity:
        model = self.state.model
        assert model is not None  # noqa: S101 - asked for after a look at it
        ids = tuple(candidate.id for candidate in OPTIONS)
        on = self.state.measured_on
        return ScoreSensitivity(model.source, self.state.data_source, depth, ids, on, self.state.target)

    def record_activations(self) -> None:
        """Record the spectra of every layer's output over calibration samples."""
        if self.allowed("measure") and self.state.model and self.state.data_source:
            self.submit(RecordActivations(self.state.model.source, self.state.data_source))

    def read_graph(self) -> None:
        """Ask for the graph of the open model, unless it is there or on its way; after a failure it is tried again."""
        if self.state.model is None or self.state.graph is not None:
            return
        request = ReadGraph(self.state.model.source)
        if all(asked.request != request for asked in self.state.questions):
            self.update(graph_failure=("", ""))
            self.submit(request)

    # ------------------------------------------------------------------ the plan

    def set_method(self, layers: Sequence[str], family: Family, method: Method | None, *, merge: str = "") -> None:
        """Plan `method` on these layers in place of what its family had there; None takes it out.

        Layers that the method does not support are left out. `merge` names a gesture whose steps are one undo.
        """
        if self.state.model and method:
            layers = [name for name in layers if not method.supports(self.state.model.layer(name))]
        if method and method.changes_widths:
            coupling.find_couplings(self)  # once more where the first time went wrong
        if layers:
            recipe = with_method(self.state.recipe, layers, family, method, self.state.chosen_step)
            self._plan_by_hand(layers, recipe, merge)

    def set_model_method(self, family: Family, method: Method | None, *, merge: str = "") -> None:
        """Plan a whole-model step (distillation), or take it out."""
        self.plan(with_model_step(self.state.recipe, family, method, self.state.chosen_step), merge)

    def choose_option(self, layers: Sequence[str], option_id: str) -> None:
        """Plan an option of the sensitivity table; choosing it again where all layers have it takes it out."""
        method = option(option_id).suited(self.state.channel_step).method
        chosen = coupling.with_coupled(layers, self.state.rows) if method.changes_widths else layers
        has_it = all(self.state.step_of(name, method.family) == method for name in chosen)
        self.set_method(chosen, method.family, None if has_it else method)

    def clear_layers(self, layers: Sequence[str]) -> None:
        """Back to float: no method on these layers."""
        self._plan_by_hand(layers, without_layers(self.state.recipe, layers))

    def reset_plan(self) -> None:
        self.plans.take(Recipe(), kept=(), changes={"solved": None})

    def load_recipe(self, recipe: Recipe, *, told: bool = True) -> None:
        """Take over a recipe; its patterns become the layers that they select and that its methods work on.

        Where it is `told`, a notice says which layers are left out, and why.
        """
        layers = self.state.model.weighted_layers if self.state.model else ()
        taken, left_out = expanded(recipe, layers)
        self.plans.take(taken, kept=(), changes={"solved": None})
        if left_out and told:
            self.notify(Notice("info", " ".join(left_out), subject=notices.RECIPE))

    def undo(self) -> None:
        self.plans.undo()

    def redo(self) -> None:
        self.plans.redo()

    def plan(self, recipe: Recipe, gesture: str = "") -> None:
        """Make this recipe the plan; the edits of one `gesture` are one undo."""
        self.plans.take(recipe, gesture)

    def _plan_by_hand(self, layers: Sequence[str], recipe: Recipe, gesture: str = "") -> None:
        """What a person chose for these layers; see `keeping` for what becomes of it."""
        before = self.state.kept
        self.plans.take(recipe, gesture, self.keeping.by_hand(layers, recipe))
        self.keeping.tell(before)

    def predicted(self) -> Predicted | None:
        """What the whole plan is expected to cost; None until the spectra of all planned layers are there."""
        state = self.state
        if state.model is None or coupling.is_waited_for(state):
            return None
        if not state.spectra or not set(state.planned_layers) <= set(state.spectra):
            return None
        learned, table = self.checking.learned, state.on_samples
        return predict_plan(state.model, state.facts, state.recipe, table, state.baseline, state.timings, learned)

    def effect(self, layers: Sequence[str]) -> LayerEffect | None:
        """The predicted effect of the plan on these layers together."""
        return effects.effect_of(self.state, layers, self.checking.learned)

    # ------------------------------------------------------------------ jobs, runs, results

    def run_plan(self) -> None:
        """Start the planned run in the background."""
        if not self.allowed("run") or self.state.model is None:
            return
        data = self.state.data_source or DataSource("")
        run = new_run()
        name = effects.plan_name(self.state)
        self.update(curve=(), answers=None)
        source, recipe, target = self.state.model.source, self.state.recipe, self.state.target
        self.submit(RehearsePlan(source, recipe, target))  # said before the steps begin, where it will be slower
        self.submit(Compress(source, data, recipe, run, exports=EXPORTS, also=ALSO, name=name, target=target))

    def stop(self, job: int) -> None:
        """Ask a job to stop; asked a second time, the process that does it is restarted at once."""
        if job in self._stopping:
            self.engine.restart(job)
            return
        self._stopping.add(job)
        self.engine.cancel(job)

    def resume_with(self, request: Compress) -> None:
        """Submit a resumed run; one that does not know its formats is written in the usual ones."""
        runs = tuple(replace(r, state="running") if r.run == request.run else r for r in self.state.runs)
        self.update(curve=(), answers=None, runs=runs)
        exports = tuple(name for name in request.exports if name not in ALSO) or EXPORTS
        self.submit(replace(request, exports=exports, also=ALSO))

    def show_run(self, run: str) -> None:
        """Make this the run that is compared with the original."""
        self.update(shown_run=run, run_spectra={})
        self.submit(CountRunSpectra(run))

    def export(self, request: Export) -> None:
        """Write the model, or a run's result, and prove it; the answer is an event."""
        if self.state.model is not None:
            self.submit(request)

    def ask_formats(self, run: str = "") -> None:
        """Ask which formats can hold the model, or a run's result; the answer is an event."""
        if self.state.model is not None:
            self.submit(AskFormats(self.state.model.source, run))

    def list_runs(self) -> None:
        """The runs of the open model; with nothing open all runs, of which one may have broken off."""
        self.submit(ListRuns(self.state.model.fingerprint if self.state.model else ""))

    def measure_latency(self) -> None:
        if self.state.model is not None and self.state.model.runnable and not self.state.model.is_deferred:
            self.submit(MeasureLatency(self.state.model.source))

    def write_skeleton(self) -> None:
        """Ask for the graph without weights that Netron shows; it arrives in the state."""
        if self.state.model is None:
            return
        request = WriteSkeleton(self.state.model.source)
        if all(asked.request != request for asked in self.state.questions):
            self.update(skeleton=None, skeleton_problem="")
            self.submit(request)

    def configure(self, settings: Configure) -> None:
        """Compute on another device, or with other threads; a job that goes on is done as it was begun."""
        if settings != self.state.settings:
            has_other_threads = settings.threads != self.state.settings.threads
            self.update(settings=settings)
            if has_other_threads:
                self.timing.forget()
            self.submit(settings)

    def count_spectra(self) -> None:
        if self.state.model is not None:
            self.submit(CountSpectra(self.state.model.source))

    # ------------------------------------------------------------------ notices, reasons, events

    def notify(self, notice: Notice) -> None:
        """Say something; it takes the place of what was said of the same subject."""
        self.update(notices=notices.with_notice(self.state.notices, notice))

    def answered(self, *subjects: str) -> None:
        """What was said of these subjects is settled."""
        kept = notices.without(self.state.notices, *subjects)
        if kept is not self.state.notices:
            self.update(notices=kept)

    def dismiss(self, notice: Notice) -> None:
        self.update(notices=tuple(known for known in self.state.notices if known != notice))

    def why_not(self, action: str) -> str:
        """Why an action cannot be done now, as a sentence with what would help; empty where it can."""
        return reasons.why_not(self.state, action)

    def receive(self, event: Event) -> None:
        """Fold one event of the engine into the state."""
        events.fold(self, event)

    def close(self) -> None:
        self.engine.close()

    def stopped(self, job: int) -> None:
        self._stopping.discard(job)

    def submit(self, request: Request) -> int:
        """Ask the engine; its job number. A question is in the state's `questions` until it is answered."""
        self.timing.make_way(request)
        job = self.engine.submit(request)
        if isinstance(request, QUESTIONS):
            asked = JobState(job, request, title_of(request))
            self.update(questions=(*self.state.questions, asked))
        if isinstance(request, SHOWN_AT_ONCE):  # also while others are before it: not to be asked twice
            waiting = JobState(job, request, title_of(request), text="waiting")
            self.update(jobs=(*self.state.jobs, waiting))
        return job

    def allowed(self, action: str) -> bool:
        """Whether an action can be done now; where it cannot, a notice says why."""
        reason = self.why_not(action)
        if reason:
            self.notify(Notice("warn", reason, subject=f"{notices.REFUSED}{action}"))
        return not reason
