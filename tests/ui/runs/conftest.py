"""A window that lists two runs."""

import pytest
from listed_runs import answer, record


@pytest.fixture
def runs(tmp_path):
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
    return (record("a", tmp_path / "a"), record("b", tmp_path / "b", "stopped"))


@pytest.fixture
def history(shown, model, spectra, runs):
    """The window with two runs, and the keyboard in the list of them."""
    shown.open(model, spectra)
    answer(shown, runs)
    shown.workspace.jobs.set_open(True)
    shown.workspace.jobs.runs.setFocus()
    shown.until(shown.workspace.jobs.runs.hasFocus)
    return shown
