"""The journal of an autopilot: what was tried, kept beside its result and written after each trial.

It stands alone because it outlives the job: a search that was stopped or killed is found again by it.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from secateur.data.source import DataSource
from secateur.engine.autopilot import AutopilotDocument, AutopilotFound
from secateur.engine.places import runs_folder
from secateur.engine.records import is_alive
from secateur.errors import UserError
from secateur.files import write_text

JOURNAL: Final = "autopilot.json"


def write_journal(folder: Path, document: AutopilotDocument) -> None:
    """Put it in place of the one before, atomically."""
    write_text(folder / JOURNAL, json.dumps(document.model_dump(mode="json"), indent=2) + "\n")


def read_journal(folder: Path) -> AutopilotDocument:
    """The journal in a folder, its state as it is now; UserError where there is none that can be read."""
    try:
        kept = AutopilotDocument.model_validate_json((folder / JOURNAL).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise UserError(f"The journal in {folder} cannot be read.", "Start anew with --force.") from error
    is_gone = kept.state == "running" and not is_alive(kept.process)
    return kept.model_copy(update={"state": "interrupted"}) if is_gone else kept


def find_journal(fingerprint: str, data: DataSource) -> AutopilotFound:
    """The newest search of this model on this data, of those where runs lie; what cannot be read is passed over."""
    wanted = {"fingerprint": fingerprint, "data_source": data_fields(data)}
    found = AutopilotFound()
    for path in sorted(runs_folder().glob(f"*/{JOURNAL}")):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            if any(told.get(name) != value for name, value in wanted.items()):
                continue
            document = read_journal(path.parent)
        except (OSError, ValueError, AttributeError, UserError):
            continue
        if found.document is None or document.created > found.document.created:
            found = AutopilotFound(document, str(path.parent))
    return found


def data_fields(data: DataSource) -> dict[str, object]:
    """What a journal says of its data: the fields as JSON gives them back."""
    fields: dict[str, object] = json.loads(json.dumps(asdict(data.absolute()), default=str))
    return fields
