"""What is said of work that was cancelled is what became of it."""

import pytest

from secateur.cli.terminal import cancelled_words
from secateur.engine.requests import Compress, DataSource, OpenModel, ScoreSensitivity
from secateur.model.description import ModelSource
from secateur.recipe.recipe import Recipe

MODEL, DATA = ModelSource("sample:model"), DataSource("sample:mnist")


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ScoreSensitivity(MODEL, DATA, "measure", ("int8",)), "What was measured is kept"),
        (ScoreSensitivity(MODEL, None, "free", ("int8",)), "Nothing was changed"),
        (Compress(MODEL, DATA, Recipe(), "r"), "--resume"),
        (OpenModel(MODEL), "Nothing was changed"),
    ],
)
def test_a_cancelled_command_says_what_is_kept(request_, words):
    assert words in cancelled_words(request_)
