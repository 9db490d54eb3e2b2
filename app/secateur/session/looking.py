"""Looking at weights: asks the engine, and takes in what it answers. A new question replaces an older one."""

from dataclasses import replace
from typing import TYPE_CHECKING

from secateur.engine.events import (
    ChannelsRead,
    EngineDied,
    Event,
    Failed,
    FiltersRead,
    Finished,
    MatrixRead,
    Partial,
    Stopped,
)
from secateur.session.looked import ChosenChannel, Look, LookAnswer, LookKind, LookRequest

if TYPE_CHECKING:
    from secateur.session.session import Session


class Looking:
    """What a session knows of its questions on the way. The answers go to `SessionState.looks`."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._kinds: dict[int, LookKind] = {}

    def ask(self, kind: LookKind, request: LookRequest) -> None:
        """Ask, unless just that was asked last; what was asked before of this kind is given up."""
        known = self._session.state.looks.get(kind)
        if known is not None and known.request == request:
            return
        self._give_up(kind)
        job = self._session.engine.submit(request)
        self._kinds[job] = kind
        self._put(kind, Look(request, job))

    def choose_channel(self, layer: str, channel: int) -> None:
        """Select this output channel everywhere."""
        chosen = ChosenChannel(layer, channel)
        if chosen != self._session.state.channel:
            self._session.update(channel=chosen)

    def give_up(self) -> None:
        """Give up every question: another model is wanted. Where the one that is open stays, they are asked again."""
        for job in self._kinds:
            self._session.engine.cancel(job)

    def receive(self, event: Event) -> bool:
        """Take in an event that concerns a question of ours; whether it was one."""
        if isinstance(event, EngineDied):
            self._forget(event)
            return False
        job = getattr(event, "job", None)
        kind = self._kinds.get(job) if isinstance(job, int) else None
        if kind is None or not isinstance(job, int):
            return False
        match event:
            case Partial(value=ChannelsRead() as answer):
                self._answer(kind, job, answer, is_waiting=True)
            case Finished(result=ChannelsRead() | FiltersRead() | MatrixRead() as answer):
                self._answer(kind, job, answer, is_waiting=False)
            case Failed():
                self._change(kind, job, is_waiting=False, problem=(event.sentence, event.hint))
            case Stopped():  # what is still wanted is asked again
                if self._is_current(kind, job):
                    self._session.update(looks={k: v for k, v in self._session.state.looks.items() if k != kind})
        if isinstance(event, Finished | Failed | Stopped):
            del self._kinds[job]
        return True

    # ------------------------------------------------------------------ the state

    def _give_up(self, kind: LookKind) -> None:
        for job, own in self._kinds.items():
            if own == kind:
                self._session.engine.cancel(job)

    def _forget(self, event: EngineDied) -> None:
        """Questions that went down with the engine are forgotten, so that they are asked again."""
        lost = [job for job in self._kinds if not event.jobs or job in event.jobs]
        gone = {self._kinds.pop(job) for job in lost}
        if gone:
            looks = self._session.state.looks
            self._session.update(looks={k: v for k, v in looks.items() if k not in gone or not v.is_waiting})

    def _is_current(self, kind: LookKind, job: int) -> bool:
        known = self._session.state.looks.get(kind)
        return known is not None and known.job == job

    def _answer(
        self, kind: LookKind, job: int, answer: ChannelsRead | FiltersRead | MatrixRead, *, is_waiting: bool
    ) -> None:
        value: LookAnswer
        match answer:
            case ChannelsRead(figures=figures):
                value = figures
            case FiltersRead(page=page):
                value = page
            case MatrixRead(tile=tile):
                value = tile
        self._change(kind, job, answer=value, is_waiting=is_waiting)

    def _change(self, kind: LookKind, job: int, **changes: object) -> None:
        if self._is_current(kind, job):
            self._put(kind, replace(self._session.state.looks[kind], **changes))  # type: ignore[arg-type]

    def _put(self, kind: LookKind, look: Look) -> None:
        self._session.update(looks={**self._session.state.looks, kind: look})
