"""A folder of hostile files, and what is expected of each."""

import json
from pathlib import Path


class Corpus:
    """Collects files and what is expected of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.canary = folder / "executed"
        self.entries: list[dict[str, str]] = []

    def add(self, name: str, content: bytes, tries: str, expect: str = "refused") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return self.expect(name, tries, expect)

    def expect(self, name: str, tries: str, expect: str = "refused") -> Path:
        """Enter a file or folder that is there already."""
        self.entries.append({"name": name, "tries": tries, "expect": expect})
        return self.folder / name

    def finish(self) -> None:
        (self.folder / "manifest.json").write_text(json.dumps(self.entries, indent=1))
