"""What a compression method is. One file per method; this is the pattern that all of them follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from secateur.graph.context import Context
from secateur.model.costs import Costs
from secateur.model.description import Layer, ModelDescription
from secateur.model.spectrum import Spectra
from secateur.model.workload import Precision, Workload

if TYPE_CHECKING:
    from secateur.graph.network import Model

Family = Literal["weight_pruning", "channel_pruning", "quantize", "low_rank", "distil"]
Need = Literal["torch", "data", "labels"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a method would do to one layer, before it is run.

    `costs` are the layer's then; `sqnr_db` of the weights (None where undefined); `smaller` and `faster` are the
    verdicts of format and target, with one sentence that gives the reason or the way out.
    """

    costs: Costs
    sqnr_db: float | None
    smaller: bool
    faster: bool
    sentence: str


class Method(BaseModel):
    """A frozen set of parameters that knows what it would do and can do it.

    A subclass's fields are its parameters (type, default, range, title, description): the form, the command
    line, the recipe file and the documentation are derived from them. Its docstring is the help. The class
    variables have no defaults, so that a forgotten one fails at import.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: ClassVar[str]
    title: ClassVar[str]
    family: ClassVar[Family]
    needs: ClassVar[frozenset[Need]]
    scope: ClassVar[Literal["layer", "model"]]
    order: ClassVar[int]
    """Where the step stands when a plan is put in order: transforms first, encodings last."""
    works_on_weights_alone: ClassVar[bool] = False
    """Whether it can be applied to weights that came without a network."""
    works_on_encoded: ClassVar[bool] = False
    """Whether it can come after a step that quantizes: layers, and what is known of their ranges, stay valid."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        missing = [name for name in ("id", "title", "family", "needs", "scope", "order") if name not in cls.__dict__]
        if missing and not cls.__dict__.get("abstract", False):
            raise TypeError(f"{cls.__name__} must say its {', '.join(missing)}")

    def why_not_for(self, model: ModelDescription) -> str:
        """Why no layer of this model can have the method, whatever the layer is; empty where some can."""
        if not model.runnable:
            return "" if self.works_on_weights_alone else f"It works on a network. {model.reason}".strip()
        return (
            f"Needs a trainable network. {model.reason}".strip()
            if "torch" in self.needs and not model.trainable
            else ""
        )

    def supports(self, layer: Layer) -> str | None:
        """None where the method works on this layer, else a sentence that says why not and what would help."""
        raise NotImplementedError

    def predict(self, layer: Layer, spectra: Spectra) -> Effect:
        """The instant what-if, from the layer's spectra alone (numpy only: it runs in the window's process)."""
        raise NotImplementedError

    def workloads(self, layer: Layer, before: tuple[Workload, ...]) -> tuple[Workload, ...]:
        """What a runtime computes for the layer once the step is done, where it computed `before`.

        Channels that leave a layer are taken out of `before` already. The same where only values change.
        """
        precision = self.computes_in
        return before if precision is None else tuple(work.at(precision) for work in before)

    @property
    def computes_in(self) -> Precision | None:
        """The numbers that a layer is stored and computed in after the step; None where it leaves those as they are."""
        return None

    def badge(self) -> str:
        """The words of the plan badge: `int8`, `prune 50 %`, `ch −25 %`."""
        raise NotImplementedError

    def apply(self, model: "Model", layers: Sequence[str], context: Context) -> "Model":
        """A new model with the method applied to these layers; `model` is not changed."""
        raise NotImplementedError

    def on_weight(self, weight: NDArray[np.float32], channel_axis: int) -> NDArray[np.float32]:
        """What one layer computes with after the step, before any training: same shape, float32.

        The weight itself where the step does not change values (training does, in ways that nobody can foresee).
        """
        return weight

    def rehearse(self, model: "Model", layers: Sequence[str]) -> "Model":
        """A model as fast as the one that `apply` would make, without data and soon; its answers mean nothing.

        Most methods change values alone, which no kernel here is quicker for: they leave the model as it is.
        """
        return model


class WeightMethod(Method):
    """A method that only rewrites weight values, one layer at a time: serves torch and ONNX models alike."""

    abstract: ClassVar[bool] = True

    def rewrite(self, weight: NDArray[np.float32], channel_axis: int) -> NDArray[np.float32]:
        """The new values of one layer's weight; same shape, float32; the argument is not changed."""
        raise NotImplementedError

    def on_weight(self, weight: NDArray[np.float32], channel_axis: int) -> NDArray[np.float32]:
        return self.rewrite(weight, channel_axis)

    def apply(self, model: "Model", layers: Sequence[str], context: Context) -> "Model":
        from secateur.graph.layers import channel_axes
        from secateur.graph.network import LazyWeights, StoredModel

        weights, axes = model.weights(), channel_axes(model)
        if isinstance(model, StoredModel):  # of any size: made one after the other when they are written
            made = {name: partial(self._rewritten, weights, name, axes[name]) for name in layers}
            return model.with_weights(LazyWeights(made))
        changed: dict[str, NDArray[Any]] = {}
        for done, name in enumerate(layers):
            context.progress(done, len(layers), f"{self.title}: {name}")
            changed[name] = self.rewrite(weights[name], axes[name])
        return model.with_weights(changed)

    def _rewritten(self, weights: Mapping[str, NDArray[Any]], name: str, axis: int) -> NDArray[np.float32]:
        return self.rewrite(weights[name], axis)
