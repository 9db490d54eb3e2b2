"""What was measured of plans, kept beside the cells: whole plans, and cells in the context of a plan.

Filed under content as cells are: of the model, of the samples, and of the plan, method by method with all parameters.
"""

import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from secateur.analysis.in_context import Whole
from secateur.analysis.tallies import Keeper, Tallies
from secateur.data.evidence import Evidence
from secateur.engine.checking import KnownPlan
from secateur.engine.database import add_columns, opened
from secateur.engine.measurements import MeasurementStore, Subject, method_key
from secateur.errors import UserError
from secateur.model.plan_check import MeasuredPlan
from secateur.recipe.choices import methods_in
from secateur.recipe.reading import parse_recipe
from secateur.recipe.recipe import Recipe

_log = logging.getLogger(__name__)
PLANS_VERSION: Final = 2
"""Counts up when plans are carried out or measured otherwise: what was kept of an earlier version is measured again."""
_TABLE = """
CREATE TABLE IF NOT EXISTS plans (
    model TEXT NOT NULL, data TEXT NOT NULL, plan TEXT NOT NULL, samples INTEGER NOT NULL, told TEXT NOT NULL,
    parts TEXT NOT NULL, recipe TEXT NOT NULL DEFAULT '', PRIMARY KEY (model, data, plan, samples)
)
"""
_LATER = {"recipe": "TEXT NOT NULL DEFAULT ''"}
"""The plan itself as a document, which files of the first version did not have."""


class PlanStore:
    """Whole plans that were measured. Where the file cannot be used, nothing is known and nothing is kept."""

    def __init__(self, store: MeasurementStore, subject: Subject) -> None:
        self._path, self._subject = store.path, subject

    def find(self, recipe: Recipe, samples: int) -> Whole | None:
        """What was measured of a plan on so many samples."""
        if not self._path.exists():
            return None
        key = (self._subject.model, self._subject.data, plan_key(recipe), samples)
        query = "SELECT told, parts FROM plans WHERE model = ? AND data = ? AND plan = ? AND samples = ?"
        try:
            with opened(self._path) as database:
                _prepare(database)
                row = database.execute(query, key).fetchone()
            if row is None:
                return None
            parts = np.stack(Evidence.from_text(json.loads(row["parts"])).rows).astype(np.float64)
            return Whole(MeasuredPlan.model_validate_json(row["told"]), parts)
        except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
            _log.warning("what was measured of a plan cannot be read: %s", error)
            return None

    def known(self) -> tuple[KnownPlan, ...]:
        """Every plan of this model that was measured on this data, once each, on as many samples as it was at most."""
        if not self._path.exists():
            return ()
        query = "SELECT told, recipe FROM plans WHERE model = ? AND data = ? AND recipe != '' ORDER BY samples"
        try:
            with opened(self._path) as database:
                _prepare(database)
                rows = database.execute(query, (self._subject.model, self._subject.data)).fetchall()
        except sqlite3.Error as error:
            _log.warning("what was measured of plans cannot be read: %s", error)
            return ()
        plans: dict[str, KnownPlan] = {}
        for row in rows:
            try:
                recipe = parse_recipe(json.loads(row["recipe"]))
                plans[plan_key(recipe)] = KnownPlan(recipe, MeasuredPlan.model_validate_json(row["told"]))
            except (ValueError, UserError) as error:  # another version wrote what cannot be read here
                _log.warning("a measured plan cannot be read: %s", error)
        return tuple(plans.values())

    def keep(self, recipe: Recipe, found: Whole) -> None:
        """Keep what was measured; what is there already stays."""
        text = json.dumps(Evidence(rows=tuple(found.parts)).to_text())
        told = found.told.model_dump_json()
        row = (self._subject.model, self._subject.data, plan_key(recipe), found.told.samples, told, text)
        document = json.dumps(recipe.to_document())
        try:
            with opened(self._path) as database:
                _prepare(database)
                database.execute(
                    "INSERT OR IGNORE INTO plans (model, data, plan, samples, told, parts, recipe)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (*row, document),
                )
        except sqlite3.Error as error:
            _log.warning("a measured plan was not kept: %s", error)


def _prepare(database: sqlite3.Connection) -> None:
    database.execute(_TABLE)
    add_columns(database, "plans", _LATER)


class ContextKeeper(Keeper):
    """Lets a measurement of choices in the context of a plan, layer → choice, use a store."""

    def __init__(
        self, store: MeasurementStore, subject: Subject, planned: Mapping[str, str], choices: Iterable[str]
    ) -> None:
        plan = json.dumps({layer: choice_key(choice) for layer, choice in planned.items()}, sort_keys=True)
        digest = hashlib.sha256(f"{subject.model} {plan}".encode()).hexdigest()[:40]
        self._store, self._subject = store, Subject(digest, subject.data)
        self._keys = {choice: choice_key(choice) for choice in choices}

    def known(self) -> Tallies:
        return self._store.find_under(self._subject, self._keys)

    def keep(self, found: Tallies) -> None:
        self._store.keep_under(self._subject, self._keys, found)


def choice_key(choice: str) -> str:
    """The methods of a choice with all their parameters."""
    return json.dumps([method_key(method) for method in methods_in(choice)])


def plan_key(recipe: Recipe) -> str:
    """A plan's steps with all their parameters, in order."""
    steps = json.dumps([(step.layers, method_key(step.method)) for step in recipe.final], sort_keys=True)
    return hashlib.sha256(f"{PLANS_VERSION} {steps}".encode()).hexdigest()[:40]
