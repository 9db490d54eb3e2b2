"""Options: the cells of the sensitivity table, each a name for one method with its parameters."""

from dataclasses import dataclass

from secateur.errors import UserError
from secateur.methods.base import Method
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly


@dataclass(frozen=True)
class Option:
    """`id` as on the command line (`int8`, `prune50`); `group` and `label` head its column in the heat map."""

    id: str
    group: str
    label: str
    method: Method

    @property
    def words(self) -> str:
        """The option in a sentence: `4-bit`, `50 % zero weights`."""
        return f"{self.label}-bit" if self.group == "Bits" else f"{self.label} {self.group.lower()}"


OPTIONS: tuple[Option, ...] = (
    Option("int8", "Bits", "8", StaticInt8()),
    Option("int4", "Bits", "4", WeightOnly(bits=4)),
    Option("prune50", "Zero weights", "50 %", MagnitudePruning(ratio=0.5)),
    Option("prune75", "Zero weights", "75 %", MagnitudePruning(ratio=0.75)),
    Option("prune90", "Zero weights", "90 %", MagnitudePruning(ratio=0.9)),
)


def option(name: str) -> Option:
    """The option of this id; UserError lists the known ones."""
    for candidate in OPTIONS:
        if candidate.id == name:
            return candidate
    raise UserError(f"There is no option {name!r}.", f"Known: {', '.join(o.id for o in OPTIONS)}.")
