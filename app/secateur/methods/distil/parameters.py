"""The parameters that every training has, whatever it strives for."""

from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import Field

from secateur.methods.base import Effect
from secateur.model.costs import Costs
from secateur.model.description import Layer

if TYPE_CHECKING:
    from secateur.training.schedule import TrainingPlan

Epochs = Annotated[int, Field(ge=1, le=1000, title="Epochs", description="Passes over the training samples.")]
LearningRate = Annotated[
    float,
    Field(
        gt=0.0,
        le=1.0,
        title="Learning rate",
        description="Peak of the one-cycle schedule (SGD with momentum 0.9).",
    ),
]
BatchSize = Annotated[int, Field(ge=1, le=4096, title="Batch size", description="Samples in one step.")]
WeightDecay = Annotated[float, Field(ge=0.0, le=1.0, title="Weight decay", description="L2 penalty on the weights.")]
Augment = Annotated[
    bool,
    Field(title="Augment", description="Mirror and shift the training images at random; off for digits and text."),
]
Precision = Annotated[
    Literal["fp32", "bf16"],
    Field(
        title="Precision",
        description="bf16 computes in 16 bits and keeps 32-bit weights; faster where the CPU or GPU has bf16 units.",
    ),
]
Seed = Annotated[int, Field(ge=0, title="Seed", description="Same seed, same result on the same machine.")]


class Trains(Protocol):
    """What has all of these parameters."""

    @property
    def epochs(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def precision(self) -> Literal["fp32", "bf16"]: ...
    @property
    def seed(self) -> int: ...
    @property
    def augment(self) -> bool: ...


def plan_of(method: Trains) -> "TrainingPlan":
    """What is trained when, without the objective."""
    from secateur.training.schedule import TrainingPlan

    return TrainingPlan(
        method.epochs,
        method.batch_size,
        method.learning_rate,
        method.weight_decay,
        method.precision,
        method.seed,
        method.augment,
    )


def no_effect(layer: Layer) -> Effect:
    """What a training does to the cost of a layer."""
    return Effect(
        Costs(layer.size_bytes, layer.macs),
        None,
        smaller=False,
        faster=False,
        sentence="Training changes neither size nor speed.",
    )
