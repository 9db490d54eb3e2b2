"""Which widths a target's kernels like, from what they take; and what is proposed for it."""

import pytest
import yaml

from secateur.methods import METHODS
from secateur.recipe.reading import as_meant_then, parse_recipe
from secateur.recipe.recipe import Recipe, Step
from secateur.targets.base import Target
from secateur.targets.channel_steps import STEPS, WIDTHS, liking, measured_step, step_of
from secateur.targets.kept import TimingStore
from secateur.targets.timings import Spread


def in_blocks(block: int, rest: float = 0.0) -> dict[int, float]:
    """Milliseconds of kernels that compute whole blocks, and take `rest` longer where the last one is not full."""
    return {w: -(-w // block) * block / 10 + rest * (w % block > 0) for w in WIDTHS}


@pytest.mark.parametrize("step", STEPS)
def test_the_step_is_the_block_beyond_which_kernels_fall_back(step):
    assert step_of(in_blocks(step, rest=2.0)) == step


def test_kernels_that_take_as_long_as_they_compute_ask_for_no_more_than_even_widths():
    assert step_of({width: width / 10 for width in WIDTHS}) == 2


@pytest.mark.parametrize("step", [4, 8, 16])
def test_noise_of_some_per_cent_does_not_change_the_step(step):
    noisy = {w: ms * (1.04 if place % 2 else 1.0) for place, (w, ms) in enumerate(in_blocks(step, 2.0).items())}
    assert step_of(noisy) == step


class Counting(Target):
    id, title, runtime, formats = "counting", "Counting", "Counting", ()
    asked = 0

    def kernel_times(self, works, threads, check=lambda: None):
        self.asked += 1
        blocks = {True: in_blocks(4, 1.0), False: in_blocks(16, 1.0)}
        return [Spread(*[blocks[work.precision.is_float][work.outputs]] * 3) for work in works]


def test_the_step_serves_floats_and_integers_and_is_measured_once_for_each_machine(tmp_path):
    target = Counting()
    assert [measured_step(target, TimingStore(tmp_path, target, 1)) for _ in range(2)] == [16, 16]
    assert target.asked == 1


def test_a_person_is_told_in_one_sentence():
    assert liking(Counting(), 16) == "Counting here is fastest at widths that 16 divides."


NARROWING = [method for method in METHODS if method.changes_widths]


@pytest.mark.parametrize("kind", NARROWING, ids=lambda kind: kind.id)
def test_what_changes_widths_is_proposed_in_steps_and_never_in_single_channels(kind):
    assert kind().multiple > 1
    assert kind().suited(16).multiple == 16


@pytest.mark.parametrize("kind", NARROWING, ids=lambda kind: kind.id)
def test_a_recipe_says_what_divides_its_widths_whatever_the_default_is(kind):
    (step,) = Recipe((Step(kind()),)).to_document()["steps"]
    assert step["round_to"] == kind().multiple


def test_a_recipe_of_an_earlier_run_keeps_the_widths_that_it_had():
    text = "schema: 1\nsteps:\n- repeat: 2\n  steps:\n  - {method: channel_pruning, ratio: 0.3}\n"
    (repeat,) = parse_recipe(yaml.safe_load(as_meant_then(text))).steps
    assert repeat.steps[0].method.multiple == 1


@pytest.mark.parametrize("step", ["{method: channel_pruning, round_to: 4}", "{method: weight_only}"])
def test_what_a_recipe_says_itself_stays(step):
    text = f"schema: 1\nsteps:\n- {step}\n"
    assert as_meant_then(text) == text
