"""The page about recipes shows recipes that are read."""

import re
from pathlib import Path

import pytest
import yaml

from secateur.recipe.reading import parse_recipe

PAGE = (Path(__file__).parents[3] / "docs" / "recipe.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_a_recipe(text):
    recipe = parse_recipe(yaml.safe_load(text))
    assert recipe == parse_recipe(yaml.safe_load(recipe.to_yaml()))


def test_the_page_has_examples():
    assert len(EXAMPLES) >= 2
