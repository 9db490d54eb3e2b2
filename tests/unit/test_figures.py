"""How numbers are written: laws that hold for any number, and the spellings that the design names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secateur import figures

UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}


def value_of(text: str, unit: str = "") -> float:
    """The number that a scaled text stands for."""
    digits, _, suffix = text.partition(figures.SPACE)
    return float(digits.replace(",", "")) * UNITS[suffix.removesuffix(unit) if unit else suffix]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (figures.size(1_087_321), "1.09 MB"),
        (figures.size(36_900), "36.9 kB"),
        (figures.size(147_456), "147 kB"),
        (figures.size(999_950), "1.00 MB"),
        (figures.size(0), "0 B"),
        (figures.count(2_359_296), "2.36 M"),
        (figures.count(432), "432"),
        (figures.thousands(4608), "4,608"),
        (figures.macs(1.82e9), "1.82 G"),
        (figures.macs(0), figures.UNKNOWN),
        (figures.milliseconds(0.108), "0.11 ms"),
        (figures.milliseconds(0.003), "0.003 ms"),
        (figures.milliseconds(0.0174), "0.017 ms"),
        (figures.milliseconds(0.0001), "< 0.001 ms"),
        (figures.bare_milliseconds(0.0044), "0.004"),
        (figures.milliseconds(0.0), "0 ms"),
        (figures.decibels(13.0), "13.0 dB"),
        (figures.decibels(float("inf")), "∞ dB"),
        (figures.share(0.81), "81.0 %"),
        (figures.share(0.0), "0 %"),
        (figures.share(1.0), "100 %"),
        (figures.share(0.9999999999999999), "100 %"),
        (figures.share(0.9996), "100.0 %"),
        (figures.span(0.00784, 0.937), "0.008 … 0.937"),
        (figures.span(-0.7431, 2.52), "−0.74 … 2.52"),
        (figures.span(0, 255), "0 … 255"),
        (figures.span(0.25, 0.25), "0.250"),
        (figures.span(-2e9, 1), "−2.00×10⁹ … 1.00"),
        (figures.points(-0.003), "−0.3 pt"),
        (figures.points(0.004), "+0.4 pt"),
        (figures.points(0.0), "0 pt"),
        (figures.ratio(1_090_000, 145_300), "7.5×"),
        (figures.ratio(1.0, 0.94), "1.06×"),
        (figures.signed_share(36.9, 4.7), "−87 %"),
        (figures.signed_share(2.07, 2.11), "+2 %"),
        (figures.signed_share(5, 5), "0 %"),
        (figures.duration(130), "2 min 10 s"),
        (figures.duration(3900), "1 h 5 min"),
        (figures.duration(60), "1 min"),
        (figures.duration(0.4), "0.4 s"),
        (figures.number(-0.632), "−0.632"),
        (figures.number(1.2e-5), "1.20×10⁻⁵"),
        (figures.number(9.996), "10.0"),
        (figures.ago(725), "12 min ago"),
        (figures.ago(3), "just now"),
        (figures.signed_number(3.8227), "+3.82"),
        (figures.signed_number(-0.0041), "−0.00410"),
        (figures.signed_number(0.0), "0"),
    ],
)
def test_figures_are_written_as_the_design_says(written: str, wanted: str) -> None:
    assert written.replace(figures.SPACE, " ") == wanted


@pytest.mark.parametrize(
    "write",
    [
        figures.size,
        figures.count,
        figures.thousands,
        figures.macs,
        figures.milliseconds,
        figures.decibels,
        figures.share,
        figures.points,
        figures.duration,
        figures.number,
    ],
)
def test_what_is_unknown_is_a_dash(write) -> None:  # type: ignore[no-untyped-def]
    assert write(None) == figures.UNKNOWN


def test_a_change_from_or_to_the_unknown_is_a_dash() -> None:
    assert figures.ratio(None, 3) == figures.ratio(3, None) == figures.ratio(3, 0) == figures.UNKNOWN
    assert figures.signed_share(None, 3) == figures.signed_share(0, 3) == figures.UNKNOWN


@given(st.integers(0, 10**17))
def test_a_size_is_written_to_within_half_a_percent(size_bytes: int) -> None:
    assert value_of(figures.size(size_bytes), "B") == pytest.approx(size_bytes, rel=0.005)


@given(st.integers(1000, 10**17))
def test_a_large_size_has_three_digits(size_bytes: int) -> None:
    digits = figures.size(size_bytes).partition(figures.SPACE)[0]
    assert sum(c.isdigit() for c in digits) == 3


@given(st.floats(1e-30, 1e30) | st.floats(-1e30, -1e-30))
def test_a_number_keeps_its_value_and_sign(x: float) -> None:
    text = figures.number(x).translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--"))
    mantissa, _, exponent = text.replace(",", "").partition("×10")
    assert float(mantissa) * 10.0 ** int(exponent or 0) == pytest.approx(x, rel=0.0051)


@given(st.floats(-1e9, 1e9))
def test_a_change_shows_a_real_minus_and_never_a_hyphen(delta: float) -> None:
    text = figures.points(delta)
    assert "-" not in text
    assert text.startswith((figures.MINUS, "+", "0"))


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_a_pair_of_sizes_shows_both_to_within_a_twentieth(before: int, after: int) -> None:
    first, second = figures.size_pair(before, after)
    unit = second.partition(figures.SPACE)[2]
    if figures.SPACE not in first:
        first += f"{figures.SPACE}{unit}"
    assert value_of(first, "B") == pytest.approx(before, rel=0.05)
    assert value_of(second, "B") == pytest.approx(after, rel=0.05)


@given(st.integers(1, 10**12), st.floats(0.1, 10))
def test_sizes_of_one_order_show_the_unit_once(before: int, factor: float) -> None:
    first, second = figures.size_pair(before, max(1, round(before * factor)))
    assert figures.SPACE in second
    assert figures.SPACE not in first or first.partition(figures.SPACE)[2] != second.partition(figures.SPACE)[2]


@given(st.floats(0, 1e7))
def test_a_duration_is_right_to_within_its_smallest_unit(seconds: float) -> None:
    lengths = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
    parts = [part.partition(figures.SPACE) for part in figures.duration(seconds).split(" ")]
    whole = sum(float(n) * lengths[unit] for n, _, unit in parts)
    smallest = {"s": 1, "min": 60, "h": 3600, "d": 3600}[parts[-1][2]]
    # what is left out (0 h after 2 d) is less than one of the next smaller unit
    assert abs(whole - seconds) <= smallest + 1


@pytest.mark.parametrize(("n", "said"), [(0, "0 epochs"), (1, "1 epoch"), (2, "2 epochs"), (4608, "4,608 epochs")])
def test_one_of_a_thing_is_not_said_in_the_plural(n, said):
    assert figures.counted(n, "epoch") == said
    assert figures.counted(n, "class", "classes").split()[1] == ("class" if n == 1 else "classes")


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (2.07, 2.11, ("2.07", "2.11 ms")),
        (0.00603, 0.00645, ("0.00603", "0.00645 ms")),
        (0.502, 0.498, ("0.502", "0.498 ms")),
        (0.0002, 0.0003, ("0.000200", "0.000300 ms")),
        (0.006, 0.006, ("0.006", "0.006 ms")),
        (None, 0.006, ("–", "0.006 ms")),
        (0.0, 0.0001, ("0", "< 0.001 ms")),
    ],
)
def test_milliseconds_that_differ_are_written_so_that_it_shows(before, after, wanted) -> None:
    assert tuple(text.replace(figures.SPACE, " ") for text in figures.milliseconds_pair(before, after)) == wanted


@given(st.floats(1e-4, 1e4), st.floats(1.01, 2.0))
def test_no_change_of_a_hundredth_is_hidden_by_rounding(before: float, times: float) -> None:
    first, second = figures.milliseconds_pair(before, before * times)
    assert first != second.removesuffix(f"{figures.SPACE}ms")
