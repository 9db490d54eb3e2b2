"""Fine-tuning: the compressed network learns from the labels of the data, without a teacher."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from secateur.graph.context import Context
from secateur.graph.network import torch_only
from secateur.methods.base import Effect, Family, Method, Need
from secateur.methods.distil.parameters import (
    Augment,
    BatchSize,
    Epochs,
    LearningRate,
    Precision,
    Seed,
    WeightDecay,
    no_effect,
    plan_of,
)
from secateur.methods.facts import Facts
from secateur.model.description import Layer

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.training.schedule import TrainingPlan


class FineTuning(Method):
    """Trains the changed network on the labels of the data alone; the original is not run.

    Cheaper a step than distillation, and free of its teacher's mistakes; needs labels. After a step that quantizes it
    is quantization-aware training, as distillation is there.
    """

    id: ClassVar[str] = "fine_tuning"
    title: ClassVar[str] = "Fine-tuning"
    family: ClassVar[Family] = "distil"
    needs: ClassVar[frozenset[Need]] = frozenset({"torch", "data", "labels"})
    scope: ClassVar[Literal["layer", "model"]] = "model"
    order: ClassVar[int] = 29
    works_on_encoded: ClassVar[bool] = True

    epochs: Epochs = 6
    learning_rate: LearningRate = 0.01
    batch_size: BatchSize = 64
    weight_decay: WeightDecay = 5e-4
    augment: Augment = True
    precision: Precision = "fp32"
    seed: Seed = 0

    def supports(self, layer: Layer) -> str | None:
        return None

    def predict(self, layer: Layer, facts: Facts) -> Effect:
        return no_effect(layer)

    def badge(self) -> str:
        return "fine-tune"

    def apply(self, model: "Model", layers: Sequence[str], context: Context) -> "Model":
        from secateur.training.fine_tune import fine_tune

        return fine_tune(torch_only(model, self.title), self.training_plan(), context)

    def training_plan(self) -> "TrainingPlan":
        """What is trained when, without the objective."""
        return plan_of(self)
