"""How numbers are written: one set of rules for the window, the command line and the report.

Three significant digits, the unit after a no-break space, powers of 1000, a real minus sign, unknown as an
en dash and measured zero as 0. No Qt here: the command line prints with the same functions.
"""

from math import floor, isclose, isinf, isnan, log10

SPACE = "\u00a0"
MINUS = "\u2212"
UNKNOWN = "–"
_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_PREFIXES = ("", "k", "M", "G", "T", "P")


def number(x: float | None) -> str:
    """Three significant digits; powers of ten outside 0.0001 … 999,999."""
    if x is None or isnan(x):
        return UNKNOWN
    if isinf(x):
        return f"{MINUS if x < 0 else ''}∞"
    if x == 0:
        return "0"
    if not 1e-4 <= abs(x) < 999_999.5:
        exponent = floor(log10(abs(x)))
        mantissa = f"{x / 10.0**exponent:.2f}".replace("-", MINUS)
        return f"{mantissa}×10{str(exponent).translate(_SUPERSCRIPT)}"
    return _three_digits(abs(x), MINUS if x < 0 else "")


def span(low: float, high: float) -> str:
    """The ends of a range, with as many decimals as three digits of its width have: `−0.74 … 2.52`, `0 … 255`."""
    if not high > low:
        return number(low)
    decimals = max(0, 2 - floor(log10(high - low)))
    if decimals > 4 or max(-low, high) >= 999_999.5:
        return f"{number(low)} … {number(high)}"
    ends = (f"{end:,.{decimals}f}" if end else "0" for end in (low, high))
    return " … ".join(ends).replace("-", MINUS)


def thousands(n: float | None) -> str:
    """A whole number with thousands commas: `4,608`."""
    return UNKNOWN if n is None else f"{round(n):,}".replace("-", MINUS)


def counted(n: int, noun: str, plural: str = "") -> str:
    """So many things with their noun: `1 epoch`, `4,608 weights`; `plural` where it takes more than an s."""
    return f"{thousands(n)} {noun if n == 1 else plural or noun + 's'}"


def count(n: float | None) -> str:
    """A number of things: `432`, `9.22 k`, `2.36 M`."""
    return _scaled(n, "")


def macs(n: float | None) -> str:
    """Multiply-accumulates: `442 k`, `2.36 M`, `1.82 G`; unknown where there are none, as without a network."""
    return _scaled(n or None, "")


def size(size_bytes: float | None) -> str:
    """Bytes in powers of 1000: `432 B`, `36.9 kB`, `1.09 MB`."""
    return _scaled(size_bytes, "B")


def milliseconds(x: float | None) -> str:
    """`0.11 ms`, `2.07 ms`, `20.5 ms`, `147 ms`; three decimals below a tenth."""
    return UNKNOWN if x is None else f"{bare_milliseconds(x)}{SPACE}ms"


def bare_milliseconds(x: float) -> str:
    """Milliseconds without their unit, for a column that names it: `0.004`, `2.07`."""
    if x == 0:
        return "0"
    if x < 0.0995:
        return f"{x:.3f}" if x >= 0.0005 else "<" + SPACE + "0.001"
    return f"{x:.2f}" if x < 9.995 else f"{x:,.{1 if x < 99.95 else 0}f}"


def decibels(x: float | None) -> str:
    """`13.0 dB`; no noise at all is `∞ dB`."""
    if x is None or isnan(x):
        return UNKNOWN
    if isinf(x):
        return f"{MINUS if x < 0 else ''}∞{SPACE}dB"
    return f"{x:.1f}{SPACE}dB".replace("-", MINUS)


def share(x: float | None) -> str:
    """A fraction 0..1 in percent: `81.0 %`, `0 %`, `100 %`, `0.04 %`."""
    return UNKNOWN if x is None else f"{_percent(x)}{SPACE}%"


def points(delta: float | None) -> str:
    """A change of a fraction in percentage points, signed: `−0.3 pt`, `+0.4 pt`, `0 pt`."""
    if delta is None:
        return UNKNOWN
    return f"{_signed(delta * 100, 1)}{SPACE}pt"


def signed_number(delta: float | None) -> str:
    """A change of a number in its own units, signed, with three significant digits: `+3.82`, `−0.0041`, `0`."""
    text = number(delta)
    return f"+{text}" if delta is not None and delta > 0 else text


def ratio(before: float | None, after: float | None) -> str:
    """How many times smaller or faster: `7.5×`, `1.06×`."""
    if before is None or after is None or after <= 0:
        return UNKNOWN
    times = before / after
    return f"{times:,.{2 if times < 1.995 else 1 if times < 99.95 else 0}f}×"


def signed_share(before: float | None, after: float | None) -> str:
    """Relative change in percent, signed: `−87 %`, `+2 %`, `0 %`; one decimal under one percent."""
    if before is None or after is None or before == 0:
        return UNKNOWN
    change = (after - before) / before * 100
    return f"{_signed(change, 1 if abs(change) < 0.995 else 0)}{SPACE}%"


def duration(seconds: float | None) -> str:
    """`0.4 s`, `45 s`, `2 min 10 s`, `1 h 5 min`, `2 d 3 h`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0.95:
        return f"{max(seconds, 0.0):.1f}{SPACE}s"
    whole = round(seconds)
    for big, small, big_name, small_name in (
        (86_400, 3600, "d", "h"),
        (3600, 60, "h", "min"),
        (60, 1, "min", "s"),
    ):
        if whole >= big:
            rest = whole % big // small
            head = f"{whole // big}{SPACE}{big_name}"
            return f"{head} {rest}{SPACE}{small_name}" if rest else head
    return f"{whole}{SPACE}s"


def ago(seconds: float) -> str:
    """How long since: `just now`, `12 min ago`, `3 h ago`, `2 d ago`."""
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{int(seconds // unit)}{SPACE}{name} ago"
    return "just now"


# ------------------------------------------------------------------ before → after, the unit once


def size_pair(before: float | None, after: float | None) -> tuple[str, str]:
    """(`1.09`, `0.15 MB`): both in the larger one's unit, or each in its own where that shows too little."""
    return _pair(before, after, "B")


def macs_pair(before: float | None, after: float | None) -> tuple[str, str]:
    """(`40.6`, `39.4 M`), as `size_pair`."""
    return _pair(before, after, "")


def milliseconds_pair(before: float | None, after: float | None) -> tuple[str, str]:
    """(`2.07`, `2.11 ms`); with as many digits as show that they differ: (`0.00603`, `0.00645 ms`)."""
    if before is None or after is None:
        return (milliseconds(before).removesuffix(f"{SPACE}ms"), milliseconds(after))
    first, second = bare_milliseconds(before), bare_milliseconds(after)
    if first == second and before != after and min(before, after) > 0:
        first, second = number(before), number(after)
    return first, f"{second}{SPACE}ms"


def share_pair(before: float | None, after: float | None) -> tuple[str, str]:
    """(`81.0`, `80.7 %`)."""
    return (share(before).removesuffix(f"{SPACE}%"), share(after))


# ------------------------------------------------------------------ the rules underneath


def _three_digits(x: float, sign: str = "") -> str:
    """Three significant digits of x > 0, never fewer digits than the whole part has."""
    decimals = max(0, 2 - floor(log10(x))) if x > 0 else 0
    text = f"{x:,.{decimals}f}"
    if decimals and len(text.replace(".", "").lstrip("0")) > 3:  # 9.996 rounds to 10.00
        text = f"{x:,.{decimals - 1}f}"
    return sign + text


def _scaled(n: float | None, unit: str) -> str:
    if n is None or isnan(n):
        return UNKNOWN
    sign, x = (MINUS if n < 0 else ""), abs(n)
    power = _power(x)
    digits = f"{round(x)}" if power == 0 else _three_digits(x / 1000.0**power)
    suffix = _PREFIXES[power] + unit
    return f"{sign}{digits}{SPACE}{suffix}" if suffix else sign + digits


def _power(x: float) -> int:
    """The power of 1000 in which x has one to three digits after rounding to three."""
    power = 0
    while power < len(_PREFIXES) - 1 and x / 1000.0**power >= 999.5:
        power += 1
    return power


def _pair(before: float | None, after: float | None, unit: str) -> tuple[str, str]:
    if not before or not after or before < 0 or after < 0:
        return _scaled(before, unit), _scaled(after, unit)
    power = _power(max(before, after))
    scale = 1000.0**power
    if power == 0 or min(before, after) / scale < 0.1:
        first, second = _scaled(before, unit), _scaled(after, unit)
        shared = f"{SPACE}{unit}"
        return (first.removesuffix(shared) if power == 0 and unit else first), second
    suffix = f"{SPACE}{_PREFIXES[power]}{unit}"
    return _in_unit(before / scale), _in_unit(after / scale) + suffix


def _in_unit(x: float) -> str:
    return f"{x:.2f}" if x < 0.995 else _three_digits(x)


def _percent(x: float) -> str:
    if x == 0 or isclose(x, 1, abs_tol=1e-9):  # the end of an interval misses 1 by a rounding
        return f"{x * 100:.0f}"
    if 0 < x < 0.00095:
        return f"{x * 100:.2f}" if x >= 0.00005 else "<" + SPACE + "0.01"
    return f"{x * 100:.1f}".replace("-", MINUS)


def _signed(x: float, decimals: int) -> str:
    if x == 0:
        return "0"
    text = f"{abs(x):,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        return text
    return ("+" if x > 0 else MINUS) + text
