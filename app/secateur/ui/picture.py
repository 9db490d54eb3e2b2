"""A picture of the window on the bundled sample, drawn without a screen: `python -m secateur.ui.picture FILE`."""

import os
import sys
import time
from collections.abc import Callable

PATIENCE_S = 240.0
SIZE = (1440, 900)


def draw(target: str) -> int:
    """Open the sample, wait until layers, data and scores are there, write a PNG; 0 when it was written."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from secateur.ui.app import build_window
    from secateur.ui.assembly import Assembly

    application = QApplication([])
    window = build_window("sample:model", "sample:mnist")
    window.resize(*SIZE)
    window.show()
    assembly = window.findChild(Assembly)
    if assembly is None:
        raise TypeError("the window came without its assembly")

    def filled() -> bool:
        session = assembly.session
        return session is not None and session.state.data is not None and "free" in session.state.tables

    try:
        _wait(application.processEvents, filled)
        _wait(application.processEvents, lambda: assembly.session is not None and not assembly.session.state.jobs)
        done = window.grab().save(target)
    finally:
        window.end()
    return 0 if done else 1


def _wait(live: Callable[[], None], condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"the sample did not open within {PATIENCE_S:.0f} s")
        live()
        time.sleep(0.02)  # no one waits for this window: it need not be smooth
    for _ in range(20):
        live()
        time.sleep(0.02)


if __name__ == "__main__":
    raise SystemExit(draw(sys.argv[1]))
