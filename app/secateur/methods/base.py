"""What a compression method is. One file per method; this is the pattern that all of them follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from secateur.graph.context import Context
from secateur.methods.facts import Facts
from secateur.methods.fields import require_controls
from secateur.methods.offers import Handle, Option, Variant
from secateur.methods.refinement import Refinement
from secateur.model.costs import Costs
from secateur.model.description import Layer, ModelDescription
from secateur.model.spectrum import Spectrum
from secateur.model.workload import Precision, Workload

if TYPE_CHECKING:
    from secateur.graph.network import Model
    from secateur.methods.change import Change, Lowered, Narrowed

Family = Literal["weight_pruning", "channel_pruning", "quantize", "low_rank", "distil"]
Need = Literal["torch", "data", "labels"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a method would do to one layer, before it is run.

    `costs` are the layer's then; `sqnr_db` of the weights (None where undefined); `smaller` and `faster` are the
    verdicts of format and target, with one sentence that gives the reason or the way out. `params` are the layer's
    numbers, None where they stay.
    """

    costs: Costs
    sqnr_db: float | None
    smaller: bool
    faster: bool
    sentence: str
    params: int | None = None


class Method(BaseModel):
    """A frozen set of parameters that knows what it would do and can do it.

    A subclass's fields are its parameters (type, default, range, title, description): the form, the command
    line, the recipe file and the documentation are derived from them. Its docstring is the help. The class
    variables have no defaults, so that a forgotten one fails at import, as does a field that no form can show.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    abstract: ClassVar[bool] = False
    """Set by a class that only says what several methods have in common; the rest is said by each of them."""
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
    """Whether it can come after a step that quantizes: layers stay, and their ranges stay valid or are trained in."""
    handles: ClassVar[tuple[Handle, ...]] = ()
    """Which fields can be dragged, in which plot."""
    changes_widths: ClassVar[bool] = False
    """Whether layers lose output channels, and with them what is coupled to them and what reads them."""
    keeps_graph: ClassVar[bool] = False
    """Whether the operators of an opened file stay as they are: values of weights alone change."""
    computes_in_integers: ClassVar[bool] = False
    """Whether layers are computed in integers afterwards, and not only stored in them."""
    decisive: ClassVar[frozenset[str]] = frozenset()
    """The fields by which damage differs: parameter sets that agree in these do the same damage."""
    grows: ClassVar[frozenset[str]] = frozenset()
    """Fields that count what is taken away for good: where they differ from round to round, they must not fall."""
    spelled_out: ClassVar[frozenset[str]] = frozenset()
    """Fields that a recipe states at their defaults too: what was measured here counts where it is repeated."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("abstract", False):
            return
        bases = [base for base in cls.__mro__[1:] if base.__dict__.get("abstract", False)]  # said once for all of them
        said = {name for base in (cls, *bases) for name in base.__dict__}
        if missing := [name for name in ("id", "title", "family", "needs", "scope", "order") if name not in said]:
            raise TypeError(f"{cls.__name__} must say its {', '.join(missing)}")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        require_controls(cls)
        unknown = {handle.field for handle in cls.handles} | cls.decisive
        if unknown := unknown - set(cls.model_fields):
            raise TypeError(f"{cls.__name__} has no field {', '.join(sorted(unknown))}")

    # ------------------------------------------------------------------ what it offers

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        """The cells that it adds to the heat map; none where one layer alone says nothing."""
        return ()

    @classmethod
    def variants(cls) -> tuple[Variant, ...]:
        """What a person chooses between in its family; parameters that are a choice of their own make several."""
        return (Variant(cls.id, cls.title, cls()),)

    def badge(self) -> str:
        """The words of the plan badge: `int8`, `prune 50 %`, `ch −25 %`."""
        raise NotImplementedError

    def dragged(self, handle: Handle, value: float) -> "Method | None":
        """This with a handle dragged to a value, held within the field's range; None where that takes it away."""
        if handle.empty is not None and value <= handle.empty:
            return None
        info = type(self).model_fields[handle.field]
        for rule in info.metadata:
            value = max(value, getattr(rule, "ge", value))
            value = min(value, getattr(rule, "le", value))
        whole = info.annotation is int
        return self.model_copy(update={**handle.also, handle.field: round(value) if whole else value})

    # ------------------------------------------------------------------ where it works

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

    def why_not(self, layer: Layer, facts: Facts) -> str | None:
        """As `supports`, with all that is known of the layer: None where the method changes it for the better."""
        return self.supports(layer)

    @property
    def training_epochs(self) -> int:
        """How often it goes over the training samples to learn from them; 0 where it does not train."""
        return 0

    @property
    def wants_data(self) -> bool:
        """Whether it cannot be carried out without samples."""
        return "data" in self.needs

    def without_data(self) -> "Method | str":
        """What makes the same choice without samples, or the sentence that says why it cannot be foreseen."""
        return f"{self.title} needs samples, when the plan is run." if self.wants_data else self

    @property
    def refinement(self) -> Refinement | None:
        """What is done to the layers that it encodes once those of the steps after it are, too; None for nothing."""
        return None

    def unrefined(self) -> "Method":
        """The same without its refinement: layers of several steps are refined together, after the last."""
        return self

    # ------------------------------------------------------------------ what it would do

    def predict(self, layer: Layer, facts: Facts) -> Effect:
        """The instant what-if, from what is known of the layer (numpy only: it runs in the window's process)."""
        raise NotImplementedError

    def why_not_faster(self, layer: Layer, facts: Facts) -> str | None:
        """None where the target computes the layer faster after the step; else why not, as a sentence. It is asked of
        every cell of a table: from shapes and facts that are there, nothing is counted for it.
        """
        precision = self.computes_in
        if precision is None:
            return "It changes nothing that takes time."
        return facts.target.computes(precision, layer)

    def workloads(self, layer: Layer, before: tuple[Workload, ...], facts: Facts | None = None) -> tuple[Workload, ...]:
        """What a runtime computes for the layer once the step is done, where it computed `before`.

        Channels that leave a layer are taken out of `before` already. The same where only values change.
        """
        precision = self.computes_in
        return before if precision is None else tuple(work.at(precision) for work in before)

    @property
    def computes_in(self) -> Precision | None:
        """The numbers that a layer is stored and computed in after the step; None where it leaves those as they are."""
        return None

    def perturb(self, weight: NDArray[np.float32], facts: Facts) -> NDArray[np.float32]:
        """What one layer computes with after the step, before any training: same shape, float32; a new array.

        The weight itself where the step does not change values (training does, in ways that nobody can foresee).
        `facts` says at least where the output channels lie.
        """
        return weight

    def weight_error(self, layer: Layer, facts: Facts) -> float | None:
        """Power of the weight's error ÷ power of the weight, where `predict` tells no SQNR; None where nothing does."""
        return None

    def change(self, layer: str, network: "Lowered") -> "Change | Narrowed":
        """What the step makes of one layer alone, or with those that are coupled to it, in a lowered network.

        UserError where it cannot be carried out.
        """
        from secateur.methods.change import Change

        return Change(self.perturb(network.weights[layer], network.facts(layer)))

    def strength(self, layer: Layer, facts: Facts) -> float | None:
        """How much it takes away, 0 where nothing: damage between two known strengths is interpolated.

        None where parameter sets do not lie on one line: then damage is known of those that are alike only.
        """
        return None

    def damage_from(self, known: Sequence[tuple["Method", float]], layer: Layer, facts: Facts) -> float | None:
        """Expected damage on a layer, from that of other methods there; None where these cannot tell."""
        same = [(method, damage) for method, damage in known if type(method) is type(self)]
        place = self.strength(layer, facts)
        if place is None:
            return next((damage for method, damage in same if self._is_like(method)), None)
        if not same:
            return None
        strengths = [(method.strength(layer, facts), damage) for method, damage in same]
        points = sorted([(0.0, 0.0), *((at, damage) for at, damage in strengths if at is not None)])
        for (x0, y0), (x1, y1) in pairwise(points):
            if x0 <= place <= x1:
                return y0 + (y1 - y0) * (place - x0) / (x1 - x0) if x1 > x0 else y1
        return None

    def _is_like(self, other: "Method") -> bool:
        return all(getattr(self, name) == getattr(other, name) for name in self.decisive)

    # ------------------------------------------------------------------ what it says of widths, numbers and ranges

    def width_after(self, width: int, opened: int) -> int:
        """How many of a layer's `width` output channels stay, coupled layers aside; it was opened with `opened`."""
        return width

    @property
    def multiple(self) -> int:
        """What divides the widths that it leaves."""
        return 1

    @property
    def stored_bits(self) -> int | None:
        """In how many bits weights are stored afterwards; None where that does not change."""
        return None

    def cut_at(self, layer: Layer, facts: Facts) -> int | None:
        """How many singular values of the weight it keeps; None where it cuts none off, or that is not known yet."""
        return None

    @property
    def cuts_ranges(self) -> bool:
        """Whether weights beyond a range with the least squared error are cut to it."""
        return False

    def observed_range(self, values: Spectrum) -> tuple[float, float] | None:
        """The range of a layer's output that it will cover; None where it covers none."""
        return None

    # ------------------------------------------------------------------ doing it

    def apply(self, model: "Model", layers: Sequence[str], context: Context) -> "Model":
        """A new model with the method applied to these layers; `model` is not changed.

        As it stands here it rewrites weights with `perturb`, one layer at a time, of any kind of model.
        """
        from secateur.graph.layers import channel_axes
        from secateur.graph.network import LazyWeights, StoredModel

        weights, axes = model.weights(), channel_axes(model)
        if isinstance(model, StoredModel):  # of any size: made one after the other when they are written
            made = {name: partial(self._perturbed, weights, name, axes[name]) for name in layers}
            return model.with_weights(LazyWeights(made))
        changed: dict[str, NDArray[Any]] = {}
        for done, name in enumerate(layers):
            context.progress(done, len(layers), f"{self.title}: {name}")
            changed[name] = self._perturbed(weights, name, axes[name])
        return model.with_weights(changed)

    def _perturbed(self, weights: Mapping[str, NDArray[Any]], name: str, axis: int) -> NDArray[np.float32]:
        return self.perturb(weights[name], Facts(channel_axis=axis))

    def suited(self, channel_step: int) -> "Method":
        """As it is proposed for a target that likes widths which `channel_step` divides."""
        return self

    def in_rounds(self, fields: frozenset[str]) -> "Method":
        """This step as one round of a repeat in which `fields` differ from round to round."""
        return self

    def rehearse(self, model: "Model", layers: Sequence[str], original: "Model | None" = None) -> "Model":
        """A model as fast as the one that `apply` would make, without data and soon; its answers mean nothing.

        `original` is the model before the first step.

        Most methods change values alone, which no kernel here is quicker for: they leave the model as it is.
        """
        return model
