"""Between the engine and the window: no event is lost on the way, however early it comes."""

from PySide6.QtCore import QCoreApplication

from secateur.engine.events import EngineReady
from secateur.ui.bridge import EngineBridge


class Hearing:
    """Stands for a session: it keeps what it is told."""

    def __init__(self) -> None:
        self.heard = []

    def receive(self, event) -> None:
        self.heard.append(event)

    def close(self) -> None:
        """Nothing to end."""


def test_an_engine_that_is_up_before_the_panels_is_told_of(qtbot) -> None:
    tell = []
    bridge = EngineBridge(lambda on_event: tell.append(on_event) or Hearing())
    early, late, session = EngineReady("CPU", 1, 1, ()), EngineReady("CPU", 2, 2, ()), Hearing()
    tell[0](early)
    QCoreApplication.processEvents()  # it has arrived, and nobody is there
    bridge.attach(session)
    assert session.heard == [early]
    with qtbot.waitSignal(bridge.received):
        tell[0](late)
    assert session.heard == [early, late]
    bridge.close()
