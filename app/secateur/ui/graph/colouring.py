"""What the nodes are coloured by: one number of each layer, its range, and how it is written. No Qt."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import floor, inf, isfinite, log10

from secateur import figures
from secateur.recipe.options import OPTIONS
from secateur.session.state import SessionState
from secateur.ui.plots.ticks import damage_text, decade_text

PLAIN: tuple[tuple[str, str], ...] = (
    ("size", "Size"),
    ("macs", "MACs"),
    ("ms", "Milliseconds"),
    ("zeros", "Zeros"),
    ("error", "Output SQNR"),
)
DAMAGE = "damage:"
LEAST_SPAN = 1.05
ADDED_UP = frozenset({"size", "macs", "ms"})
"""Numbers of a folded block are the sum of its layers'; of the others the worst one is shown."""


@dataclass(frozen=True, eq=False)
class Colouring:
    """`values` by layer; `range` (low, high) is what the colours span. Where `is_falling`, low is worse."""

    key: str = ""
    title: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    range: tuple[float, float] = (0.0, 1.0)
    is_log: bool = False
    is_falling: bool = False
    write: Callable[[float], str] = figures.number

    def share(self, value: float) -> float:
        """Where a value stands on the colour map, 0..1; bright is what needs attention."""
        low, high = self.range
        if self.is_log:
            value, low, high = (log10(max(number, self.range[0])) for number in (value, low, high))
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return 1.0 - share if self.is_falling else share

    def of(self, layers: Iterable[str]) -> tuple[float, str] | None:
        """(share, text) of a layer or of several together; None where nothing is known of them."""
        known = [self.values[name] for name in layers if name in self.values]
        if not known:
            return None
        shown = sum(known) if self.key in ADDED_UP else self._worst(known)
        return self.share(self._worst(known)), self.write(shown)

    def share_of(self, layers: Iterable[str]) -> float | None:
        """The share alone: what colours need."""
        known = [self.values[name] for name in layers if name in self.values]
        return self.share(self._worst(known)) if known else None

    def _worst(self, known: Iterable[float]) -> float:
        return min(known) if self.is_falling else max(known)


@dataclass(frozen=True)
class Choice:
    """An entry of the list: `why_not` says why it cannot be chosen; empty where it can."""

    key: str
    title: str
    why_not: str = ""


def choices(state: SessionState) -> list[Choice]:
    """Everything that nodes can be coloured by, with what is missing for it."""
    missing = {
        "ms": "" if any(row.latency_ms is not None for row in state.rows) else "Milliseconds are not measured yet.",
        "zeros": "" if state.spectra else "The weights are not counted yet.",
        "error": "" if _errors(state) else "Run a plan first: then every layer has an error.",
    }
    plain = [Choice(key, title, missing.get(key, "")) for key, title in PLAIN]
    no_table = "" if state.table else "The sensitivity is not scored yet."
    return plain + [Choice(DAMAGE + o.id, f"Damage of {o.method.badge()}", no_table) for o in OPTIONS]


def first_choice(state: SessionState) -> str:
    """What is shown until a person chooses: the damage of 4 bits as soon as it is known, else the size."""
    return f"{DAMAGE}int4" if state.table is not None else "size"


def colouring(state: SessionState, key: str) -> Colouring:
    """The numbers of `key` for the layers of the open model."""
    rows = state.rows
    if key.startswith(DAMAGE):
        return _damage(state, key)
    match key:
        case "size":
            return _logarithmic(key, "Size, log", {r.name: r.size_bytes for r in rows}, figures.size)
        case "macs":
            return _logarithmic(key, "MACs of one sample, log", {r.name: r.macs for r in rows}, figures.macs)
        case "ms":
            known = {r.name: r.latency_ms for r in rows if r.latency_ms is not None}
            return _logarithmic(key, "Milliseconds, log", known, figures.milliseconds)
        case "zeros":
            shares = {name: spectra.values.sparsity for name, spectra in state.spectra.items()}
            return Colouring(key, "Zero weights", shares, (0.0, 1.0), write=figures.share)
        case "error":
            values = _errors(state)
            return Colouring(
                key, "Output SQNR of the shown run", values, _span(values, log=False), False, True, figures.decibels
            )
        case _:
            return Colouring()


def _damage(state: SessionState, key: str) -> Colouring:
    option = next((o for o in OPTIONS if DAMAGE + o.id == key), None)
    table = state.table
    if option is None or table is None:
        return Colouring(key)
    found = {}
    for row in state.rows:
        entry = table.row(row.name, option.id)
        if entry is not None and entry.damage is not None and not entry.unavailable:
            found[row.name] = max(entry.damage, 0.0)
    unit = {"nats": "nats"}.get(table.unit, table.unit)
    return _logarithmic(key, f"Damage of {option.method.badge()}, {unit}, log", found, write_damage)


def write_damage(value: float) -> str:
    """As the heat map writes it, but always two digits that say something: 0.048, 0.0038, 4.3×10⁻⁵."""
    if not 0 < value < 0.01:
        return damage_text(value)
    power = floor(log10(value))
    if power > -4:
        return f"{value:.{1 - power}f}"
    return f"{value / 10.0**power:.1f}×{decade_text(10.0**power)}"


def _errors(state: SessionState) -> dict[str, float]:
    document = state.run.document if state.run else None
    layers = document.layers if document else ()
    return {e.layer: e.output_sqnr_db for e in layers if e.output_sqnr_db is not None and isfinite(e.output_sqnr_db)}


def _logarithmic(key: str, title: str, values: Mapping[str, float], write: Callable[[float], str]) -> Colouring:
    return Colouring(key, title, dict(values), _span(values, log=True), True, False, write)


def _span(values: Mapping[str, float], *, log: bool) -> tuple[float, float]:
    """Least and greatest value, far enough apart to tell colours by; for `log` of the positive ones."""
    known = [value for value in values.values() if isfinite(value) and (value > 0 or not log)]
    low, high = min(known, default=inf), max(known, default=-inf)
    if not known:
        return (0.1, 1.0) if log else (0.0, 1.0)
    if log:
        return (low, high) if high / low >= LEAST_SPAN else (low / LEAST_SPAN, low * LEAST_SPAN)
    return (low, high) if high - low > 1e-9 else (low - 0.5, low + 0.5)
