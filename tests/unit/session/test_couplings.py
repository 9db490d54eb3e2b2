"""Which channels leave together: asked once, known to the plan, and asked again where it went wrong."""

from dataclasses import replace

import pytest
from known_sessions import NAMES, description, spectra, table

from secateur.engine import events as ev
from secateur.engine import requests as rq
from secateur.methods.prune.channel import ChannelPruning
from secateur.model.description import ChannelBundle, Coupling, Couplings
from secateur.recipe.choices import choices_of


@pytest.fixture
def uncoupled(session):
    """The session with a model of which nobody knows yet which channels leave together."""
    model = description(fixed="")
    layers = tuple(replace(layer, channels_known=False) for layer in model.layers)
    session.receive(ev.Finished(0, ev.ModelOpened(replace(model, layers=layers))))
    session.receive(ev.Partial(0, ev.SpectraReady({n: spectra() for n in NAMES})))
    return session


COUPLINGS = Couplings(
    {"conv1": Coupling(("conv2",), ""), "conv2": Coupling(("conv1",), ""), "fc": Coupling((), "The last layer.")},
    (ChannelBundle(8, (("conv1", 1), ("conv2", 1)), ()),),
)


def test_which_channels_leave_together_is_asked_once_and_stands_in_the_state(uncoupled, engine):
    asked = [request for request in engine.requests if isinstance(request, rq.FindCouplings)]
    assert asked == [rq.FindCouplings(uncoupled.state.model.source)]
    assert any(job.request == asked[0] for job in uncoupled.state.jobs)
    uncoupled.set_method(["conv1"], "channel_pruning", ChannelPruning())
    assert sum(isinstance(request, rq.FindCouplings) for request in engine.requests) == 1
    job = engine.requests.index(asked[0]) + 1
    uncoupled.receive(ev.Finished(job, ev.CouplingsFound(COUPLINGS)))
    assert not uncoupled.state.jobs
    assert uncoupled.state.model.layer("conv1").coupled == ("conv2",)
    assert uncoupled.state.model.bundles == COUPLINGS.bundles


def test_a_plan_that_removes_channels_is_predicted_once_it_is_known_what_goes_along(uncoupled):
    before = uncoupled.predicted()
    uncoupled.set_method(["conv1"], "channel_pruning", ChannelPruning(ratio=0.5, round_to=4))
    assert before is not None
    assert uncoupled.predicted() is None
    uncoupled.receive(ev.Finished(0, ev.CouplingsFound(COUPLINGS)))
    assert uncoupled.predicted().params < before.params


def test_a_plan_made_before_that_leaves_out_the_layers_whose_channels_stay(uncoupled):
    uncoupled.set_method(["conv1", "fc"], "channel_pruning", ChannelPruning())
    uncoupled.receive(ev.Finished(0, ev.CouplingsFound(COUPLINGS)))
    assert uncoupled.state.recipe.steps[0].layers == ("conv1",)
    assert any("The last layer." in notice.sentence for notice in uncoupled.state.notices)


def test_they_are_asked_for_again_where_finding_them_went_wrong(uncoupled, engine):
    job = next(job.job for job in uncoupled.state.jobs if isinstance(job.request, rq.FindCouplings))
    uncoupled.receive(ev.Failed(job, "It went wrong.", "", "", ()))
    uncoupled.set_method(["conv1"], "channel_pruning", ChannelPruning())
    assert sum(isinstance(request, rq.FindCouplings) for request in engine.requests) == 2


def test_choosing_a_cell_of_channels_plans_all_layers_that_lose_them_in_the_targets_steps(uncoupled):
    uncoupled.receive(ev.Finished(0, ev.CouplingsFound(COUPLINGS)))
    uncoupled.choose_option(["conv2"], "channels50")
    (step,) = uncoupled.state.recipe.final
    assert step.layers == ("conv1", "conv2")
    assert step.method.multiple == uncoupled.state.channel_step
    uncoupled.choose_option(["conv1"], "channels50")
    assert not uncoupled.state.recipe.final


def test_channels_are_no_choice_of_one_layer_for_they_leave_several_together(uncoupled):
    model = uncoupled.state.model.with_couplings(COUPLINGS)
    free = [row.model_copy(update={"option": "channels50", "damage": 0.0, "bytes": 1}) for row in table().rows[::2]]
    rows = (*table().rows, *free)
    assert choices_of(model, table().model_copy(update={"rows": rows})) == choices_of(model, table())
