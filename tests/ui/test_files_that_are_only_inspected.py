"""A network that the runtime does not load opens with a note, and every action that would run it says why not."""

from dataclasses import replace

from secateur.engine.requests import MeasureLatency, OpenData

BLOCKED = "ONNX Runtime cannot load small.onnx: no such operator. Export the model again."


def test_the_window_says_why_it_cannot_be_run_and_runs_nothing(shown, model) -> None:
    shown.open(replace(model, runnable=False, trainable=False, blocked=BLOCKED, reason=BLOCKED))
    (notice,) = shown.state.notices
    assert notice.sentence == BLOCKED
    assert notice.hint == "It can be inspected, and not run, compressed or exported."
    assert not shown.engine.asked(MeasureLatency)
    assert not shown.engine.asked(OpenData)
    for action in ("data", "measure", "record", "run", "export"):
        assert BLOCKED in shown.session.why_not(action), action
    assert shown.layers.table.rowCount() == len(model.inspected_layers)
