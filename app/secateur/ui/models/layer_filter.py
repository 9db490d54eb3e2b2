"""The filter box of the layer table: `conv size>50k params<1M planned` as a predicate. Pure Python, no Qt.

Terms are joined by *and*. A term is a word that the name, the kind (`depthwise`, `3×3`) or a plan badge contains (`*`
and `?` are wildcards for the whole name), a comparison of a number, `planned`, or `kept`; `-` or `not` in front turns
it round.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

from secateur.errors import UserError


@dataclass(frozen=True)
class LayerFacts:
    """What a filter can ask about a row; sizes in bytes, times in ms, `zeros` 0..1, None where unknown."""

    name: str
    kind: str
    params: int
    macs: int
    size: int
    ms: float | None = None
    zeros: float | None = None
    badges: tuple[str, ...] = ()
    words: str = ""
    """The kind in words: `Depthwise Conv2d 3×3`."""
    is_kept: bool = False
    """Whether a person keeps what is planned for the layer."""

    @cached_property
    def searched(self) -> str:
        """All that a word is looked for in, a line each, in small letters."""
        return "\n".join((self.name, self.kind, self.words, *self.badges)).lower()


Predicate = Callable[[LayerFacts], bool]

_NUMBERS = ("params", "macs", "size", "ms", "zeros")
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_FACTORS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_COMPARISON = re.compile(r"^(?P<key>[a-z]+)(?P<sign>>=|<=|>|<|=)(?P<value>.*)$", re.IGNORECASE)
_NUMBER = re.compile(r"^(?P<digits>\d+(?:[.,]\d+)?)\s*(?P<factor>[kmg]?)(?P<unit>b|ms|%|macs?)?$", re.IGNORECASE)


def parse_filter(text: str) -> Predicate:
    """The predicate that `text` stands for; UserError names the term that cannot be understood."""
    tight = re.sub(r"\s*(>=|<=|>|<|=)\s*", r"\1", text.strip())
    tight = re.sub(r"(?<=\d)\s+(?=(?:[kmg]?b|[kmg]|ms|%)(?:\s|$))", "", tight, flags=re.IGNORECASE)
    terms: list[Predicate] = []
    turned = False
    for word in tight.split():
        if word.lower() == "not":
            turned = not turned
            continue
        negative = word.startswith(("-", "!")) and len(word) > 1
        term = _term(word[1:] if negative else word)
        terms.append(_inverse(term) if negative != turned else term)
        turned = False
    return terms[0] if len(terms) == 1 else lambda facts: all(term(facts) for term in terms)


def _inverse(term: Predicate) -> Predicate:
    return lambda facts: not term(facts)


def _term(word: str) -> Predicate:
    comparison = _COMPARISON.match(word)
    if comparison:
        return _comparison(word, comparison["key"].lower(), comparison["sign"], comparison["value"])
    low = word.lower()
    if low == "planned":
        return lambda facts: bool(facts.badges)
    if low == "kept":
        return lambda facts: facts.is_kept
    if low in _NUMBERS:  # the beginning of a comparison that is still being typed
        return lambda facts: True
    if any(sign in low for sign in "*?"):
        return lambda facts: fnmatchcase(facts.name.lower(), low)
    return lambda facts: low in facts.searched


def _comparison(word: str, key: str, sign: str, value: str) -> Predicate:
    if key in {"name", "kind"} and sign == "=":
        pattern = value.lower()
        return lambda facts: fnmatchcase(str(getattr(facts, key)).lower(), pattern)
    if key not in _NUMBERS:
        raise UserError(f"{word!r} compares an unknown number.", f"Known: {', '.join(_NUMBERS)}, name=, kind=.")
    number = _NUMBER.match(value)
    if number is None:
        raise UserError(f"{word!r} has no number after {sign}.", "Write for example size>50k or params<1M.")
    limit = float(number["digits"].replace(",", ".")) * _FACTORS[number["factor"].lower()]
    if number["unit"] == "%":
        limit /= 100
    compare = _COMPARISONS[sign]

    def test(facts: LayerFacts) -> bool:
        known = getattr(facts, key)
        return known is not None and compare(float(known), limit)

    return test
