"""Pairs of layers whose features are compared: how a recipe writes them, and which ones are suggested."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from secateur.model.description import Layer

if TYPE_CHECKING:
    from secateur.methods.base import Method

MOST_SUGGESTED: Final = 4
SUGGESTED_WEIGHT: Final = 1.0


class FeaturePair(BaseModel):
    """What comes out of a layer of the teacher, which what comes out of a layer of the student is to resemble."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    teacher: str = Field(min_length=1, title="Teacher's layer", description="Name of a layer of the original.")
    student: str = Field(min_length=1, title="Student's layer", description="Name of a layer of the changed network.")
    weight: float = Field(
        SUGGESTED_WEIGHT,
        gt=0.0,
        le=1000.0,
        title="Weight",
        description="Factor of the pair's distance (0 to 4) in the loss.",
    )


def suggested_pairs(teacher: Sequence[Layer], student: Sequence[Layer]) -> tuple[FeaturePair, ...]:
    """Pairs by shape and order: the last layer of each stage of both, where the stages are of one size.

    A stage is a run of weighted layers whose features have the same extent (height and width; of vectors there is one
    stage). The network's answers are no features. Of more than a few, the latest: their features mean most.
    """
    pairs = []
    theirs = _stages(teacher)
    for extent, layer in _stages(student):
        same = next((index for index, (other, _) in enumerate(theirs) if other == extent), None)
        if same is None:
            continue
        pairs.append(FeaturePair(teacher=theirs[same][1].name, student=layer.name))
        theirs = theirs[same + 1 :]  # the order of the stages is kept
    return tuple(pairs[-MOST_SUGGESTED:])


def _stages(layers: Sequence[Layer]) -> list[tuple[tuple[int, ...], Layer]]:
    """(extent, last layer) of each run of layers whose outputs have the same extent, without the last layer of all."""
    known = [layer for layer in layers if layer.is_weighted and layer.output_shape]
    runs = groupby(known[:-1], key=lambda layer: layer.output_shape[1:])
    return [(extent, list(run)[-1]) for extent, run in runs]


# ---------------------------------------------------------------------- of any method that has some


def pairs_of(method: "Method") -> tuple[FeaturePair, ...] | None:
    """The pairs of a method; None where it has no field for any."""
    name = _field(method)
    return None if name is None else getattr(method, name)


def with_pairs(method: "Method", pairs: Sequence[FeaturePair]) -> "Method":
    """`method` with these pairs; ValueError where it has no field for any."""
    name = _field(method)
    if name is None:
        raise ValueError(f"{method.title} compares no features")
    return method.model_copy(update={name: tuple(pairs)})


def _field(method: "Method") -> str | None:
    kinds = type(method).model_fields
    return next((name for name, info in kinds.items() if info.annotation == tuple[FeaturePair, ...]), None)
