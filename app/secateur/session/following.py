"""Following a sample: asks the engine, and takes in what it says of it. A new question replaces an older one."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from secateur.engine.events import (
    EngineDied,
    Event,
    Failed,
    Finished,
    MapsRead,
    Partial,
    Progress,
    SampleFollowed,
    SamplesShown,
    Stopped,
)
from secateur.engine.requests import FollowSample, ReadMaps, Request, Sample, ShowSamples
from secateur.model.maps import FIRST_CHANNELS, AnswerAt, LayerMaps, TakenSample
from secateur.recipe.recipe import Recipe
from secateur.session.followed import Followed

if TYPE_CHECKING:
    from secateur.session.session import Session
    from secateur.session.state import SessionState

STRIP: Final = 24
"""Thumbnails that are read at a time."""
PAGE_SIDE: Final = 48
STOPPED: Final = ("Following the sample was stopped.", "")
CLOSE_SIDE: Final = 512
"""The largest side of a map that is shown alone."""


def why_not_follow(state: "SessionState") -> str:
    """Why no sample can be followed through the open model, as a sentence; empty where it can."""
    model = state.model
    if model is None:
        return "Open a model first."
    if model.blocked:
        return f"{model.name} can be inspected alone. {model.blocked}"
    if not model.runnable:
        return f"A sample needs a network to go through, and {model.name} is weights alone: {model.reason}"
    if not model.trainable:
        return f"It is followed through torch networks, and this file stays a file. {model.reason}"
    return ""


def takes_text(state: "SessionState") -> bool:
    """Whether the model's input can be the token ids of a text."""
    ports = state.model.inputs if state.model else ()
    return any(port.dtype.startswith(("int", "uint")) and len(port.shape) == 2 for port in ports)


class Following:
    """What a session knows of its questions that are on the way. The answers go to `SessionState.followed`."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._jobs: dict[int, Request] = {}
        self._given_up: set[int] = set()

    # ------------------------------------------------------------------ asking

    def wanted(self, sample: Sample, run: str) -> FollowSample | None:
        """The question for this sample beside this run, or beside the plan where none is named."""
        state = self._session.state
        if state.model is None:
            return None
        recipe = Recipe() if run else state.recipe
        return FollowSample(state.model.source, state.data_source, sample, recipe, run)

    def follow(self, sample: Sample, run: str = "") -> None:
        """Follow a sample, whatever was asked before."""
        request = self.wanted(sample, run)
        if request is None or why_not_follow(self._session.state):
            return
        self._drop(FollowSample, ReadMaps)
        self._ask(request)
        self._update(request=request, is_running=True, problem=("", ""), page=None, close=None, end=None)

    def read_page(self, layer: str, first: int) -> None:
        """Ask for the channels of a layer from `first` on."""
        self._read(layer, first, FIRST_CHANNELS, PAGE_SIDE)

    def read_close(self, layer: str, channel: int) -> None:
        """Ask for one channel as large as it is."""
        self._read(layer, channel, 1, CLOSE_SIDE)

    def _read(self, layer: str, first: int, count: int, side: int) -> None:
        request = self._session.state.followed.request
        if request is not None:
            self._drop(ReadMaps)
            self._ask(ReadMaps(request, layer, first, count, side))

    def show_samples(self, start: int) -> None:
        """Ask for the thumbnails from `start` on, those of other data are forgotten."""
        state = self._session.state
        if state.model is None or state.data_source is None:
            return
        request = ShowSamples(state.model.source, state.data_source, start, STRIP)
        if request not in self._jobs.values():
            self._drop(ShowSamples)
            self._ask(request)

    def give_up(self) -> None:
        """Give up every question: another model is wanted."""
        self._drop(FollowSample, ReadMaps, ShowSamples)
        if self._session.state.followed.is_running:  # where the model that is open stays
            self._update(is_running=False, problem=STOPPED)

    def _ask(self, request: Request) -> None:
        self._jobs[self._session.engine.submit(request)] = request

    def _drop(self, *kinds: type) -> None:
        """Give up what was asked of these kinds and is not answered."""
        for job in [job for job, request in self._jobs.items() if isinstance(request, kinds)]:
            del self._jobs[job]
            self._given_up.add(job)
            self._session.engine.cancel(job)

    # ------------------------------------------------------------------ answers

    def receive(self, event: Event) -> bool:
        """Take in an event that concerns a question of ours; whether it was one."""
        if isinstance(event, EngineDied):
            lost = [job for job, request in self._jobs.items() if request in event.lost]
            if any(isinstance(self._jobs.pop(job), FollowSample) for job in lost):
                self._update(is_running=False, problem=("The engine ended before the sample was through.", ""))
            return False
        if isinstance(event, Progress) and isinstance(self._jobs.get(event.job), FollowSample):
            self._update(doing=event.text)
            return True
        if not isinstance(event, Partial | Finished | Failed | Stopped):
            return False
        if event.job not in self._jobs:
            return self._end_given_up(event)
        if isinstance(event, Partial):
            if not self._is_foreign(self._jobs[event.job]):
                self._take(event.value)
            return True
        request = self._jobs.pop(event.job)
        if self._is_foreign(request):
            return True
        match event:
            case Finished(result=result):
                self._finish(result, request)
            case Failed() if isinstance(request, FollowSample):
                self._update(is_running=False, problem=(event.sentence, event.hint), taken=None, maps={}, answers=())
            case Stopped() if isinstance(request, FollowSample):
                self._update(is_running=False, problem=STOPPED)
        return not (isinstance(event, Failed) and event.details)  # a bug is reported besides

    def _end_given_up(self, event: "Partial | Finished | Failed | Stopped") -> bool:
        """Whether it concerns a question that was given up: its end is no news."""
        if event.job not in self._given_up:
            return False
        if not isinstance(event, Partial):
            self._given_up.discard(event.job)
        return True

    def _is_foreign(self, request: Request) -> bool:
        model = self._session.state.model
        return model is None or getattr(request, "model", None) != model.source

    def _take(self, value: object) -> None:
        known = self._session.state.followed
        match value:
            case TakenSample():
                self._update(taken=value, maps={}, answers=())
            case LayerMaps():
                self._update(maps={**known.maps, value.layer: value})
            case AnswerAt():
                self._update(answers=(*known.answers, value))

    def _finish(self, result: object, request: Request) -> None:
        match result:
            case SampleFollowed():
                self._update(end=result, is_running=False)
            case MapsRead(maps) if isinstance(request, ReadMaps):
                if request.count == 1:
                    self._update(close=maps)
                else:
                    self._update(page=maps)
            case SamplesShown() if isinstance(request, ShowSamples):
                known = self._session.state.followed
                kept = known.thumbnails if known.data == request.data else {}
                made = {sample.index: sample for sample in result.samples}
                self._update(data=request.data, total=result.total, thumbnails={**kept, **made})

    def _update(self, **changes: object) -> None:
        state = self._session.state
        self._session.update(followed=replace(state.followed, **changes))  # type: ignore[arg-type]


__all__ = ["CLOSE_SIDE", "STRIP", "Followed", "Following", "takes_text", "why_not_follow"]
