"""Where and with how many threads the engine computes from now on."""

import os

from secateur.engine.events import Configured
from secateur.engine.requests import Configure
from secateur.engine.worker import engine_threads, set_threads
from secateur.engine.workshop import Workshop
from secateur.model import device


def configure(request: Configure, workshop: Workshop) -> Configured:
    """Take over the settings; what is open stays open."""
    threads = engine_threads(request.threads)
    if not workshop.does_jobs:
        threads = max(1, threads // 2)
    device.choose(request.device)
    set_threads(threads)
    workshop.threads = threads
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for the processes that exporters run in
    return Configured(device.current().title, threads)
