"""What was measured of each model's sensitivity, kept cell by cell in one SQLite file as it is measured.

Filed under content: of the model, of the samples as the network is fed, of the method with all its
parameters. So a cell is never measured twice, whatever files are called, and a measurement that was stopped, killed
or broken goes on where it was. Several processes may measure at once: the first to keep a cell wins.
"""

import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.measured import MEASURING_VERSION
from secateur.analysis.sampling import Order
from secateur.analysis.tallies import Cell, Keeper, Question, Span, Tallies, Tally
from secateur.data.evidence import Evidence
from secateur.engine.database import opened
from secateur.engine.places import home
from secateur.methods.base import Method
from secateur.methods.offers import Option
from secateur.model.description import ModelDescription, ModelSource

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset
    from secateur.data.splits import Split

_log = logging.getLogger(__name__)
_TABLE = """
CREATE TABLE IF NOT EXISTS tallies (
    model TEXT NOT NULL, data TEXT NOT NULL, method TEXT NOT NULL, layer TEXT NOT NULL, start INTEGER NOT NULL,
    stop INTEGER NOT NULL, tally TEXT NOT NULL, PRIMARY KEY (model, data, method, layer, start, stop)
)
"""
_ORDERS = """
CREATE TABLE IF NOT EXISTS orders (
    model TEXT NOT NULL, data TEXT NOT NULL, places TEXT NOT NULL, chances TEXT NOT NULL, PRIMARY KEY (model, data)
)
"""
_BATCH, _MOST = 64, 1024
"""Samples of a split whose content is looked at: of more, their places alone."""
_DATA_KEYS: "WeakKeyDictionary[Dataset, str]" = WeakKeyDictionary()


@dataclass(frozen=True)
class Subject:
    """What is measured on what: keys of the contents of a model and of the samples it is measured on."""

    model: str
    data: str


class MeasurementStore:
    """Reads and writes tallies. Where the file cannot be used, nothing is known and nothing is kept: that is logged."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or home() / "measurements.sqlite"

    def has(self, model: str) -> bool:
        """Whether anything was measured of the model with this key."""
        return bool(self._rows("SELECT 1 FROM tallies WHERE model = ? LIMIT 1", (model,)))

    def find(self, subject: Subject, options: Iterable[Option]) -> dict[Cell, dict[Span, Tally]]:
        """All tallies of these options."""
        return self.find_under(subject, {option.id: method_key(option.method) for option in options})

    def find_under(self, subject: Subject, keys: Mapping[str, str]) -> dict[Cell, dict[Span, Tally]]:
        """All tallies of what has these `keys`, name → what it is filed under."""
        found: dict[Cell, dict[Span, Tally]] = {}
        for name, key in keys.items():
            rows = self._rows(
                "SELECT layer, start, stop, tally FROM tallies WHERE model = ? AND data = ? AND method = ?",
                (subject.model, subject.data, key),
            )
            for row in rows:
                if (tally := _tally(row["tally"])) is not None:
                    found.setdefault(Cell(row["layer"], name), {})[Span(row["start"], row["stop"])] = tally
        return found

    def keep(self, subject: Subject, options: Mapping[str, Option], found: Tallies) -> None:
        """Keep what was measured, all of it or nothing; what is there already stays. `options` are by their ids."""
        self.keep_under(subject, {name: method_key(option.method) for name, option in options.items()}, found)

    def keep_under(self, subject: Subject, keys: Mapping[str, str], found: Tallies) -> None:
        """As `keep`, of what is filed under these `keys`."""
        rows = [
            (subject.model, subject.data, keys[cell.option], cell.layer, *span, _text(tally))
            for cell, tallies in found.items()
            for span, tally in tallies.items()
        ]
        try:
            with opened(self.path) as database:
                _prepare(database)
                database.executemany(
                    "INSERT OR IGNORE INTO tallies (model, data, method, layer, start, stop, tally)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    rows,
                )
        except sqlite3.Error as error:
            cells = ", ".join(f"{cell.option} of {cell.layer}" for cell in found)
            _log.warning("%s was not kept: %s", cells, error)

    def order(self, subject: Subject) -> tuple[NDArray[np.intp], NDArray[np.float64]] | None:
        """(places, chances) of the samples that were drawn to be asked first; None where none were yet."""
        query = "SELECT places, chances FROM orders WHERE model = ? AND data = ?"
        for row in self._rows(query, (subject.model, subject.data)):
            try:
                return np.array(json.loads(row["places"]), np.intp), np.array(json.loads(row["chances"]), np.float64)
            except ValueError:
                return None
        return None

    def keep_order(self, subject: Subject, places: NDArray[np.intp], chances: NDArray[np.float64]) -> None:
        """Keep which samples are asked first, unless that is kept already."""
        values = (subject.model, subject.data, json.dumps(places.tolist()), json.dumps(chances.tolist()))
        try:
            with opened(self.path) as database:
                _prepare(database)
                database.execute(
                    "INSERT OR IGNORE INTO orders (model, data, places, chances) VALUES (?, ?, ?, ?)", values
                )
        except sqlite3.Error as error:
            _log.warning("the order of the samples was not kept: %s", error)

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[sqlite3.Row]:
        if not self.path.exists():
            return []
        try:
            with opened(self.path) as database:
                _prepare(database)
                return database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            _log.warning("what was measured before cannot be read: %s", error)
            return []


class StoreKeeper(Keeper):
    """Lets the measurement of a question use a store."""

    def __init__(self, store: MeasurementStore, subject: Subject, question: Question) -> None:
        self._store, self._subject, self._samples = store, subject, question.samples
        self._options = {option.id: option for option in question.options}

    def known(self) -> Tallies:
        return self._store.find(self._subject, self._options.values())

    def keep(self, found: Tallies) -> None:
        self._store.keep(self._subject, self._options, found)

    def order(self) -> Order | None:
        found = self._store.order(self._subject)
        return None if found is None else Order(self._samples, *found)

    def ordered(self, order: Order) -> Order:
        self._store.keep_order(self._subject, order.drawn, order.chances)
        return self.order() or order


def _prepare(database: sqlite3.Connection) -> None:
    # readers and a writer do not wait for each other, and a killed process leaves whole cells or none
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(_TABLE)
    database.execute(_ORDERS)


def _text(tally: Tally) -> str:
    return json.dumps({entry.name: _plain(getattr(tally, entry.name)) for entry in fields(Tally)})


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return Evidence(rows=tuple(value)).to_text()
    return value.to_text() if isinstance(value, Evidence) else value


def _tally(text: str) -> Tally | None:
    """None where another version wrote what cannot be read here."""
    known = {entry.name for entry in fields(Tally)}
    try:
        told = {key: value for key, value in json.loads(text).items() if key in known}
        for name in ("before", "after", "drops"):
            told[name] = None if told[name] is None else Evidence.from_text(told[name])
        told["parts"] = np.stack(Evidence.from_text(told["parts"]).rows)
        return Tally(**told)
    except (ValueError, TypeError, AttributeError, KeyError):
        return None


# ---------------------------------------------------------------------- keys


def method_key(method: Method) -> str:
    """The method with all its parameters, also those that are the default today."""
    return json.dumps({"method": method.id, **method.model_dump(mode="json")}, sort_keys=True)


def model_key(model: ModelDescription) -> str:
    """What a model's cells are filed under: its files, the code that builds it, and its layers as they are seen."""
    digest = hashlib.sha256(f"{MEASURING_VERSION} {model.format} {model.fingerprint}".encode())
    digest.update(_code_of(model.source))
    for layer in model.layers:
        digest.update(f"{layer.name} {layer.kind} {layer.weight}".encode())  # shapes of results are the data's
    return digest.hexdigest()[:40]


def _code_of(source: ModelSource) -> bytes:
    """The Python file that a factory stands in; nothing for a plain file, whose graph is in it."""
    place, _, _ = source.factory.rpartition(":")
    if not place:
        return b""
    try:
        path = place if place.endswith(".py") else (spec.origin if (spec := find_spec(place)) else None)
        return Path(path).expanduser().read_bytes() if path else b""
    except (OSError, ImportError, ValueError):
        return b""


def _own_metric(data: "Dataset") -> bytes:
    """The file that a person's own metric stands in; nothing without one."""
    if data.task.own is None:
        return b""
    path = Path(data.task.own.reference.rpartition(":")[0])
    return path.read_bytes() if path.is_file() else b""


def data_key(data: "Dataset") -> str:
    """What cells are filed under of the data: validation samples exactly as the network is fed, with their targets.

    And as many calibration samples, of which the ranges of static quantization come, and what the task is. So
    whatever decides on them is in it: files, preprocessing, split, and how this version reads them.
    """
    if data not in _DATA_KEYS:
        digest = hashlib.sha256(f"{data.task}".encode() + _own_metric(data))
        splits: tuple[Split, ...] = ("validation", "calibration")
        for split in splits:
            digest.update(np.ascontiguousarray(data.splits[split]).tobytes())
            for batch in data.batches(split, _BATCH, _MOST):
                for values in map(np.ascontiguousarray, (*batch.arrays, batch.targets)):
                    digest.update(f"{values.dtype} {values.shape}".encode())
                    digest.update(values.tobytes())
        _DATA_KEYS[data] = digest.hexdigest()[:40]
    return _DATA_KEYS[data]
