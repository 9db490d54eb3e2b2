"""The report of a run: one file that needs nothing else, with the bad news first; and its model card."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from known_results import a_document, a_record

from secateur.data.source import DataSource
from secateur.engine.events import RunRecord
from secateur.engine.model_card import card_of
from secateur.engine.report import report_of
from secateur.engine.report_plots import bits_plot, damage_plot, error_plot, pair_plot, round_ticks, training_plot
from secateur.model.description import ModelSource
from secateur.model.documents import LayerError, RunDocument, TrainedStep
from secateur.model.run_details import CurveRow, MadeLayer, PartChange

HOSTILE = '<script src="https://example.com/x.js">&"`|*'
CURVE = tuple(CurveRow(epoch=n / 4, loss=1.0 / (n + 1), metric=0.5 + n / 20 if n % 2 else None) for n in range(8))
MADE = tuple(
    MadeLayer(
        layer=f"conv{n}", kind="Conv2d", done=("int8",) if n else (), bits=8 if n else 32,
        stored="8-bit integers per channel, symmetric" if n else "float", shape_before=(8, 8, 3, 3),
        shape_after=(6, 8, 3, 3), damage=10.0**-n if n else None, damage_unit="nats", damage_samples=64,
    )
    for n in range(3)
)  # fmt: skip
PARTS = tuple(
    PartChange(
        name=name, samples=samples, before=0.9, after=after, low=after - 0.92, high=after - 0.88,
        measure="right answers",
    )
    for name, samples, after in (("owl", 20, 0.6), ("cat", 200, 0.9))
)  # fmt: skip


def whole(**changes: Any) -> RunRecord:
    """A finished run with everything that a report can show."""
    training = TrainedStep(
        method="distillation", round=1, rounds=2, epochs=2, loss=0.125, metric=0.85, agreement=None, curve=CURVE
    )
    made = a_document("r1", task="classification", classes=2, machine="a processor", splits={"test": 1000})
    document = made.model_copy(
        update={
            "made": MADE, "parts": PARTS, "trainings": (training,), "agreement": 0.98, "device": "CPU", "threads": 2,
            "headline": "Slower here.", "warnings": ("Slower here.", "Half of it is float."),
            "recipe": {"schema": 1, "steps": [{"repeat": 2, "steps": [{"method": "weight_only"}]}]}, **changes,
        }
    )  # fmt: skip
    return replace(
        a_record(), state="finished", folder="/runs/r1", document=document, model_source=ModelSource("/net.onnx")
    )


def text_of(html: str) -> str:
    """What is read of it."""
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)).split())


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


# ---------------------------------------------------------------------- one file


def test_a_report_asks_for_nothing_from_elsewhere() -> None:
    html = report_of(whole())
    tags = Tags(html).found
    assert not {tag for tag, _ in tags} & {
        "script",
        "link",
        "iframe",
        "img",
        "object",
        "embed",
        "base",
        "form",
        "image",
    }
    asked = [
        (tag, name)
        for tag, attributes in tags
        for name in attributes
        if name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster") or name.startswith("on")
    ]
    assert asked == []
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    assert "@import" not in style[1]
    assert "url(" not in html
    assert "http" not in html


def test_what_a_run_is_called_is_never_markup() -> None:
    record = whole(name=HOSTILE, warnings=(HOSTILE,), headline=HOSTILE)
    layers = (LayerError(layer=HOSTILE, weight_sqnr_db=10.0, output_sqnr_db=10.0),)
    made = (MADE[1].model_copy(update={"layer": HOSTILE}),)
    document = record.document.model_copy(update={"layers": layers, "made": made})  # type: ignore[union-attr]
    html = report_of(replace(record, recipe_yaml=HOSTILE, model=HOSTILE, document=document))
    assert "<script" not in html
    assert not any(tag == "script" for tag, _ in Tags(html).found)
    card = card_of(replace(record, document=document))
    head, _, body = card.removeprefix("---\n").partition("---\n")
    assert yaml.safe_load(head)["model-index"][0]["name"] == HOSTILE
    outside = re.sub(r"```.*?```|`[^`]*`", "", body, flags=re.DOTALL)
    assert "<script" not in outside.replace(r"\<script", "")


def test_every_plot_is_well_formed_and_says_in_words_what_it_shows() -> None:
    document = whole().document
    assert document is not None
    plots = [
        error_plot(document.layers),
        bits_plot(document.made),
        damage_plot(document.made),
        training_plot(document.trainings[0], str),
    ]
    for plot in plots:
        assert ET.fromstring(plot).get("aria-label")
    assert "conv2 with 33.0" in str(ET.fromstring(plots[0]).get("aria-label"))
    ET.fromstring(pair_plot(1.0, 0.5, ((0.9, 1.1), (0.4, 0.6))))


def test_plots_stand_whatever_the_numbers_are() -> None:
    assert error_plot(()) == bits_plot(()) == damage_plot(MADE[:1]) == ""
    none = TrainedStep(method="m", round=0, rounds=0, epochs=1, loss=None, metric=None, agreement=None)
    assert training_plot(none, str) == ""
    flat = none.model_copy(update={"curve": tuple(CurveRow(epoch=0.0, loss=0.0) for _ in range(3))})
    many = tuple(LayerError(layer=f"l{n}", weight_sqnr_db=-3.0, output_sqnr_db=None) for n in range(300))
    for plot in (training_plot(flat, str), error_plot(many), pair_plot(0.0, 0.0), pair_plot(float("nan"), 1.0)):
        ET.fromstring(plot)
        assert "nan" not in plot


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.0, 47.0), (0.01, 0.012), (5.0, 5.0)])
def test_ticks_are_round_and_reach_around_the_numbers(low: float, high: float) -> None:
    ticks = round_ticks(low, high)
    assert ticks[0] <= low
    assert ticks[-1] >= high - 1e-12
    assert 2 <= len(ticks) <= 12


# ---------------------------------------------------------------------- what it says


def test_the_bad_news_comes_first_and_once() -> None:
    text = text_of(report_of(whole()))
    assert text.index("Slower here.") < text.index("Half of it is float.") < text.index("Original and result")
    assert text.count("Slower here.") == 1


def test_a_report_says_what_was_lost_where_measured_how_and_how_it_is_repeated() -> None:
    text = text_of(report_of(whole())).replace("\u00a0", " ")
    assert re.search(r"owl 20 90\.0 % 60\.0 % −30\.0 pt −32\.0 pt … −28\.0 pt worse", text)
    for said in ("a processor", "2 threads", "distillation, round 1 of 2", "int8", "1,000 test"):
        assert said in text
    again = "secateur compress /net.onnx --recipe /runs/r1/recipe.yaml --device cpu --threads 2 --output /runs/r1-again"
    assert again in text


def test_data_that_was_read_in_an_own_way_is_described_for_the_repetition() -> None:
    record = replace(whole(), data_source=DataSource("/d.csv", {"mean": (0.5,)}, {"columns": {"target": 2}}))
    html = report_of(record)
    assert "--data data.yaml" in html
    described = yaml.safe_load(card_of(record).split("```yaml\n")[-1].split("```")[0])
    assert described == {"source": "/d.csv", "columns": {"target": 2}, "preprocessing": {"mean": [0.5]}}


def test_a_result_of_an_earlier_version_has_a_report_and_a_card_too() -> None:
    document = RunDocument(
        run="r1", name="r1", original=a_document().original, result=a_document().result.model_copy(
            update={"metric": None, "latency_ms": None}
        ), files=(),
    )  # fmt: skip
    record = replace(a_record(), document=document)
    assert "does not say how its model is opened" in report_of(record)
    assert "does not say how its model is opened" in card_of(record)


def test_light_and_dark_and_paper_are_styled() -> None:
    html = report_of(whole())
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media print" in html


# ---------------------------------------------------------------------- the card


def test_the_head_of_a_card_is_what_the_hub_reads() -> None:
    card = card_of(whole())
    assert card.startswith("---\n")
    head = yaml.safe_load(card.split("---\n")[1])
    assert {"secateur", "quantized", "weight_only"} <= set(head["tags"])
    (result,) = head["model-index"][0]["results"]
    assert set(result) == {"task", "dataset", "metrics"}
    assert (result["dataset"], result["metrics"][0]["value"]) == ({"name": "digits.zip", "type": "digits.zip"}, 0.89)
    assert "license" not in head  # which only a person can say


def test_a_card_says_what_was_done_lost_and_where_it_ends() -> None:
    card = card_of(whole()).replace("\u00a0", " ")
    for title in (
        "What was done",
        "What it lost on which class",
        "Measured where and how",
        "Limits of use",
        "How to repeat",
    ):
        assert f"## {title}" in card
    assert "Surely worse on owl." in card
    assert "1 part had fewer than 30 samples" in card
    assert "It changed 2 of 3 layers" in card
