"""What every method that trains has, whatever it strives for: its parameters, its plan, and that costs stay."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from secateur.graph.context import Context
from secateur.graph.network import torch_only
from secateur.methods.base import Effect, Family, Method
from secateur.methods.facts import Facts
from secateur.model.costs import Costs
from secateur.model.description import Layer

if TYPE_CHECKING:
    from secateur.graph.network import Model, TorchModel
    from secateur.training.schedule import TrainingPlan


class Training(Method):
    """A step that trains the whole network as it is by then; `train` is all that a method of this kind adds.

    After a step that quantizes it is quantization-aware: every pass rounds as the file will.
    """

    abstract: ClassVar[bool] = True
    family: ClassVar[Family] = "distil"
    scope: ClassVar[Literal["layer", "model"]] = "model"
    works_on_encoded: ClassVar[bool] = True
    has_teacher: ClassVar[bool]
    """Whether the original answers beside the network that is trained."""

    epochs: int = Field(6, ge=1, le=1000, title="Epochs", description="Passes over the training samples.")
    learning_rate: float = Field(
        0.01,
        gt=0.0,
        le=1.0,
        title="Learning rate",
        description="Peak of the one-cycle schedule (SGD with momentum 0.9).",
    )
    batch_size: int = Field(64, ge=1, le=4096, title="Batch size", description="Samples in one step.")
    weight_decay: float = Field(5e-4, ge=0.0, le=1.0, title="Weight decay", description="L2 penalty on the weights.")
    augment: bool = Field(
        True,
        title="Augment",
        description="Mirror and shift the training images at random; off for digits and text.",
    )
    precision: Literal["fp32", "bf16"] = Field(
        "fp32",
        title="Precision",
        description="bf16 computes in 16 bits and keeps 32-bit weights; faster where the CPU or GPU has bf16 units.",
    )
    seed: int = Field(0, ge=0, title="Seed", description="Same seed, same result on the same machine.")

    @property
    def training_epochs(self) -> int:
        return self.epochs

    @property
    def softening(self) -> float:
        """The temperature at which answers are compared while it trains, 1 where nothing is softened."""
        return 1.0

    def supports(self, layer: Layer) -> str | None:
        return None

    def predict(self, layer: Layer, facts: Facts) -> Effect:
        return Effect(
            Costs(layer.size_bytes, layer.macs),
            None,
            smaller=False,
            faster=False,
            sentence=self.why_not_faster(layer, facts),
        )

    def why_not_faster(self, layer: Layer, facts: Facts) -> str:
        return "Training changes neither size nor speed."

    def training_plan(self) -> "TrainingPlan":
        """What is trained when, without the objective."""
        from secateur.training.schedule import TrainingPlan

        return TrainingPlan(
            self.epochs,
            self.batch_size,
            self.learning_rate,
            self.weight_decay,
            self.precision,
            self.seed,
            self.augment,
        )

    def apply(self, model: "Model", layers: Sequence[str], context: Context) -> "Model":
        return self.train(torch_only(model, self.title), context)

    def train(self, model: "TorchModel", context: Context) -> "Model":
        """A trained copy of a network, which is not changed."""
        raise NotImplementedError
