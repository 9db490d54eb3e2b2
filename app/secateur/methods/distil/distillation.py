"""Response distillation: the compressed network learns the original's softened answers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from secateur.graph.context import Context
from secateur.graph.network import torch_only
from secateur.methods.base import Effect, Family, Method, Need
from secateur.methods.facts import Facts
from secateur.model.costs import Costs
from secateur.model.description import Layer

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.training.schedule import TrainingPlan


class Distillation(Method):
    """Trains the changed network to give the answers of the original, softened by a temperature.

    Loss = alpha × cross-entropy with the labels + (1 − alpha) × T² × KL(teacher ‖ student) at temperature T
    (Hinton, Vinyals and Dean 2015, arXiv:1503.02531).

    After a step that quantizes it is quantization-aware training: every pass rounds weights and activations as the file
    will have them, the gradient goes straight through, and the scales stay. Batch norm is folded into the weights by
    then, so a learning rate a tenth of the usual one suits.
    """

    id: ClassVar[str] = "distillation"
    title: ClassVar[str] = "Distillation"
    family: ClassVar[Family] = "distil"
    needs: ClassVar[frozenset[Need]] = frozenset({"torch", "data"})
    scope: ClassVar[Literal["layer", "model"]] = "model"
    order: ClassVar[int] = 30
    works_on_encoded: ClassVar[bool] = True

    teacher: Literal["original"] = Field("original", title="Teacher", description="The model as it was opened.")
    temperature: float = Field(
        4.0,
        ge=1.0,
        le=20.0,
        title="Temperature",
        description="Softens both answers before they are compared.",
    )
    alpha: float = Field(
        0.3,
        ge=0.0,
        le=1.0,
        title="Label weight",
        description="Share of the loss that comes from the true labels, 0 to 1.",
    )
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

    def supports(self, layer: Layer) -> str | None:
        return None

    def predict(self, layer: Layer, facts: Facts) -> Effect:
        return Effect(
            Costs(layer.size_bytes, layer.macs),
            None,
            smaller=False,
            faster=False,
            sentence="Training changes neither size nor speed.",
        )

    def badge(self) -> str:
        return "distil"

    def apply(self, model: "Model", layers: Sequence[str], context: Context) -> "Model":
        from secateur.training.distil import distil

        student = torch_only(model, self.title)
        return distil(student, self.training_plan(), context, temperature=self.temperature, alpha=self.alpha)

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
