"""What a person names as data: the value that requests carry, without anything heavy behind it."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, Final

from secateur.model.description import Port, absolute_path

TABLE_SUFFIXES: Final = (".csv", ".tsv", ".jsonl", ".parquet")


@dataclass(frozen=True)
class DataSource:
    """`sample:mnist`, a path, or a data.yaml; `preprocessing` overrides what the source says.

    `said` holds further keys of a data.yaml (columns, tokenizer, task …), which go before what the source says.
    """

    path: str
    preprocessing: dict[str, object] = field(default_factory=dict)
    said: dict[str, object] = field(default_factory=dict)

    def absolute(self) -> "DataSource":
        """The same data from whatever folder it is asked for: what is written down to be opened another day."""
        if self.path == "random":  # whatever lies in the folder at hand
            return self
        said = dict(self.said)
        if said.get("tokenizer"):
            said["tokenizer"] = absolute_path(str(said["tokenizer"]))
        place, colon, name = self.path.rpartition(":")
        if colon and place.endswith(".py"):
            return replace(self, path=f"{absolute_path(place)}:{name}", said=said)
        return replace(self, path=absolute_path(self.path), said=said)

    def described(self) -> str:
        """A data.yaml that says the same; one that is described already is described anew, with what was changed."""
        import yaml

        path = Path(self.path)
        said, prepared = _plain(self.said), _plain(self.preprocessing)
        if path.suffix.lower() not in {".yaml", ".yml"} or path.is_dir():
            document = {"source": self.path, **said, "preprocessing": prepared}
        else:
            document = dict(yaml.safe_load(path.read_text(encoding="utf-8")))
            target = str(document["source"])
            is_place = target != "random" and not target.startswith("sample:")
            prepared = {**_plain(document.get("preprocessing") or {}), **prepared}
            if document.get("tokenizer"):
                document["tokenizer"] = str(path.parent / str(document["tokenizer"]))
            source = str(path.parent / target) if is_place else target
            document = {**document, **said, "source": source, "preprocessing": prepared}
        return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))

    @property
    def file(self) -> str:
        """The file or folder that is read: of `file.py:function` the file."""
        place, colon, _ = self.path.rpartition(":")
        return place if colon and place.endswith(".py") else self.path


def _plain(value: Any) -> Any:
    """Lists for tuples: YAML has one kind of them."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def is_table(path: str) -> bool:
    """Whether this is a table by its name. What is in it is looked at when it is opened."""
    return PurePath(path).suffix.lower() in TABLE_SUFFIXES


def takes_text(ports: tuple[Port, ...]) -> bool:
    """Whether a network looks like one that takes texts: token numbers in rows of any or of one length."""
    if any(port.name.casefold() == "input_ids" for port in ports):
        return True
    return len(ports) == 1 and ports[0].dtype in {"int64", "int32"} and len(ports[0].shape) == 2


def for_ports(given: Collection[str], ports: tuple[Port, ...]) -> dict[str, str] | None:
    """Port → the name among those given that is fed to it; None where their numbers differ.

    By name first (a difference in case is none), then what is left by order.
    """
    if len(given) < len(ports):
        return None
    folded = {name.casefold(): name for name in given}
    known = {port.name: folded[port.name.casefold()] for port in ports if port.name.casefold() in folded}
    if len(known) == len(ports):
        return known
    if len(given) != len(ports):
        return None
    left = (name for name in given if name not in known.values())
    return {port.name: known.get(port.name) or next(left) for port in ports}
