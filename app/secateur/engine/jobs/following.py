"""One sample through the network: every layer's output beside the plan's or a run's, and where the answer changes."""

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.feature_maps import maps_of, side_for
from secateur.analysis.following import answers_along, is_same_graph, layers_in_order, paired_outputs
from secateur.engine.couplings import description_for
from secateur.engine.events import MapsRead, SampleFollowed, SamplesShown
from secateur.engine.jobs.applying import apply_plan
from secateur.engine.jobs.exporting import finished_run, network_of_run
from secateur.engine.kept_channels import kept_of_run
from secateur.engine.reporting import Reporter
from secateur.engine.requests import FollowSample, ReadMaps, ShowSamples
from secateur.engine.samples import Fed, take_sample, thumbnail
from secateur.engine.workshop import Bench, Workshop
from secateur.errors import UserError
from secateur.graph.kept import Kept
from secateur.graph.network import TorchModel
from secateur.model.maps import AnswerAt, Guess, TakenSample, Thumbnail
from secateur.recipe.recipe import Recipe
from secateur.recipe.resolve import require_plan

if TYPE_CHECKING:
    import torch
    from torch import fx

    from secateur.data.dataset import Dataset

BEST: Final = 5


@dataclass(frozen=True, eq=False)
class _Compressed:
    """What stands beside the original: a lowered network, the channels that are left, and what was left out of it."""

    model: TorchModel
    kept: Mapping[str, Kept]
    notes: tuple[str, ...] = ()


_MADE: "weakref.WeakKeyDictionary[TorchModel, tuple[str, _Compressed]]" = weakref.WeakKeyDictionary()
"""Original, lowered → what was last made of it, under the words of the question: the next sample asks the same."""


def follow_sample(request: FollowSample, reporter: Reporter, workshop: Workshop) -> SampleFollowed:
    """Send what every layer puts out, then the answer layer by layer; see the request."""
    bench, data, original = _opened(request, reporter, workshop)
    fed = take_sample(request.sample, bench, data)
    ours, inputs = _graph(original), _tensors(fed)
    layers = layers_in_order(ours, {layer.name for layer in bench.description.weighted_layers})
    classes = data.classes if data is not None and data.task.chooses else ()
    reporter.emit(_taken(fed, layers, classes, _beside(request)))
    show = _Showing(bench, inputs, layers, reporter)
    if not _is_made(request, original):  # the original is there at once, whatever the plan takes
        show.layers(ours, None, {})
    compressed = _compressed(request, bench, data, original, reporter, workshop)
    theirs = None if compressed is None else _graph(compressed.model)
    if compressed is not None:
        show.layers(ours, theirs, compressed.kept)
    notes = compressed.notes if compressed else ()
    is_scored = data is None or data.task.chooses
    if theirs is None:
        answer = _answer(ours, inputs)
        reporter.emit(_answer_at("", answer, answer, is_scored=is_scored))
        return SampleFollowed(_best(answer, classes, is_scored=is_scored), notes=notes)
    first, last = _answer(ours, inputs), _answer(theirs, inputs)
    unsaid = _follow_answers(ours, theirs, inputs, layers, reporter, is_scored=is_scored)
    best, after = _best(first, classes, is_scored=is_scored), _best(last, classes, is_scored=is_scored)
    if best and after:  # of every class that is named by one the other one's share, too
        best, after = (_best(a, classes, is_scored=is_scored, named=(first, last)) for a in (first, last))
    return SampleFollowed(best, after, unsaid, notes)


def _taken(fed: Fed, layers: tuple[str, ...], classes: tuple[str, ...], beside: str) -> TakenSample:
    read = fed.shown
    return TakenSample(
        fed.image, fed.title, fed.label, layers, classes, beside, fed.notes,
        read.texts, read.tokens, read.places, fed.ports,
    )  # fmt: skip


def read_maps(request: ReadMaps, reporter: Reporter, workshop: Workshop) -> MapsRead:
    """Further channels of one layer, or one of them as large as it is; the sample is run anew."""
    asked = request.what
    bench, data, original = _opened(asked, reporter, workshop)
    inputs = _tensors(take_sample(asked.sample, bench, data))
    compressed = _compressed(asked, bench, data, original, reporter, workshop)
    theirs = None if compressed is None else _graph(compressed.model)
    for layer, before, after in paired_outputs(_graph(original), theirs, inputs, (request.layer,)):
        kept = _left_of(compressed.kept, layer) if compressed else None
        kind = bench.description.layer(layer).kind
        made = maps_of(layer, kind, before, after, kept, first=request.first, count=request.count, side=request.side)
        return MapsRead(made)
    raise UserError(f"The network does not compute {request.layer} for this sample.")


def show_samples(request: ShowSamples, reporter: Reporter, workshop: Workshop) -> SamplesShown:
    """Small pictures of samples of the test split, as the network is fed; of texts the texts."""
    from secateur.data.preview import preview, shown_of

    bench = workshop.bench(request.model, reporter)
    data = workshop.data(bench, request.data, reporter)
    total = data.size("test")
    made: list[Thumbnail] = []
    for index in range(max(0, request.start), min(request.start + request.count, total)):
        reporter.progress(len(made), request.count, "Reading samples")
        label, read = data.label("test", index), shown_of(data, "test", index)
        if read is not None and read.texts:
            made.append(Thumbnail(index, None, label, read.texts))
            continue
        picture = preview(data, data.batch("test", [index]).first[0], label).image
        made.append(Thumbnail(index, thumbnail(picture), label))
    return SamplesShown(total, tuple(made))


# ---------------------------------------------------------------------- what is followed


def _opened(
    request: FollowSample, reporter: Reporter, workshop: Workshop
) -> "tuple[Bench, Dataset | None, TorchModel]":
    bench = workshop.bench(request.model, reporter)
    description = bench.description
    if not description.runnable:
        raise UserError(f"A sample needs a network to go through, and {description.name} is none: {description.reason}")
    data = workshop.data(bench, request.data, reporter) if request.data is not None else None
    return bench, data, workshop.lowered(bench, reporter)


def _graph(model: TorchModel) -> "fx.GraphModule":
    from torch import fx

    from secateur.graph.simulation import executable

    graph = executable(model)
    if not isinstance(graph, fx.GraphModule):
        raise TypeError("only a lowered network can be followed node by node")
    return graph


def _tensors(fed: Fed) -> "list[torch.Tensor]":
    import torch

    return [torch.from_numpy(np.ascontiguousarray(values)) for values in fed.inputs]


def _beside(request: FollowSample) -> str:
    if request.run:
        return finished_run(request.run).name
    return "the plan" if request.recipe.steps else ""


def _key(request: FollowSample) -> str:
    """What the compressed network depends on: run or plan, and the data that it is calibrated on."""
    return f"run {request.run}" if request.run else f"{request.recipe.to_yaml()} {request.data}"


def _is_made(request: FollowSample, original: TorchModel) -> bool:
    if not request.run and not request.recipe.steps:
        return False
    known = _MADE.get(original)
    return known is not None and known[0] == _key(request)


def _compressed(
    request: FollowSample,
    bench: Bench,
    data: "Dataset | None",
    original: TorchModel,
    reporter: Reporter,
    workshop: Workshop,
) -> _Compressed | None:
    """The run's network, or what the plan makes of the original; None where there is neither."""
    if not request.run and not request.recipe.steps:
        return None
    if not _is_made(request, original):
        made = (
            _run_network(request.run, reporter, workshop)
            if request.run
            else _planned(request.recipe, bench, data, reporter, workshop)
        )
        if made is None:
            return None
        _MADE[original] = _key(request), made
    return _MADE[original][1]


def _run_network(run: str, reporter: Reporter, workshop: Workshop) -> _Compressed:
    from secateur.graph.lowering import lower

    record = finished_run(run)
    model, _ = network_of_run(record, reporter, workshop)
    if not isinstance(model, TorchModel):
        reason = getattr(model, "reason", "")
        raise UserError(f"The result of the run {record.name} cannot be followed layer by layer: {reason}")
    return _Compressed(lower(model, reporter.context()), kept_of_run(Path(record.folder)))


def _planned(
    recipe: Recipe, bench: Bench, data: "Dataset | None", reporter: Reporter, workshop: Workshop
) -> _Compressed | None:
    """What the plan makes of the original, without its training; None where that is nothing."""
    from secateur.graph.lowering import lower

    trained = list(dict.fromkeys(step.method.title for step in recipe.final if step.method.scope == "model"))
    untrained = recipe.mapped(lambda step: step if step.method.scope != "model" else None)
    notes = (
        (f"{', '.join(trained)} is left out here, for it takes a training: choose a finished run to see its effect.",)
        if trained
        else ()
    )
    if not untrained.steps:
        return None
    plan = require_plan(untrained, description_for(untrained, bench, reporter), has_data=data is not None)
    model, left_out = apply_plan(
        bench.model, plan, reporter, workshop.folder / "followed", data=data, original=bench.model
    )
    if not isinstance(model, TorchModel):
        raise TypeError("a plan made a file of a network")
    return _Compressed(lower(model, reporter.context()), model.kept, (*notes, *left_out))


def _left_of(kept: Mapping[str, Kept], layer: str) -> tuple[int, ...] | None:
    """The original's channels that a layer has left; None where nothing is known of it."""
    places = kept[layer].outputs if layer in kept else None
    return None if places is None else tuple(int(place) for place in places)


class _Showing:
    """Sends the pictures of the layers as they are computed."""

    def __init__(self, bench: Bench, inputs: "list[torch.Tensor]", layers: tuple[str, ...], reporter: Reporter) -> None:
        self._kinds = {layer.name: layer.kind for layer in bench.description.weighted_layers}
        self._inputs, self._layers, self._reporter = inputs, layers, reporter
        self._side = side_for(len(layers))

    def layers(self, ours: "fx.GraphModule", theirs: "fx.GraphModule | None", kept: Mapping[str, Kept]) -> None:
        for done, (layer, before, after) in enumerate(paired_outputs(ours, theirs, self._inputs, self._layers)):
            self._reporter.progress(done, len(self._layers), f"Following the sample: {layer}")
            channels = _left_of(kept, layer)
            self._reporter.emit(maps_of(layer, self._kinds[layer], before, after, channels, side=self._side))


# ---------------------------------------------------------------------- the answer


def _answer(graph: "fx.GraphModule", inputs: "list[torch.Tensor]") -> NDArray[np.float32]:
    from secateur.analysis.following import Walk

    return np.asarray(Walk(graph, inputs).finish().detach()[0].float().numpy())


def _follow_answers(
    ours: "fx.GraphModule",
    theirs: "fx.GraphModule",
    inputs: "list[torch.Tensor]",
    layers: tuple[str, ...],
    reporter: Reporter,
    *,
    is_scored: bool,
) -> str:
    """Send the answer at every depth; a sentence where that cannot be said, whole or in part."""
    if not is_same_graph(ours, theirs):
        return "The compressed network is built otherwise than the original, so that no layer can be exchanged alone."
    first: NDArray[np.float32] | None = None
    missing = 0
    for done, (layer, answer) in enumerate(answers_along(ours, theirs, inputs, layers, _checking(reporter, layers))):
        reporter.progress(min(done, len(layers)), len(layers), f"Following the answer: {layer or 'original'}")
        first = answer if first is None else first
        missing += answer is None
        reporter.emit(AnswerAt(layer) if answer is None else _answer_at(layer, answer, first, is_scored=is_scored))
    if not missing:
        return ""
    return (
        f"At {missing} of {len(layers)} layers the original cannot go on from the compressed network: "
        "channels are missing there."
    )


def _checking(reporter: Reporter, layers: tuple[str, ...]) -> Callable[[], None]:
    return lambda: reporter.progress(0, len(layers), "Following the answer")


def _is_class_scores(answer: NDArray[Any]) -> bool:
    return answer.ndim == 1 and answer.size > 1


def _answer_at(
    layer: str, answer: NDArray[np.float32], first: NDArray[np.float32] | None, *, is_scored: bool
) -> AnswerAt:
    before = (answer if first is None else first).astype(np.float64)
    now = answer.astype(np.float64)
    power = float((before**2).sum())
    deviation = float(np.sqrt(((now - before) ** 2).sum() / power)) if power > 0 else None
    if not is_scored or not _is_class_scores(answer) or not np.isfinite(now).all():
        return AnswerAt(layer, deviation=deviation)
    meant = int(before.argmax())
    margin = float(now[meant] - np.delete(now, meant).max())
    return AnswerAt(layer, float(_softmax(now)[meant]), margin, int(now.argmax()), deviation)


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())


def _best(
    answer: NDArray[np.float32],
    classes: tuple[str, ...],
    *,
    is_scored: bool,
    named: tuple[NDArray[np.float32], ...] = (),
) -> tuple[Guess, ...]:
    """The classes with the highest scores, and those that are the best in one of `named`, the likeliest first.

    None where the answer is no class scores.
    """
    if not is_scored or not _is_class_scores(answer) or not np.isfinite(answer).all():
        return ()
    shares = _softmax(answer.astype(np.float64))
    wanted = {int(place) for scores in (answer, *named) for place in np.argsort(-scores, kind="stable")[:BEST]}
    order = sorted(wanted, key=lambda place: (-shares[place], place))
    return tuple(Guess(classes[n] if n < len(classes) else f"class {n}", float(shares[n])) for n in order)
