"""Autopilot on the bundled sample, a network with batch norms and shortcuts: all its ways of compressing are made."""

import pytest

from secateur.engine.autopilot import Autopilot
from secateur.engine.events import Finished
from secateur.engine.requests import DataSource
from secateur.model.description import ModelSource

pytestmark = pytest.mark.slow


def test_it_tries_a_plan_and_has_others_with_fewer_channels_ahead(tmp_path, monkeypatch, engine):
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    asked = Autopilot(ModelSource("sample:model"), DataSource("sample:mnist"), "search", drop=0.05, trials=1)
    ended = engine.end_of(asked)
    assert isinstance(ended, Finished), ended
    document = ended.result.document
    assert [trial.state for trial in document.trials] == ["finished"]
    assert document.trials[0].size < 1
    assert document.ahead.trials > 10
