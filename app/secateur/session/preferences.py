"""What the window remembers between two starts: one small JSON file in the user's configuration folder.

Plain dataclasses on purpose: this is read before the first frame is drawn.
"""

import json
import logging
import os
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

ThemeChoice = Literal["system", "dark", "light"]
RECENT_LIMIT = 12

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecentModel:
    """One model that was open: how to open it again, and what is said about it without opening it.

    `opened` is in seconds since the epoch; `factory` is empty for a plain file.
    """

    path: str
    factory: str = ""
    name: str = ""
    format: str = ""
    size_bytes: int = 0
    opened: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Preferences:
    """A person's own choices. `columns` is by tab, `splitters` by the splitter's name, sizes in pixels."""

    theme: ThemeChoice = "system"
    geometry: str = ""
    splitters: dict[str, list[int]] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)
    pareto: dict[str, str] = field(default_factory=dict)
    """What the picture of runs shows `across` and `upwards`."""
    folder: str = ""
    device: str = "auto"
    threads: int = 0
    """What the engine computes on; 0 threads are one core less than there are."""
    recent: tuple[RecentModel, ...] = ()

    def with_recent(self, model: RecentModel) -> "Preferences":
        """These preferences with `model` first in the list of recent ones, once."""
        others = [r for r in self.recent if (r.path, r.factory) != (model.path, model.factory)]
        return replace(self, recent=(model, *others)[:RECENT_LIMIT])


def preferences_path() -> Path:
    """Where the preferences file is on this system; `SECATEUR_HOME` puts it with everything else."""
    own = os.environ.get("SECATEUR_HOME")
    if own:
        return Path(own) / "preferences.json"
    from platformdirs import user_config_path

    return user_config_path("secateur") / "preferences.json"


def load_preferences(path: Path | None = None) -> Preferences:
    """The saved preferences; the defaults where there is no file, and for whatever in it does not fit."""
    path = path or preferences_path()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Preferences()
    except (OSError, ValueError) as error:
        _log.warning("The preferences %s cannot be read (%s); starting with the defaults.", path, error)
        return Preferences()
    return _from_document(document) if isinstance(document, dict) else Preferences()


def save_preferences(preferences: Preferences, path: Path | None = None) -> None:
    """Write the preferences beside the old ones, then put them in their place; OSError where that fails."""
    path = path or preferences_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        temporary.write_text(json.dumps(asdict(preferences), indent=1, ensure_ascii=False), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _from_document(document: dict[str, Any]) -> Preferences:
    defaults = Preferences()
    values: dict[str, Any] = {}
    for entry in fields(Preferences):
        value = document.get(entry.name, getattr(defaults, entry.name))
        if entry.name == "recent":
            value = tuple(_recent(item) for item in value if _is_recent(item)) if isinstance(value, list) else ()
        if isinstance(value, type(getattr(defaults, entry.name))):
            values[entry.name] = value
    if values.get("theme") not in {"system", "dark", "light"}:
        values["theme"] = "system"
    if values.get("device") not in {"auto", "cpu", "cuda", "mps"}:
        values["device"] = "auto"
    return Preferences(**values)


def _is_recent(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("path"), str)


def _recent(item: dict[str, Any]) -> RecentModel:
    known = {entry.name: entry.type for entry in fields(RecentModel)}
    return RecentModel(**{key: value for key, value in item.items() if key in known})
