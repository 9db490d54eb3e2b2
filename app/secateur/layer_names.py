"""Layer names where there is little room: what all of them share is left out, what tells them apart stays.

`features.7.conv.block.depthwise.conv` becomes `…7…depthwise.conv`, not `fea…conv`. A shortening is made for a whole
table at once, so that no two of its rows show the same text and none changes while the table is scrolled or filtered.

A name is read as words (`layer`, `1`, `conv`, `2`), and all names together as a tree of words. A word tells something
where the tree branches: log₂ of how many names there are before it over how many after it, in bits. Words are kept in
the order of what they tell; where two rows would still read the same, the words that tell those two apart come first.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise, takewhile
from math import log2
from typing import NamedTuple

Measure = Callable[[str, bool], float]
"""Width of a piece of text; True for a piece of the layer's own name, which is drawn stronger."""

ELLIPSIS = "…"
_WORD = re.compile(r"([\W_]*)(\d+|[A-Z]?[a-z]+|[A-Z]+|[^\W\d_]+|$)")
_SEEN = re.compile(r"[^\W_]+")
_STRONG_BITS = 0.9
_ROUNDS = 4
_ROOMS_KEPT = 8


class ShortName(NamedTuple):
    """What is drawn: `prefix` in secondary, `own` (the name's last part, or what is left of it) in text."""

    prefix: str
    own: str

    @property
    def text(self) -> str:
        return self.prefix + self.own


def split_name(name: str) -> ShortName:
    """`layer2.1.conv1` → (`layer2.1.`, `conv1`); names with slashes are split there."""
    cut = max(name.rfind("."), name.rfind("/")) + 1
    return ShortName(name[:cut], name[cut:]) if cut < len(name) else ShortName("", name)


class _Word(NamedTuple):
    lead: str
    """The signs before it: `.`, `/`, `_`; they go where the word before it goes."""
    text: str
    is_own: bool


class _Name:
    """One name as words, with what each of them tells and how wide it is."""

    def __init__(self, name: str, place: int, measure: Measure) -> None:
        self.name, self.place, self.whole = name, place, split_name(name)
        own = len(self.whole.prefix)
        found = [match for match in _WORD.finditer(name) if match[0]]
        self.words = [_Word(match[1], match[2], match.start(2) >= own) for match in found]
        self.keys = [match[0] for match in found]
        self.bits = [0.0] * len(self.words)
        self.with_lead = [measure(word.lead + word.text, word.is_own) for word in self.words]
        self.alone = [measure(word.text, word.is_own) for word in self.words]
        self.width = sum(self.with_lead)
        self.wanted: frozenset[int] = frozenset()
        """The words without which it is not known again; see `_demand`."""
        self._stages: dict[frozenset[int], tuple[list[int], list[float]]] = {}
        self._made: dict[tuple[int, ...], ShortName] = {}

    def stages(self, first: frozenset[int], ellipsis: float) -> tuple[list[int], list[float]]:
        """The words in the order in which they are kept, and how wide the name is with the first 1, 2, … of them."""
        if first not in self._stages:
            order = sorted(range(len(self.words)), key=lambda n: self._rank(n, n in first))
            self._stages[first] = order, list(self._widths(order, ellipsis))
        return self._stages[first]

    def _rank(self, n: int, is_first: bool) -> tuple[int, float, int]:
        bits = self.bits[n]
        if is_first:
            return 0, -bits, -n
        if self.words[n].is_own:
            return 1, 0.0, -n
        return (2, -bits, -n) if bits else (3, 0.0, -n)

    def _widths(self, order: Sequence[int], ellipsis: float) -> Iterable[float]:
        last = len(self.words) - 1
        kept = [False] * len(self.words)
        width = ellipsis
        for n in order:
            after_kept, before_kept = n == 0 or kept[n - 1], n == last or kept[n + 1]
            width += self.with_lead[n] if after_kept else self.alone[n]
            if n < last and kept[n + 1]:
                width += self.with_lead[n + 1] - self.alone[n + 1]
            width += ellipsis * (1 - after_kept - before_kept)
            kept[n] = True
            yield width

    def with_words(self, kept: Iterable[int]) -> ShortName:
        """The name with these words alone; each gap is one ellipsis."""
        chosen = tuple(sorted(kept))
        if chosen not in self._made:
            self._made[chosen] = self._make(chosen)
        return self._made[chosen]

    def _make(self, chosen: Sequence[int]) -> ShortName:
        parts, before = [], -1
        for n in chosen:
            word = self.words[n]
            parts.append((word.lead if n == before + 1 else ELLIPSIS, word.text, word.is_own))
            before = n
        tail = "" if before == len(self.words) - 1 else ELLIPSIS
        first = next((k for k, part in enumerate(parts) if part[2]), len(parts) - 1)
        prefix = "".join(lead + text for lead, text, _ in parts[:first]) + parts[first][0]
        own = parts[first][1] + "".join(lead + text for lead, text, _ in parts[first + 1 :]) + tail
        return ShortName(prefix, own)


class ShortNames:
    """The names of one table; `texts(room)` is what each of them reads in so much room."""

    def __init__(self, names: Iterable[str], measure: Measure) -> None:
        known: dict[tuple[str, bool], float] = {}

        def measured(text: str, is_own: bool) -> float:
            if (text, is_own) not in known:
                known[text, is_own] = measure(text, is_own)
            return known[text, is_own]

        self._measure = measured
        self._ellipsis = measured(ELLIPSIS, True)
        unique = dict.fromkeys(names)
        self._names = [_Name(name, place, measured) for place, name in enumerate(unique, 1)]
        _tell(self._names)
        _demand(self._names)
        self._known: dict[float, dict[str, ShortName]] = {}

    @cached_property
    def widest(self) -> float:
        """Room in which no name is shortened."""
        return max((name.width for name in self._names), default=0.0)

    def texts(self, room: float) -> dict[str, ShortName]:
        """By name, what it reads: no wider than `room`, and no two alike.

        Where words cannot tell two names apart in so little room, they are numbered as they stand in the table:
        `#17…`. In less room than that takes, texts are cut, and may be alike.
        """
        known = self._known.get(room)
        if known is None:
            if len(self._known) >= _ROOMS_KEPT:
                self._known.pop(next(iter(self._known)))
            known = self._known[room] = self._shorten(room)
        return known

    def _shorten(self, room: float) -> dict[str, ShortName]:
        texts = {name.name: self._fitting(name, room, name.wanted, {}) for name in self._names}
        asked: dict[str, tuple[frozenset[int], dict[int, int]]] = {}
        for _ in range(_ROUNDS):
            news = False
            for group in self._alike(texts, _looks):
                for name, words, letters in _telling(group):
                    had = asked.get(name.name, (name.wanted, {}))
                    more = {n: max(count, had[1].get(n, 0)) for n, count in letters.items()}
                    asked[name.name] = now = (had[0] | words, {**had[1], **more})
                    if now != had:
                        news = True
                        texts[name.name] = self._fitting(name, room, *now)
            if not news:
                break
        # a number in place of a word may read like the name of another row: what is numbered stays so
        numbered: set[str] = set()
        while alike := [name for group in self._alike(texts, str) for name in group if name.name not in numbered]:
            for name in alike:
                numbered.add(name.name)
                texts[name.name] = self._numbered(name, room)
        return texts

    def _fitting(self, name: _Name, room: float, wanted: frozenset[int], letters: dict[int, int]) -> ShortName:
        """The whole name where there is room, else as many of its words as fit, else as much of them.

        `letters` is how much of a word is needed to tell it from others.
        """
        if name.width <= room or not name.words:
            return name.whole
        order, widths = name.stages(wanted, self._ellipsis)
        for count in range(len(widths), max(len(wanted), 1) - 1, -1):
            if widths[count - 1] <= room:
                short = name.with_words(order[:count])
                has_own = any(name.words[n].is_own for n in order[:count])
                if has_own or self._width(short) <= room:  # without one its last word is drawn as strong as one
                    return short
        kept = sorted(wanted or order[:1])
        for least in (3, 1):
            cut = self._abbreviated(name, kept, {n: max(letters.get(n, 1), least) for n in kept}, room)
            if cut is not None:
                return cut
        return self._numbered(name, room)

    def _abbreviated(self, name: _Name, kept: Sequence[int], least: dict[int, int], room: float) -> ShortName | None:
        """These words alone, the longest of them cut to as many letters as there is room for; None where none is."""
        lengths = {n: len(name.words[n].text) for n in kept}
        fewest = {
            n: length if name.words[n].text.isdecimal() else min(least[n], length) for n, length in lengths.items()
        }
        while True:
            short = _cut(name, kept, lengths)
            if self._width(short) <= room:
                return short
            spare = [n for n in kept if lengths[n] > fewest[n]]
            if not spare:
                return None
            lengths[max(spare, key=lambda n: lengths[n])] -= 1

    def _width(self, short: ShortName) -> float:
        return self._measure(short.prefix, False) + self._measure(short.own, True)

    def _numbered(self, name: _Name, room: float) -> ShortName:
        """`#17…conv`: the name's place in the table and as much of its end as fits."""
        number = f"#{name.place}{ELLIPSIS}"
        left = room - self._measure(number, False)
        end = name.name
        while end and self._measure(end, True) > left:
            end = end[1:]
        if left < 0:
            while number and self._measure(number, False) > room:
                number = number[:-1]
        return ShortName(number, end)

    def _alike(self, texts: dict[str, ShortName], looks: Callable[[str], str]) -> list[list[_Name]]:
        """Groups of names whose texts look the same."""
        groups: dict[str, list[_Name]] = {}
        for name in self._names:
            groups.setdefault(looks(texts[name.name].text), []).append(name)
        return [group for group in groups.values() if len(group) > 1]


@lru_cache(maxsize=20_000)
def _looks(text: str) -> str:
    """What the eye sees of a text: it passes over the difference of `0…output` and `0.output`."""
    return " ".join(_SEEN.findall(text))


def _cut(name: _Name, kept: Sequence[int], lengths: dict[int, int]) -> ShortName:
    """These words of a name, each with so many letters; what is cut off is an ellipsis, as every gap is."""
    text, before, starts_own, starts_last = "", -1, None, 0
    for n in kept:
        word = name.words[n]
        lead = word.lead if n == before + 1 else ELLIPSIS
        text += "" if text.endswith(ELLIPSIS) else lead
        starts_last = len(text)
        if word.is_own and starts_own is None:
            starts_own = starts_last
        text += word.text[: lengths[n]] + (ELLIPSIS if lengths[n] < len(word.text) else "")
        before = n
    if before < len(name.words) - 1 and not text.endswith(ELLIPSIS):
        text += ELLIPSIS
    start = starts_last if starts_own is None else starts_own
    return ShortName(text[:start], text[start:])


def _tell(names: Sequence[_Name]) -> None:
    """Write into each name what its words tell, in bits."""
    for name, bits in zip(names, _bits([name.keys for name in names]), strict=True):
        name.bits = bits


def _demand(names: Sequence[_Name]) -> None:
    """Choose the words that each name must show: what tells much, and what tells it from those that show the same."""
    for name in names:
        name.wanted = frozenset(n for n, told in enumerate(name.bits) if told >= _STRONG_BITS)
    for _ in range(_ROUNDS):
        groups: dict[tuple[str, ...], list[_Name]] = {}
        for name in names:
            groups.setdefault(tuple(name.words[n].text for n in sorted(name.wanted)), []).append(name)
        alike = [group for group in groups.values() if len(group) > 1]
        for group in alike:
            for name, words, _letters_needed in _telling(group):
                name.wanted |= words
        if not alike:
            break


def _telling(group: Sequence[_Name]) -> list[tuple[_Name, frozenset[int], dict[int, int]]]:
    """For each of these names the words that tell it from the others of them, and how many letters of a word do."""
    found = _bits([name.keys for name in group])
    variants: dict[int, set[str]] = {}
    for name in group:
        for n, word in enumerate(name.words):
            variants.setdefault(n, set()).add(word.text)
    told = []
    for name, bits in zip(group, found, strict=True):
        words = frozenset(n for n, count in enumerate(bits) if count)
        letters = {n: _letters(name.words[n].text, variants[n]) for n in words}
        told.append((name, words, letters))
    return told


def _letters(word: str, variants: set[str]) -> int:
    """How many letters of a word tell it from these others."""
    shared = (
        sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(word, other, strict=False)))
        for other in variants
        if other != word
    )
    return max(shared, default=0) + 1


def _bits(names: Sequence[Sequence[str]]) -> list[list[float]]:
    """What each word of each name tells, in bits: how much fewer names there are after it than before it."""
    nodes: dict[tuple[int, str], int] = {}
    sizes, paths = [len(names)], []
    for words in names:
        node, path = 0, [0]
        for word in words:
            node = nodes.setdefault((node, word), len(sizes))
            if node == len(sizes):
                sizes.append(0)
            sizes[node] += 1
            path.append(node)
        paths.append(path)
    told = []
    for path in paths:
        bits = [log2(sizes[a] / sizes[b]) for a, b in pairwise(path)]
        if bits:
            bits[-1] += log2(sizes[path[-1]])  # others go on where this one ends: that it ends tells it from them
        told.append(bits)
    return told
