"""A session on an engine that only records, with a network of three layers open."""

import pytest
from known_sessions import NAMES, description, spectra
from recording_engine import RecordingEngine

from secateur.engine import events as ev
from secateur.session.session import Session


@pytest.fixture
def engine():
    return RecordingEngine()


@pytest.fixture
def session(engine):
    made = Session(engine, lambda state, changed: None)
    made.receive(ev.Finished(0, ev.ModelOpened(description())))
    made.receive(ev.Partial(0, ev.SpectraReady({n: spectra() for n in NAMES})))
    return made
