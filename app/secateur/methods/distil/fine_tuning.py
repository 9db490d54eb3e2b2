"""Fine-tuning: the compressed network learns from the labels of the data, without a teacher."""

from typing import TYPE_CHECKING, ClassVar

from secateur.graph.context import Context
from secateur.methods.base import Need
from secateur.methods.distil.training import Training

if TYPE_CHECKING:
    from secateur.graph.network import Model, TorchModel


class FineTuning(Training):
    """Trains the changed network on the labels of the data alone; the original is not run.

    Cheaper a step than distillation, and free of its teacher's mistakes; needs labels. After a step that quantizes it
    is quantization-aware training, as distillation is there.
    """

    id: ClassVar[str] = "fine_tuning"
    title: ClassVar[str] = "Fine-tuning"
    needs: ClassVar[frozenset[Need]] = frozenset({"torch", "data", "labels"})
    order: ClassVar[int] = 29
    has_teacher: ClassVar[bool] = False

    def badge(self) -> str:
        return "fine-tune"

    def train(self, model: "TorchModel", context: Context) -> "Model":
        from secateur.training.fine_tune import fine_tune

        return fine_tune(model, self.training_plan(), context)
