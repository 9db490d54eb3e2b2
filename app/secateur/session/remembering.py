"""What comes back when a model is opened again, and how a run that broke off finds what it needs.

Each model has its own: its data, its plan, how the window showed it. The data of the model before is only proposed.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from secateur.data.source import DataSource
from secateur.engine.events import RunRecord
from secateur.engine.requests import Compress
from secateur.recipe.reading import parse_recipe
from secateur.session import notices
from secateur.session.fit import what_would_change, why_not_for
from secateur.session.memory import Memory, Remembered, is_gone, mark_of
from secateur.session.state import Notice, SessionState

if TYPE_CHECKING:
    from secateur.session.session import Session

USE_DATA = "use_data"
"""The remedy of the notice that proposes data."""


@dataclass
class Remembering:
    """A part of the session. Without a memory nothing outlives it."""

    session: "Session"
    memory: Memory | None = None
    with_model: DataSource | None = None
    """Data that was asked for together with the model that is being opened."""
    waiting: DataSource | None = None
    """Data that a person asked for while a model was being opened: it is for that one."""
    _recalled: Remembered = field(default_factory=Remembered)
    _mark: tuple[DataSource | None, str] = (None, "")
    _resuming: RunRecord | None = None

    # ------------------------------------------------------------------ a model is opened

    def model_opened(self, before: SessionState) -> None:
        """Bring back what belongs to the model that is open now; `before` is the state with the one before."""
        session, model = self.session, self.session.state.model
        if model is None:
            return
        waiting, self.waiting = self.waiting, None
        wanted, self.with_model = waiting or self.with_model, None
        wanted = wanted or (before.data_source if before.model is None else None)
        again = before.model is not None and before.model.fingerprint == model.fingerprint
        wanted = wanted or (before.data_source if again else None)
        known = self.memory.recall(model.fingerprint) if self.memory and model.fingerprint else Remembered()
        self._recalled = known
        session.update(view=known.view)
        if known.recipe.steps:
            session.load_recipe(known.recipe)
        session.keeping.keep(known.kept)
        if model.runnable and wanted is not None:
            self.open_for(wanted)
        elif waiting is not None:
            session.open_data(waiting)  # which says why it cannot be
        elif model.runnable and known.data is not None:
            self._open_again(known.data, known.data_mark)
        elif model.runnable:
            self._propose(before)
        self._go_on()

    def wait_for_model(self, source: DataSource) -> None:
        """Keep data until the model that is being opened is there; the last one that was asked for counts."""
        self.waiting = source
        sentence = f"{Path(source.file).name} is opened as soon as {Path(self.session.state.loading).name} is open."
        self.session.notify(Notice("info", sentence, subject=notices.DATA))

    def model_not_opened(self) -> None:
        """The model did not open: data that waited for it is told of."""
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            sentence = f"{Path(waiting.file).name} was not opened, for the model that it was for is not open."
            hint = "Open a model, then its data once more."
            self.session.notify(Notice("warn", sentence, hint, "open", subject=notices.DATA))

    def open_for(self, source: DataSource) -> None:
        """Open this data for the open model, which is asked for it from now on."""
        self.session.update(data_source=source)
        self.session.open_data(source)

    def _open_again(self, source: DataSource, mark: str) -> None:
        if is_gone(source):
            sentence = f"The data that this model was open with is gone: {source.file}."
            hint = "Open it from where it is now, or choose other data."
            self.session.notify(Notice("warn", sentence, hint, "data", subject=notices.DATA))
            return
        if mark and mark_of(source) != mark:
            sentence = f"The data has changed since it was last open: {source.file}."
            self.session.notify(Notice("info", sentence, "What depends on it is measured anew."))
        self.open_for(source)

    def _propose(self, before: SessionState) -> None:
        """Offer the data of the model before, or say why it cannot be this one's."""
        model, data = self.session.state.model, before.data
        if model is None or data is None or before.data_source is None:
            return
        reason = why_not_for(data, model)
        if reason:
            sentence = f"{data.name} stays with {before.model.name if before.model else 'its model'}: {reason}"
            hint = "Open the data that this network was trained for."
            self.session.notify(Notice("info", sentence, hint, "data", subject=notices.DATA))
            return
        self.session.update(proposed=before.data_source)
        hint = " ".join(what_would_change(data, model))
        self.session.notify(Notice("info", f"Use {data.name} for {model.name}?", hint, USE_DATA, subject=notices.DATA))

    def use_proposed(self) -> None:
        """Open the data that is proposed."""
        proposed = self.session.state.proposed
        if proposed is not None:
            self.open_for(proposed)

    def data_opened(self) -> None:
        """The question of the data is answered."""
        if self.session.state.proposed is not None:
            self.session.update(proposed=None)
        self.keep()

    # ------------------------------------------------------------------ written down

    def set_view(self, **changes: object) -> None:
        """Note how a person looks at the open model: fields of `View`."""
        view = replace(self.session.state.view, **changes)  # type: ignore[arg-type]
        if self.session.state.model is not None and view != self.session.state.view:
            self.session.update(view=view)

    def keep(self) -> None:
        """Write down what belongs to the open model, where that has changed."""
        state = self.session.state
        if self.memory is None or state.model is None or not state.model.fingerprint:
            return
        known = self._recalled
        now = Remembered(known.data, known.data_mark, state.recipe, state.view, state.kept)
        if state.data is not None and state.data_source is not None:
            source = state.data_source.absolute()
            if self._mark[0] != source:
                self._mark = source, mark_of(source)
            now = Remembered(source, self._mark[1], state.recipe, state.view, state.kept)
        if now != known:
            self.memory.keep(state.model.fingerprint, now)
            self._recalled = now

    # ------------------------------------------------------------------ runs that broke off

    def offer(self, runs: tuple[RunRecord, ...]) -> None:
        """With nothing open: name the newest run that broke off and could go on."""
        broken = next(
            (r for r in runs if r.state == "interrupted" and r.model_source and Path(r.folder).is_dir()), None
        )
        if broken is not None:
            sentence = f"The run {broken.name} of {Path(broken.model).name} broke off."
            hint = "It goes on from its last checkpoint; its model and its data are opened with it."
            self.session.notify(
                Notice("warn", sentence, hint, f"resume:{broken.run}", subject=notices.of_run(broken.run))
            )

    def resume(self, record: RunRecord) -> None:
        """Go on with a run; what it needs is opened where it is not."""
        model = self.session.state.model
        if model is not None and model.fingerprint == record.fingerprint:
            self.start(record)
        elif record.model_source is not None:
            self.session.open_model(record.model_source, record.data_source)
            self._resuming = record
        else:
            hint = f"It was begun by an earlier version: open {record.model} and {record.data or 'its data'} first."
            self.session.notify(
                Notice("warn", "That run cannot go on yet.", hint, "open", subject=notices.of_run(record.run))
            )

    def forget_resuming(self) -> None:
        """The model of the run could not be opened, or a person wants another one."""
        self._resuming = None

    def _go_on(self) -> None:
        """Start the run for whose sake the model was opened."""
        record, self._resuming, model = self._resuming, None, self.session.state.model
        if record is None or model is None:
            return
        if model.fingerprint == record.fingerprint:
            self.start(record)
            return
        sentence = f"{model.name} is not what it was when {record.name} was begun: the file has changed."
        hint, subject = "Restore its plan and run it anew.", notices.of_run(record.run)
        self.session.notify(Notice("warn", sentence, hint, subject=subject))

    def start(self, record: RunRecord, *, alone: bool = False) -> None:
        """Go on with a run of the open model; with the search that it is a trial of, unless it is wanted `alone`."""
        import yaml

        session, state = self.session, self.session.state
        if state.model is None:
            return
        data = record.data_source or state.data_source
        if data is None and state.model.runnable:
            hint = f"It ran on {record.data}; how that was prepared was not kept. Open it first."
            session.notify(
                Notice("warn", "That run cannot go on yet.", hint, "data", subject=notices.of_run(record.run))
            )
            return
        if state.model.runnable and data is not None and state.data_source is None:
            self.open_for(data)
        if session.piloting.belongs(record) and not alone:
            session.piloting.go_on_with(record)
            return
        session.resume_with(
            Compress(
                state.model.source,
                data or DataSource(""),
                parse_recipe(yaml.safe_load(record.recipe_yaml)),
                record.run,
                folder=Path(record.folder) if record.folder else None,
                exports=record.exports,
                resume=True,
                name=record.name,
                target=state.target,
            )
        )
