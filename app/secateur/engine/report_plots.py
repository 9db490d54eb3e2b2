"""The plots of a report as inline SVG: no scripts, no fonts, no references. Colours are classes of its style."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, isfinite, log10

from secateur import figures
from secateur.model.documents import LayerError, TrainedStep
from secateur.model.run_details import MadeLayer

WIDTH, HEIGHT = 760, 220
_LEFT, _RIGHT, _TOP, _FOOT = 52, 16, 26, 30
_NAMED = 24
"""Up to as many layers stand with their name below a plot; of more, the first and the last."""


@dataclass(frozen=True)
class Frame:
    """Where numbers stand in a plot: `low` and `high` at the foot and the top, `count` places from left to right."""

    low: float
    high: float
    count: int
    height: int = HEIGHT
    foot: int = _FOOT

    def x(self, place: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (place + 0.5) / max(self.count, 1)

    def y(self, value: float) -> float:
        room = self.height - _TOP - self.foot
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return _TOP + room * (1 - min(max(share, 0.0), 1.0))

    @property
    def step(self) -> float:
        return (WIDTH - _LEFT - _RIGHT) / max(self.count, 1)


def _svg(frame: Frame, told: str, unit: str, parts: Sequence[str]) -> str:
    """A plot; `told` is what it says, for those who do not see it."""
    head = f'<text class="tick" x="4" y="14">{escape(unit)}</text>'
    size = f'viewBox="0 0 {WIDTH} {frame.height}" width="{WIDTH}" height="{frame.height}"'
    return f'<svg {size} role="img" aria-label="{escape(told, quote=True)}">{head}{"".join(parts)}</svg>'


def _grid(frame: Frame, ticks: Sequence[float], write: Callable[[float], str]) -> list[str]:
    lines = []
    for value in ticks:
        y = frame.y(value)
        lines.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text class="tick end" x="{_LEFT - 6}" y="{y + 4:.1f}">{escape(write(value))}</text>')
    foot = frame.height - frame.foot
    return [*lines, f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{foot}" y2="{foot}"/>']


def round_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, about as many as wanted."""
    if not high > low:
        high = low + 1.0
    rough = (high - low) / max(wanted - 1, 1)
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = floor(low / step)
    ticks = [first * step]
    while ticks[-1] < high - step * 1e-9:
        ticks.append((first + len(ticks)) * step)
    return ticks


def _names(frame: Frame, names: Sequence[str]) -> list[str]:
    """Names below the places: slanted where they are few, else those of the first and the last."""
    y = frame.height - frame.foot + 14
    if len(names) <= _NAMED:
        return [
            f'<text class="tick end" transform="translate({frame.x(place) + 4:.1f} {y - 2}) rotate(-35)">'
            f"{escape(_short(name))}</text>"
            for place, name in enumerate(names)
        ]
    first = f'<text class="tick" x="{_LEFT}" y="{y}">{escape(names[0])}</text>'
    return [first, f'<text class="tick end" x="{WIDTH - _RIGHT}" y="{y}">{escape(names[-1])}</text>']


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"…{name[-17:]}"


def _by_layer(low: float, high: float, names: Sequence[str]) -> Frame:
    is_slanted = len(names) <= _NAMED
    return Frame(low, high, len(names), HEIGHT + (50 if is_slanted else 0), _FOOT + (50 if is_slanted else 0))


# ---------------------------------------------------------------------- layers


def error_plot(layers: Sequence[LayerError]) -> str:
    """Signal over error of each layer: the outputs as a line, the weights as bars; empty where nothing has a number."""
    known = [e for e in layers if e.output_sqnr_db is not None or e.weight_sqnr_db is not None]
    values = [v for e in known for v in (e.output_sqnr_db, e.weight_sqnr_db) if v is not None and isfinite(v)]
    if not values:
        return ""
    ticks = round_ticks(min(0.0, *values), max(values))
    frame = _by_layer(ticks[0], ticks[-1], [e.layer for e in known])
    parts = _grid(frame, ticks, lambda value: f"{value:g}")
    for place, entry in enumerate(known):
        words = f"{entry.layer}: output {entry.output.words}, weights {entry.weight.words}"
        title = f"<title>{escape(words)}</title>"
        if entry.weight_sqnr_db is not None:
            parts.append(_bar(frame, place, entry.weight_sqnr_db, "weight", title))
    line = [(place, e.output_sqnr_db) for place, e in enumerate(known) if e.output_sqnr_db is not None]
    parts.append(_line(frame, [(float(place), value) for place, value in line], "result"))
    parts += [
        f'<circle class="dot" cx="{frame.x(place):.1f}" cy="{frame.y(value):.1f}" r="3.5">'
        f"<title>{escape(known[place].layer)}: output {escape(figures.decibels(value))}</title></circle>"
        for place, value in line
    ]
    told = ""
    if line:
        place, worst = min(line, key=lambda pair: pair[1])
        told = f"; worst output {known[place].layer} with {figures.decibels(worst)}"
        parts.append(_label(frame, float(place), worst, f"{known[place].layer} {figures.decibels(worst)}"))
    parts += _names(frame, [e.layer for e in known])
    return _svg(frame, f"Signal over error along the network of {len(known)} layers{told}", "dB", parts)


def bits_plot(made: Sequence[MadeLayer]) -> str:
    """Bits of a stored weight, layer by layer; empty where there are no layers."""
    if not made:
        return ""
    frame = _by_layer(0.0, 32.0, [layer.layer for layer in made])
    parts = _grid(frame, [0, 8, 16, 32], lambda value: f"{value:g}")
    for place, layer in enumerate(made):
        words = " · ".join(layer.done) or "as it was"
        title = f"<title>{escape(layer.layer)}: {layer.bits} bits, {escape(layer.stored)}; {escape(words)}</title>"
        parts.append(_bar(frame, place, float(layer.bits), "original" if layer.stored == "float" else "result", title))
        parts.append(
            f'<text class="tick middle" x="{frame.x(place):.1f}" y="{frame.y(layer.bits) - 4:.1f}">{layer.bits}</text>'
            if len(made) <= 2 * _NAMED
            else ""
        )
    parts += _names(frame, [layer.layer for layer in made])
    few = min(layer.bits for layer in made)
    most = max(layer.bits for layer in made)
    return _svg(frame, f"Bits of a weight in {len(made)} layers, from {few} to {most}", "bits of a weight", parts)


def damage_plot(made: Sequence[MadeLayer]) -> str:
    """Damage that was measured of each layer's choice alone, on a log axis; empty where none was."""
    known = [(layer, layer.damage) for layer in made if layer.damage is not None and layer.damage > 0]
    if not known:
        return ""
    low, high = (log10(side([damage for _, damage in known])) for side in (min, max))
    ticks = [float(power) for power in range(floor(low), floor(high) + 2)]
    frame = _by_layer(ticks[0], ticks[-1], [layer.layer for layer, _ in known])
    parts = _grid(frame, ticks, _power)
    for place, (layer, damage) in enumerate(known):
        words = " · ".join(layer.done)
        title = f"<title>{escape(layer.layer)}, {escape(words)}: {damage:.3g} {escape(layer.damage_unit)}</title>"
        parts.append(_bar(frame, place, log10(damage), "result", title))
    parts += _names(frame, [layer.layer for layer, _ in known])
    worst, most = max(known, key=lambda pair: pair[1])
    told = f"Measured damage of what was chosen on {len(known)} layers; most on {worst.layer}, {most:.3g}"
    return _svg(frame, told, f"damage, {known[0][0].damage_unit}, log", parts)


def _power(value: float) -> str:
    digits = str(int(value)).replace("-", "⁻").translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{digits}"


# ---------------------------------------------------------------------- trainings


def training_plot(training: TrainedStep, write: Callable[[float], str]) -> str:
    """Loss as a line, the metric as rings where it was looked at, each on a scale of its own; empty without a curve."""
    losses = [(row.epoch, row.loss) for row in training.curve if row.loss is not None]
    if len(losses) < 2:
        return ""
    ticks = round_ticks(min(0.0, *(value for _, value in losses)), max(value for _, value in losses))
    frame = Frame(ticks[0], ticks[-1], 1)
    end = max(epoch for epoch, _ in losses) or 1.0
    places = [(epoch / end - 0.5, value) for epoch, value in losses]
    parts = [*_grid(frame, ticks, lambda value: f"{value:g}"), _line(frame, places, "result")]
    metrics = [(row.epoch / end - 0.5, row.metric) for row in training.curve if row.metric is not None]
    if metrics:
        values = [value for _, value in metrics]
        room = max((max(values) - min(values)) * 0.15, 1e-9)
        own = Frame(min(values) - room, max(values) + room, 1)
        parts.append(_line(own, metrics, "third"))
        parts += [
            f'<circle class="ring" cx="{own.x(x):.1f}" cy="{own.y(value):.1f}" r="4">'
            f"<title>{escape(write(value))}</title></circle>"
            for x, value in metrics
        ]
        parts.append(_label(own, metrics[-1][0], values[-1], write(values[-1])))
    parts.append(f'<text class="tick end" x="{WIDTH - _RIGHT}" y="{HEIGHT - 10}">epoch {end:g}</text>')
    return _svg(frame, f"Training curve of {training.method}, loss down to {losses[-1][1]:.4g}", "loss", parts)


# ---------------------------------------------------------------------- parts


def _bar(frame: Frame, place: int, value: float, kind: str, title: str = "") -> str:
    wide = max(1.0, min(frame.step * 0.72, 28.0))
    top, foot = frame.y(value), frame.y(frame.low)
    where = f'x="{frame.x(place) - wide / 2:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{max(foot - top, 0.5):.1f}"'
    return f'<rect class="{kind}" {where} rx="1.5">{title}</rect>'


def _line(frame: Frame, points: Sequence[tuple[float, float]], kind: str) -> str:
    places = " ".join(f"{frame.x(x):.1f},{frame.y(value):.1f}" for x, value in points if isfinite(value))
    return f'<polyline class="line {kind}" points="{places}"/>'


def _label(frame: Frame, place: float, value: float, text: str) -> str:
    x, y = frame.x(place), frame.y(value)
    side = "end" if x > WIDTH * 0.6 else "start"
    below = y + 18 if y < _TOP + 24 else y - 9
    return f'<text class="label {side}" x="{x:.1f}" y="{below:.1f}">{escape(text)}</text>'


def pair_plot(
    before: float, after: float, spread: tuple[tuple[float, float], tuple[float, float]] | None = None
) -> str:
    """Two bars, the original's above the result's, from nought; `spread` are intervals, drawn as whiskers."""
    ends = [before, after, *(high for _, high in spread or ())]
    most = max([end for end in ends if isfinite(end)] or [1.0]) or 1.0
    parts = []
    for row, (value, kind) in enumerate(((before, "original"), (after, "result"))):
        wide = max(0.0, min(value / most, 1.0)) * 236 if isfinite(value) else 0.0
        y = 2 + row * 15
        parts.append(f'<rect class="{kind}" x="0" y="{y}" width="{wide:.1f}" height="11" rx="2"/>')
        if spread is not None:
            low, high = (max(0.0, min(end / most, 1.0)) * 236 for end in spread[row])
            middle = y + 5.5
            parts.append(
                f'<path class="whisker" d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {y + 2}v7M{high:.1f} {y + 2}v7"/>'
            )
    return f'<svg class="pair" viewBox="0 0 240 30" width="240" height="30" aria-hidden="true">{"".join(parts)}</svg>'
