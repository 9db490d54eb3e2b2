"""What a method offers to be pointed at: cells of the heat map, variants in the plan panel, handles in plots."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import field as defaulted
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from secateur.methods.base import Method


@dataclass(frozen=True)
class Option:
    """A cell of the sensitivity table: a name for one method with its parameters.

    `id` as on the command line (`int8`, `prune50`); `group` and `label` head its column in the heat map.
    """

    id: str
    group: str
    label: str
    method: "Method"
    said: str = ""
    """The option in a sentence, where group and label do not make one."""

    def suited(self, channel_step: int) -> "Option":
        """The option as it is measured and planned for a target that likes widths which `channel_step` divides."""
        return replace(self, method=self.method.suited(channel_step))

    @property
    def words(self) -> str:
        """The option in a sentence: `4-bit static`, `4-bit weights`, `50 % zero weights`, `25 % fewer channels`."""
        if self.said:
            return self.said
        group = self.group.lower().removesuffix(" only")
        return f"{self.label}{'-bit' if self.label.isdigit() else ''} {group}"


@dataclass(frozen=True)
class Variant:
    """One choice of a family's segmented control."""

    key: str
    label: str
    method: "Method"

    def is_of(self, method: "Method") -> bool:
        """Whether a planned method is this variant."""
        return type(method) is type(self.method)


Plot = Literal["weight_histogram", "activation_histogram", "singular_values"]
HandleKind = Literal["threshold", "range", "cut"]


@dataclass(frozen=True)
class Handle:
    """A place in a plot that sets a field when it is dragged.

    `also` are fields that such a drag decides too. `starts`: whether it puts the step into the plan where it is not
    there yet. `empty` is the value at which the step is taken out of the plan; None where none is.
    """

    field: str
    plot: Plot
    kind: HandleKind
    starts: bool = True
    empty: float | None = None
    also: Mapping[str, object] = defaulted(default_factory=dict)
