"""How ticks are written: pure numbers, so that every plot says them alike."""

from math import floor, log10

from secateur.figures import MINUS, number

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def tick_text(value: float, step: float) -> str:
    """`value` with the decimals that `step` needs, thousands commas and a real minus."""
    if value == 0 or abs(value) < step * 1e-6:
        return "0"
    if abs(value) >= 1e7 or step < 1e-6:
        return number(value)
    decimals = max(0, -floor(log10(step) + 1e-9)) if step > 0 else 0
    return f"{value:,.{decimals}f}".replace("-", MINUS)


def decade_text(value: float) -> str:
    """A power of ten as 1, 10, 100, 1,000 or 0.01 near one, as 10⁻⁵ far from it."""
    exponent = round(log10(value))
    if 0 <= exponent <= 4:
        return f"{10**exponent:,}"
    if -2 <= exponent < 0:
        return f"{10.0**exponent:.{-exponent}f}"
    return "10" + str(exponent).translate(_SUPERSCRIPT)


def damage_text(value: float) -> str:
    """A damage as the heat map prints it: 0.021, 3.14, <0.0001; 0 only where it is zero."""
    if value == 0:
        return "0"
    size = abs(value)
    if size < 1e-4:
        return "<0.0001"
    decimals = 4 if size < 1e-3 else 3 if size < 10 else 1 if size < 100 else 0
    return f"{value:,.{decimals}f}".replace("-", MINUS)
