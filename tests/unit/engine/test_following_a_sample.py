"""One sample through the network: every layer's output beside the plan's or a run's, and where the answer changes."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from secateur.analysis.feature_maps import maps_of
from secateur.engine.events import Failed, Finished, MapsRead, Partial, RunFinished, SampleFollowed, SamplesShown
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compress, FollowSample, ReadMaps, Sample, ShowSamples
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.model.description import ModelSource
from secateur.model.maps import AnswerAt, LayerMaps, TakenSample
from secateur.recipe.reading import parse_recipe
from secateur.recipe.recipe import Recipe

LAYERS = ("0", "3", "7")
THIRD = Sample(3)


def recipe(*steps: dict[str, Any]) -> Recipe:
    return parse_recipe({"schema": 1, "steps": list(steps)})


PRUNED = recipe({"method": "magnitude_pruning", "layers": ["3", "7"], "ratio": 0.6})
INT8 = recipe({"method": "static_int8", "layers": ["*"], "samples": 32})
THINNER = recipe({"method": "channel_pruning", "layers": ["0"], "ratio": 0.5, "round_to": 1, "repair": False})


class Followed:
    """What came of a request, sorted by kind; the last one of each layer counts."""

    def __init__(self, end: Any, values: list[Any]) -> None:
        self.end = end
        self.taken = [value for value in values if isinstance(value, TakenSample)]
        self.maps = {value.layer: value for value in values if isinstance(value, LayerMaps)}
        self.answers = {value.layer: value for value in values if isinstance(value, AnswerAt)}

    @property
    def result(self) -> SampleFollowed:
        assert isinstance(self.end, Finished), self.end
        assert isinstance(self.end.result, SampleFollowed)
        return self.end.result


@pytest.fixture
def workshop() -> Workshop:
    return Workshop(1)


@pytest.fixture
def follow(model: Any, data: Any, workshop: Workshop) -> Any:
    def ask(plan: Recipe = PRUNED, sample: Sample = THIRD, run: str = "", source: Any = data) -> Followed:
        events: list[Any] = []
        end = run_job(FollowSample(model, source, sample, plan, run), Reporter(1, events.append), workshop)
        return Followed(end, [event.value for event in events if isinstance(event, Partial)])

    return ask


def fed(workshop: Workshop, model: Any, data: Any, index: int = 3) -> torch.Tensor:
    reporter = Reporter(1, lambda event: None)
    bench = workshop.bench(model, reporter)
    return torch.from_numpy(workshop.data(bench, data, reporter).batch("test", [index]).first)


def original_of(workshop: Workshop, model: Any) -> torch.nn.Module:
    module = workshop.bench(model, Reporter(1, lambda event: None)).model.module
    return copy.deepcopy(module).eval()


def hooked(module: torch.nn.Module, batch: torch.Tensor) -> dict[str, torch.Tensor]:
    """Output of every leaf for one sample, without the batch axis."""
    found: dict[str, torch.Tensor] = {}
    for name, leaf in module.named_children():
        leaf.register_forward_hook(lambda _m, _i, output, name=name: found.__setitem__(name, output.detach()[0]))
    with torch.inference_mode():
        module(batch)
    return found


def test_the_maps_are_what_hooks_on_the_network_see(follow, workshop, model, data):
    followed = follow(Recipe())
    seen = hooked(original_of(workshop, model), fed(workshop, model, data))
    assert followed.taken[0].layers == LAYERS
    for layer, folded in (("0", "1"), ("3", "3"), ("7", "7")):  # batch norm is part of the convolution before it
        shown = followed.maps[layer]
        assert shown.compressed is None
        np.testing.assert_allclose(shown.original, seen[folded].numpy(), atol=5e-3)
    assert followed.maps["0"].form == "maps"
    assert followed.maps["7"].form == "features"


def test_the_maps_of_a_plan_are_those_of_the_network_that_it_makes(follow, workshop, model, data):
    followed = follow(PRUNED)
    ours = original_of(workshop, model)
    theirs = copy.deepcopy(ours)
    for layer in ("3", "7"):
        weight = theirs.get_submodule(layer).weight
        least = weight.abs().flatten().kthvalue(int(weight.numel() * 0.6)).values
        with torch.no_grad():
            weight[weight.abs() <= least] = 0
    before, after = (hooked(module, fed(workshop, model, data)) for module in (ours, theirs))
    shown = followed.maps["3"]  # a weight at the threshold may fall on either side of it
    np.testing.assert_allclose(shown.compressed, after["3"].numpy(), atol=2e-2)
    np.testing.assert_allclose(shown.difference, (after["3"] - before["3"]).numpy(), atol=2e-2)
    noise = float(((after["3"] - before["3"]) ** 2).sum())
    assert shown.sqnr_db == pytest.approx(10 * np.log10(float((before["3"] ** 2).sum()) / noise), abs=0.01)
    assert followed.maps["0"].is_unchanged
    assert followed.maps["0"].sqnr_db is None


def test_the_answer_at_a_layer_is_that_of_a_network_put_together_by_hand(follow, workshop, model, data):
    followed = follow(PRUNED)
    ours, batch = original_of(workshop, model), fed(workshop, model, data)
    changed = original_of(workshop, model)
    for layer in ("3", "7"):
        weight = changed.get_submodule(layer).weight
        least = weight.abs().flatten().kthvalue(int(weight.numel() * 0.6)).values
        with torch.no_grad():
            weight[weight.abs() <= least] = 0
    hybrid = copy.deepcopy(ours)
    with torch.inference_mode():
        before = torch.softmax(ours(batch)[0], 0)
        meant = int(before.argmax())
        for layer in LAYERS:
            hybrid.get_submodule(layer).load_state_dict(changed.get_submodule(layer).state_dict())
            answer = torch.softmax(hybrid(batch)[0], 0)
            assert followed.answers[layer].score == pytest.approx(float(answer[meant]), abs=1e-5), layer
            assert followed.answers[layer].answer == int(answer.argmax())
    assert followed.answers[""].score == pytest.approx(float(before[meant]), abs=1e-5)
    assert followed.answers["0"].deviation == 0.0  # nothing was done to it
    assert followed.result.unsaid == ""


def test_with_static_int8_the_last_answer_is_that_of_the_simulation(follow):
    followed = follow(INT8)
    assert followed.result.unsaid == ""
    last = followed.answers["7"]
    best = {guess.name: guess.score for guess in followed.result.compressed}
    meant = followed.result.original[0].name
    assert last.score == pytest.approx(best[meant], abs=1e-6)
    assert 5 < followed.maps["3"].sqnr_db < 80


def test_removed_channels_are_known_and_the_others_stand_in_their_places(follow):
    followed = follow(THINNER)
    thinner = followed.maps["0"]
    assert len(thinner.removed) == 4
    assert np.isnan(thinner.compressed[list(thinner.removed)]).all()
    kept = sorted(set(range(8)) - set(thinner.removed))
    assert np.isfinite(thinner.compressed[kept]).all()
    np.testing.assert_allclose(thinner.compressed[kept], thinner.original[kept], atol=5e-3)  # as they were
    assert "channels are missing" in followed.result.unsaid
    assert followed.answers["0"] == AnswerAt("0")
    assert followed.answers["3"].score is not None


def test_a_run_is_followed_as_it_was_shipped_with_the_channels_that_it_has_left(
    follow, workshop, model, data, tmp_path, monkeypatch
):
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    both = Recipe((*THINNER.steps, *INT8.steps))
    done = run_job(Compress(model, data, both, "r1", name="my run"), Reporter(1, lambda event: None), workshop)
    assert isinstance(done, Finished), done
    assert isinstance(done.result, RunFinished)
    followed = follow(Recipe(), run="r1")
    assert followed.taken[0].beside == "my run"
    assert len(followed.maps["0"].removed) == 4
    assert followed.maps["3"].sqnr_db is not None
    (Path(done.result.record.folder) / "channels.json").unlink()
    again = Workshop(1)
    events: list[Any] = []
    run_job(FollowSample(model, data, Sample(3), run="r1"), Reporter(1, events.append), again)
    unknown = Followed(None, [e.value for e in events if isinstance(e, Partial)]).maps["0"]
    assert unknown.compressed is None
    assert "4 of 8 channels were removed" in unknown.note


def test_more_of_a_layer_is_read_as_large_as_it_is(follow, workshop, model, data):
    asked = FollowSample(model, data, Sample(3), PRUNED)
    done = run_job(ReadMaps(asked, "3", 5, 1, 8), Reporter(1, lambda event: None), workshop)
    assert isinstance(done, Finished), done
    assert isinstance(done.result, MapsRead)
    assert done.result.maps.first == 5
    assert done.result.maps.original.shape == (1, 8, 8)
    assert done.result.maps.has_more
    np.testing.assert_array_equal(done.result.maps.original[0], follow(PRUNED).maps["3"].original[5])


def test_thumbnails_come_from_the_split_that_the_samples_come_from(workshop, model, data, follow):
    done = run_job(ShowSamples(model, data, 2, 4), Reporter(1, lambda event: None), workshop)
    assert isinstance(done, Finished), done
    assert isinstance(done.result, SamplesShown)
    assert [sample.index for sample in done.result.samples] == [2, 3, 4, 5]
    np.testing.assert_array_equal(done.result.samples[1].image, follow(Recipe()).taken[0].image)
    assert done.result.samples[1].label == follow(Recipe()).taken[0].label


def test_an_image_is_prepared_as_the_data_is(follow, tmp_path):
    Image.fromarray(np.full((20, 30), 200, np.uint8)).save(tmp_path / "grey.png")
    followed = follow(Recipe(), Sample(file=str(tmp_path / "grey.png")))
    assert followed.taken[0].title == "grey.png"
    assert followed.taken[0].image.shape == (8, 8, 3)
    assert isinstance(followed.result, SampleFollowed)


def test_an_image_without_data_says_what_was_assumed(follow, tmp_path):
    Image.fromarray(np.full((20, 30), 200, np.uint8)).save(tmp_path / "grey.png")
    followed = follow(PRUNED, Sample(file=str(tmp_path / "grey.png")), source=None)
    assert any("resized to 8 × 8" in note for note in followed.taken[0].notes)
    assert followed.result.original


@pytest.mark.parametrize("name", ["one.npy", "batch.npz"])
def test_an_array_is_fed_as_it_is(follow, tmp_path, name):
    values = np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 8, 8)
    if name.endswith(".npy"):
        np.save(tmp_path / name, values)
    else:
        np.savez(tmp_path / name, inputs=np.stack([values, -values]))
    followed = follow(Recipe(), Sample(file=str(tmp_path / name)))
    assert any("fed as it is" in note for note in followed.taken[0].notes)
    assert any("the first is followed" in note for note in followed.taken[0].notes) == name.endswith(".npz")


def test_an_array_of_another_shape_is_refused_with_both_shapes(follow, tmp_path):
    np.save(tmp_path / "wrong.npy", np.zeros((5, 9, 9), np.float32))
    end = follow(Recipe(), Sample(file=str(tmp_path / "wrong.npy"))).end
    assert isinstance(end, Failed)
    assert "5 × 9 × 9" in end.sentence
    assert "n × 1 × 8 × 8" in end.sentence


def test_a_text_is_refused_by_a_network_of_images_in_a_sentence(follow):
    end = follow(Recipe(), Sample(text="a cat")).end
    assert isinstance(end, Failed)
    assert end.sentence == "The network takes no text: its input holds no token ids."


TEXT_NETWORK = """
import torch
from torch import nn

class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.mix, self.answer = nn.Embedding(20, 8), nn.Linear(8, 12), nn.Linear(12, 3)
    def forward(self, input_ids):
        return self.answer(torch.relu(self.mix(self.words(input_ids))).mean(dim=1))

def make():
    torch.manual_seed(0)
    return Reader().eval()

def example_inputs():
    return torch.zeros(1, 6, dtype=torch.int64)
"""


@pytest.fixture
def reader(tmp_path):
    """A network of token ids, and a tokenizer of words beside it."""
    (tmp_path / "reader.py").write_text(TEXT_NETWORK)
    words = {word: n for n, word in enumerate(("[UNK]", "a", "cat", "sat", "on", "mats"))}
    content = {"version": "1.0", "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"}}
    content |= {"pre_tokenizer": {"type": "Whitespace"}, "truncation": None, "padding": None, "added_tokens": []}
    content |= {"normalizer": None, "post_processor": None, "decoder": None}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    return ModelSource(factory=f"{tmp_path / 'reader.py'}:make")


def followed_text(reader, workshop, text):
    events: list[Any] = []
    request = FollowSample(reader, None, Sample(text=text), recipe({"method": "weight_only", "layers": ["*"]}))
    end = run_job(request, Reporter(1, events.append), workshop)
    return Followed(end, [event.value for event in events if isinstance(event, Partial)])


def test_a_text_goes_through_the_tokenizer_beside_the_model_and_is_shown_token_by_token(reader, workshop):
    pytest.importorskip("tokenizers")
    followed = followed_text(reader, workshop, "a cat sat on a dog")
    assert followed.result.original
    assert followed.taken[0].image is None
    assert followed.taken[0].notes == ("6 tokens, filled up to the 16 that the network takes.",)
    shown = followed.maps["mix"]
    assert shown.form == "rows"
    assert shown.original.shape == (16, 12)
    np.testing.assert_array_equal(shown.original[0], shown.original[4])  # the same word twice


def test_without_a_tokenizer_a_text_is_refused_in_a_sentence(reader, workshop, tmp_path):
    (tmp_path / "tokenizer.json").unlink()
    end = followed_text(reader, workshop, "a cat").end
    assert isinstance(end, Failed)
    assert "no tokenizer.json lies beside the model" in end.sentence


def test_training_steps_are_left_out_and_named(follow):
    plan = Recipe((*PRUNED.steps, *recipe({"method": "distillation", "epochs": 1}).steps))
    followed = follow(plan)
    assert any("istillation is left out" in note for note in followed.result.notes)
    assert followed.maps["3"].compressed is not None


def test_a_cancel_between_two_layers_ends_it(model, data, workshop):
    events: list[Any] = []
    reporter = Reporter(1, events.append)

    def send(event: Any) -> None:
        events.append(event)
        if isinstance(event, Partial) and isinstance(event.value, LayerMaps):
            reporter.cancelled.set()

    reporter.send = send
    end = run_job(FollowSample(model, data, Sample(0)), reporter, workshop)
    assert type(end).__name__ == "Stopped"
    assert sum(isinstance(e, Partial) and isinstance(e.value, LayerMaps) for e in events) == 1


def test_pictures_are_means_of_blocks_and_differences_are_those_of_the_means():
    random = np.random.default_rng(0)
    before, after = random.normal(size=(2, 3, 50, 30)).astype(np.float32)
    shown = maps_of("a", "Conv2d", before, after, side=16)
    assert shown.pooled == (4, 2)
    assert shown.original.shape == (3, 13, 15)
    np.testing.assert_allclose(shown.original[1, 0, 0], before[1, :4, :2].mean(), atol=1e-3)
    np.testing.assert_allclose(shown.original[1, 12, 0], before[1, 48:, :2].mean(), atol=1e-3)
    np.testing.assert_allclose(shown.difference, shown.compressed - shown.original, atol=5e-3)


def test_values_beyond_half_precision_keep_their_size():
    before = np.full((1, 2, 2), 1e6, np.float32)
    assert maps_of("a", "Conv2d", before, before).original.dtype == np.float32


def test_tokens_are_rows_and_channels_may_come_last():
    tokens = np.zeros((7, 12), np.float32)
    assert maps_of("a", "Linear", tokens, None).form == "rows"
    last = maps_of("a", "Linear", np.zeros((4, 5, 6), np.float32), None)
    assert last.form == "maps"
    assert last.original.shape == (6, 4, 5)


def test_maps_that_are_no_numbers_have_no_error_but_a_reason():
    before = np.ones((3, 2, 2), np.float32)
    after = before.copy()
    after[1, 0, 0] = np.nan
    shown = maps_of("a", "Conv2d", before, after)
    assert (shown.sqnr_db, shown.is_unchanged) == (None, False)
    assert "not finite" in shown.note
