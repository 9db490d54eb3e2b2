"""Response distillation: the compressed network learns the original's softened answers."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from secateur.graph.context import Context
from secateur.methods.base import Need
from secateur.methods.distil.pairs import FeaturePair
from secateur.methods.distil.training import Training

if TYPE_CHECKING:
    from secateur.graph.network import Model, TorchModel


class Distillation(Training):
    """Trains the changed network to give the answers of the original, softened by a temperature.

    Loss = alpha × cross-entropy with the labels + (1 − alpha) × T² × KL(teacher ‖ student) at temperature T
    (Hinton, Vinyals and Dean 2015, arXiv:1503.02531) + for each pair of layers weight × ‖s/‖s‖ − t/‖t‖‖², the squared
    distance of their features scaled to length 1 (Sun et al. 2019, arXiv:1908.09355). A student's layer of another
    width is taken to the teacher's by a learned linear map (Romero et al. 2015, arXiv:1412.6550), which is not kept.

    After a step that quantizes it is quantization-aware training: every pass rounds weights and activations as the file
    will have them, and the gradient goes straight through. The ranges of activations and the integers' grid stay; a
    convolution with a scale for each channel has a batch norm meanwhile, whose factors its scales take in at the end.
    A learning rate of 0.001 suits.
    """

    id: ClassVar[str] = "distillation"
    title: ClassVar[str] = "Distillation"
    needs: ClassVar[frozenset[Need]] = frozenset({"torch", "data"})
    order: ClassVar[int] = 30
    has_teacher: ClassVar[bool] = True

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
    features: tuple[FeaturePair, ...] = Field(
        (),
        title="Features",
        description="Pairs of layers: what comes out of the student's is to resemble what comes out of the teacher's.",
        json_schema_extra={"form": False},
    )

    @property
    def softening(self) -> float:
        return self.temperature

    def badge(self) -> str:
        return "distil"

    def train(self, model: "TorchModel", context: Context) -> "Model":
        from secateur.training.distil import distil

        return distil(
            model,
            self.training_plan(),
            context,
            temperature=self.temperature,
            alpha=self.alpha,
            features=[(pair.teacher, pair.student, pair.weight) for pair in self.features],
        )
