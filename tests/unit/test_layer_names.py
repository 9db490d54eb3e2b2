"""Names in little room: no two rows read the same, and what is left is what tells them apart."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secateur.layer_names import ELLIPSIS, ShortNames, split_name

RESNET = ["conv1", *(f"layer{s}.{b}.conv{c}" for s in (1, 2, 3) for b in range(3) for c in (1, 2)), "linear"]
MOBILENET = [
    "features.0.conv",
    *(f"features.{b}.conv.block.{k}.conv" for b in range(1, 17) for k in ("expand", "depthwise", "project")),
    "classifier.1",
]
TRANSFORMER = [
    *(
        f"encoder.layer.{n}.{k}"
        for n in range(12)
        for k in (
            *("attention.self.query", "attention.self.key", "attention.self.value"),
            *("attention.output.dense", "intermediate.dense", "output.dense"),
        )
    ),
    "pooler.dense",
]
LONG = [f"encoder.block{n // 5}.attention.layer{n}.projection" for n in range(500)]
NETWORKS = {"resnet": RESNET, "mobilenet": MOBILENET, "transformer": TRANSFORMER, "long": LONG}

words = st.sampled_from(["layer", "conv", "0", "1", "12", "self", "query", "a", "Abc", "é", "ß9"])
signs = st.sampled_from([".", "/", "_", "", ":", ".."])
names = st.lists(st.tuples(words, signs), min_size=1, max_size=7).map(lambda parts: "".join(a + b for a, b in parts))
tables = st.lists(names, min_size=1, max_size=40, unique=True)


def letters(text: str, is_own: bool) -> float:
    return float(len(text))


def proportional(text: str, is_own: bool) -> float:
    """A font in which `i` and dots are thin, and a layer's own name is bold."""
    return sum(3.0 if sign in "il.:" else 7.0 for sign in text) * (1.06 if is_own else 1.0)


def shown(table: list[str], room: float, measure=letters) -> list[str]:
    texts = ShortNames(table, measure).texts(room)
    return [texts[name].text for name in table]


@given(tables, st.integers(4, 60))
def test_no_two_names_read_the_same_and_none_is_wider_than_its_room(table: list[str], room: int) -> None:
    texts = shown(table, room)
    assert len(set(texts)) == len(table)
    assert all(len(text) <= room for text in texts)


@given(tables, st.floats(40, 400))
@settings(deadline=None)
def test_the_same_holds_in_a_proportional_font_with_a_bold_part(table: list[str], room: float) -> None:
    texts = ShortNames(table, proportional).texts(room)
    assert len({short.text for short in texts.values()}) == len(table)
    for short in texts.values():
        assert proportional(short.prefix, False) + proportional(short.own, True) <= room + 1e-6


@given(tables, st.integers(4, 60))
def test_a_name_that_fits_is_shown_whole(table: list[str], room: int) -> None:
    for name, text in zip(table, shown(table, room), strict=True):
        if len(name) <= room:
            assert text in (name, f"#{table.index(name) + 1}{ELLIPSIS}{name}"[: len(text)]) or text.startswith("#")
            assert text == name or not text.startswith(ELLIPSIS)


@given(tables, st.integers(4, 60), st.randoms())
def test_a_text_does_not_depend_on_what_was_asked_before(table: list[str], room: int, random) -> None:
    made = ShortNames(table, letters)
    for other in random.sample(range(4, 60), 12):
        made.texts(other)
    assert made.texts(room) == ShortNames(table, letters).texts(room)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("room", [9, 12, 16, 24, 40])
def test_names_of_real_networks_are_told_apart_by_words_not_by_numbers(network: str, room: int) -> None:
    texts = shown(NETWORKS[network], room)
    assert len(set(texts)) == len(texts)
    assert not any(text.startswith("#") for text in texts)


@pytest.mark.parametrize("room", [12, 16, 20, 26])
def test_the_number_of_the_block_and_what_it_does_there_stay(room: int) -> None:
    texts = dict(zip(MOBILENET, shown(MOBILENET, room), strict=True))
    short = texts["features.7.conv.block.depthwise.conv"]
    assert "7" in short
    assert "depthw" in short
    assert texts["features.16.conv.block.project.conv"].replace("features.", ELLIPSIS).startswith("…16…project")


def test_what_all_rows_share_goes_first() -> None:
    assert shown(RESNET, 12)[1:3] == ["…1.0.conv1", "…1.0.conv2"]
    assert shown(TRANSFORMER, 10)[:3] == ["…0…query", "…0…key", "…0…value"]


@pytest.mark.parametrize("room", [12, 16, 20, 26])
def test_no_two_names_look_the_same_either(room: int) -> None:
    looks = [text.replace(ELLIPSIS, ".").strip(".") for text in shown(TRANSFORMER, room)]
    assert len(set(looks)) == len(looks)
    assert "att" in looks[TRANSFORMER.index("encoder.layer.3.attention.output.dense")]


def test_more_room_shows_more_of_a_name_and_never_less() -> None:
    made = ShortNames(MOBILENET, letters)
    lengths = [len(made.texts(room)["features.7.conv.block.depthwise.conv"].text) for room in range(10, 40)]
    assert lengths == sorted(lengths)
    assert lengths[-1] == len("features.7.conv.block.depthwise.conv")


def test_names_that_end_where_others_go_on_are_told_apart() -> None:
    table = ["encoder.block", "encoder.block.conv", "encoder.block.conv.weight", "encoder"]
    for room in range(4, 26):
        assert len(set(shown(table, room))) == len(table)


def test_where_nothing_else_helps_the_rows_are_numbered() -> None:
    table = [f"{'same' * 9}{letter}{'same' * 9}" for letter in "ab"]
    assert shown(table, 5) == ["#1…me", "#2…me"] or len(set(shown(table, 5))) == 2


def test_in_no_room_at_all_nothing_breaks() -> None:
    assert all(len(text) <= 1 for text in shown(RESNET, 1))
    assert shown([], 10) == []
    assert ShortNames([], letters).widest == 0.0


def test_names_are_split_at_the_last_dot_or_slash() -> None:
    assert split_name("layer2.1.conv1") == ("layer2.1.", "conv1")
    assert split_name("/features/conv") == ("/features/", "conv")
    assert split_name("linear") == ("", "linear")
    assert split_name("odd.") == ("", "odd.")
