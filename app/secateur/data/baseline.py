"""The baseline check: an untouched network near chance means wrong preprocessing or wrong labels.

It is the commonest mistake, and without the check everything that follows would be measured against noise.
"""

from collections.abc import Sequence
from math import sqrt

from secateur.data.batch import Run
from secateur.data.dataset import Dataset
from secateur.data.metric_values import is_right
from secateur.data.preprocessing import Preprocessing
from secateur.data.presets import PRESETS
from secateur.data.tasks.classification import Classification
from secateur.errors import UserError

TRIED_SAMPLES, BATCH_SIZE = 256, 64
TRIED = ("imagenet", "unit", "symmetric", "none")
"""Presets that are tried where the network is near chance."""

Suggestion = tuple[str, Preprocessing, float]


def is_near_chance(value: float, classes: int, samples: int, top: int = 1) -> bool:
    """Whether a share of right answers is no better than guessing among `classes` (`top` guesses each).

    True within the 95 % interval of guessing over `samples` answers, and below one and a half times chance
    (for few classes a quarter of the way from chance to perfect, which is less). Where every guess is right
    (`top` ≥ `classes`) nothing can be told: False.
    """
    if classes <= top or samples == 0:
        return False
    chance = top / classes
    noise = 1.96 * sqrt(chance * (1 - chance) / samples)
    return value <= chance + noise or value < min(1.5 * chance, chance + 0.25 * (1 - chance))


def baseline_warning(
    metric_value: float, classes: int, samples: int, top: int = 1, suggestions: Sequence[Suggestion] = ()
) -> str:
    """The sentence to show before anything is run, empty where the untouched network is clearly above chance.

    `metric_value` is the fraction of right answers on `samples` samples, with `top` guesses each;
    `suggestions` come from `suggest_preprocessing`: the best is named where it is clearly above chance.
    """
    if not is_near_chance(metric_value, classes, samples, top):
        return ""
    sentence = (
        f"The untouched network is right in {percent(metric_value)} of {samples:,} samples, and guessing "
        f"among {classes} classes in {percent(top / classes)}: preprocessing or labels are probably wrong."
    )
    best = max(suggestions, key=lambda suggestion: suggestion[2], default=None)
    if best is not None and not is_near_chance(best[2], classes, TRIED_SAMPLES, top):
        # where the network was trained on these samples, they flatter it: so the sentence says which they are
        sentence += f" With {best[0]} it would be {percent(best[2])} on calibration samples."
    return sentence


def suggest_preprocessing(dataset: Dataset, run: Run) -> list[Suggestion]:
    """The four usual normalisations on 256 calibration samples: (name, preprocessing, metric), best first.

    `run` gives the outputs for a batch as the network is fed. Empty for ready inputs and for data
    without classes; what `dataset` itself does is left out.
    """
    if dataset.preprocessing is None or not isinstance(dataset.task, Classification):
        return []
    top = dataset.task.guesses
    tried: list[Suggestion] = []
    for name, candidate in alternatives(dataset.preprocessing):
        if candidate != dataset.preprocessing:
            tried.append((name, candidate, _share_right(dataset.with_preprocessing(candidate), run, top)))
    return sorted(tried, key=lambda suggestion: -suggestion[2])


def alternatives(preprocessing: Preprocessing) -> list[tuple[str, Preprocessing]]:
    """The usual normalisations, with the size, layout and number type of `preprocessing`."""
    channels = preprocessing.channels
    found = []
    for preset in (preset for preset in PRESETS if preset.id in TRIED):
        mean, std = (preset.grey_mean, preset.grey_std) if channels == 1 else (preset.mean, preset.std)
        values = {"mean": mean * (channels // len(mean)), "std": std * (channels // len(std)), "scale": preset.scale}
        found.append((preset.said, preprocessing.model_copy(update=values)))
    return found


def _share_right(dataset: Dataset, run: Run, top: int) -> float:
    right = count = 0
    for batch in dataset.batches("calibration", BATCH_SIZE, TRIED_SAMPLES):
        outputs, labels = dataset.task.scores(run(*batch.arrays), batch), batch.targets
        if outputs.ndim != 2 or outputs.shape[0] != len(labels):
            raise UserError(
                f"The network answers {outputs.shape} to {len(labels)} samples, which are no class scores.",
                "Say task: none in a data.yaml.",
            )
        right += int(is_right(outputs, labels, top).sum())
        count += len(labels)
    return right / max(1, count)


def percent(share: float) -> str:
    """`81.0 %`."""
    return f"{100 * share:.1f} %"
