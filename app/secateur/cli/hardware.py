"""`--device` and `--threads`: what a command's engine computes on."""

import os

from secateur.cli.terminal import Terminal, wrong
from secateur.errors import UserError
from secateur.model.device import CHOICES, DeviceChoice


def use(device: str, threads: int) -> None:
    """Let this command's engine compute there; leaves the program where there is no such device."""
    found: DeviceChoice | None = next((choice for choice in CHOICES if choice == device), None)
    if found is None:
        wrong(UserError(f"There is no device {device!r}.", f"Known: {', '.join(CHOICES)}."))
    if threads:  # before a library is loaded that looks at it
        os.environ["OMP_NUM_THREADS"] = str(threads)
    Terminal.device, Terminal.threads = found, threads
