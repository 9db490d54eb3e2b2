"""What the session needs of the engine."""

from typing import Protocol

from secateur.engine.requests import Request


class Engine(Protocol):
    """`secateur.engine.client.EngineClient`, or what stands for it in a test."""

    def submit(self, request: Request) -> int: ...
    def cancel(self, job: int) -> None: ...
    def restart(self, job: int | None = None) -> None: ...
    def close(self) -> None: ...
