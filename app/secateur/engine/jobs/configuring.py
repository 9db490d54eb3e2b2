"""Where and with how many threads the engine computes from now on."""

import os

from secateur.engine.events import Configured
from secateur.engine.requests import Configure
from secateur.engine.worker import set_threads, threads_of
from secateur.engine.workshop import Workshop
from secateur.model import device


def configure(request: Configure, workshop: Workshop) -> Configured:
    """Take over the settings; what is open stays open."""
    threads = threads_of("work" if workshop.does_jobs else "questions", request)
    device.choose(request.device)
    set_threads(threads)
    workshop.threads = threads
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for the processes that exporters run in
    return Configured(device.current().title, threads)
