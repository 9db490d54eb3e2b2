"""Which channels leave together is found when it is asked for, once for each content of a model."""

from pathlib import Path
from typing import Any

import pytest

from secateur.engine.cache import cache_folder
from secateur.engine.events import CouplingsFound, ModelOpened
from secateur.engine.jobs import perform
from secateur.engine.reporting import Reporter
from secateur.engine.requests import FindCouplings, OpenModel, RehearsePlan
from secateur.engine.workshop import Workshop
from secateur.errors import Cancelled
from secateur.formats.reading import open_model
from secateur.graph.coupling import channels
from secateur.methods.prune.channel import ChannelPruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import ModelSource
from secateur.recipe.recipe import Recipe, Step

SAMPLE = ModelSource("sample:model")
Found = list[int]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path))


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Found:
    """One entry for each time that channels are followed."""
    found: Found = []
    ours = channels.couplings

    def counted(*args: Any) -> Any:
        found.append(1)
        return ours(*args)

    monkeypatch.setattr(channels, "couplings", counted)
    return found


def reporter() -> Reporter:
    return Reporter(1, lambda event: None)


def ask(workshop: Workshop) -> Any:
    answer = perform(FindCouplings(SAMPLE), reporter(), workshop)
    assert isinstance(answer, CouplingsFound)
    return answer.couplings


def test_opening_a_model_follows_no_channels(times: Found) -> None:
    opened = perform(OpenModel(SAMPLE), reporter(), Workshop(1))
    assert isinstance(opened, ModelOpened)
    assert not times
    assert not opened.model.knows_couplings
    assert opened.model.bundles == ()


def test_asked_for_they_are_those_of_the_network(times: Found) -> None:
    workshop = Workshop(1)
    found = ask(workshop)
    assert found == channels.couplings(open_model(SAMPLE))  # type: ignore[arg-type]
    assert found.bundles
    opened = perform(OpenModel(SAMPLE), reporter(), workshop)
    assert isinstance(opened, ModelOpened)
    assert opened.model.with_couplings(found).knows_couplings


def test_they_are_found_once_for_a_content(times: Found) -> None:
    first = ask(Workshop(1))
    assert ask(Workshop(1)) == first
    assert len(times) == 1


def test_a_damaged_file_of_them_is_as_good_as_none(times: Found) -> None:
    first = ask(Workshop(1))
    (path,) = cache_folder().glob("couplings-*.json")
    for content in ("{", "[]", '{"layers": {"conv": 3}, "bundles": []}', '{"layers": {}, "bundles": []}'):
        path.write_text(content)
        assert ask(Workshop(1)) == first
    assert len(times) == 5


def test_a_plan_asks_for_them_where_it_removes_channels_alone(times: Found) -> None:
    workshop = Workshop(1)
    perform(RehearsePlan(SAMPLE, Recipe((Step(StaticInt8()),))), reporter(), workshop)
    assert not times
    perform(RehearsePlan(SAMPLE, Recipe((Step(ChannelPruning()),))), reporter(), workshop)
    assert len(times) == 1


def test_finding_them_can_be_cancelled() -> None:
    asked = reporter()
    workshop = Workshop(1)
    workshop.bench(SAMPLE, asked)
    asked.cancelled.set()
    with pytest.raises(Cancelled):
        perform(FindCouplings(SAMPLE), asked, workshop)
