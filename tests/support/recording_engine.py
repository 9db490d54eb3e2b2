"""An engine that does nothing by itself: it keeps what it was asked, and a test says what it answers. No Qt."""

from collections.abc import Callable
from typing import TypeVar

from secateur.engine.events import Event
from secateur.engine.requests import Request

Asked = TypeVar("Asked")


class RecordingEngine:
    """Takes requests; their jobs are counted from 1. What a test lets it `say` goes to `on_event`."""

    def __init__(self, on_event: Callable[[Event], None] = lambda event: None) -> None:
        self._on_event = on_event
        self.requests: list[Request] = []
        self.cancelled: list[int] = []
        self.restarts = 0
        self.closed = False

    def submit(self, request: Request) -> int:
        self.requests.append(request)
        return len(self.requests)

    def cancel(self, job: int) -> None:
        self.cancelled.append(job)

    def restart(self, job: int | None = None) -> None:
        self.restarts += 1

    def close(self) -> None:
        self.closed = True

    def say(self, *events: Event) -> None:
        """Send events to the window; they arrive in its event loop."""
        for event in events:
            self._on_event(event)

    def job_of(self, kind: type) -> int:
        """Number of the newest request of this kind."""
        return max(number for number, request in enumerate(self.requests, 1) if isinstance(request, kind))

    def asked(self, kind: type[Asked]) -> list[Asked]:
        return [request for request in self.requests if isinstance(request, kind)]
