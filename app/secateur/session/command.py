"""The command that does what the window would do: for a script, another machine, or to look at what a plan is."""

import hashlib
import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from secateur.engine.requests import Configure, DataSource
from secateur.files import write_text
from secateur.model.description import ModelSource
from secateur.recipe.recipe import Recipe


@dataclass(frozen=True)
class Command:
    """The words of a command, and the files that it names and that were written for it."""

    words: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def text(self) -> str:
        """As it is pasted into a terminal, each word quoted where it has to be."""
        return subprocess.list2cmdline(self.words) if os.name == "nt" else shlex.join(self.words)


def compress_command(
    model: ModelSource,
    data: DataSource | None,
    recipe: Recipe,
    exports: Sequence[str],
    folder: Path,
    settings: Configure = Configure(),  # noqa: B008 - frozen
) -> Command:
    """`secateur compress …` for this plan; its recipe, and its data where they are prepared in an own way, in `folder`.

    The names of the files follow from what is in them, so that a command that was copied stays what it was.
    """
    recipe_file = _written(folder, "recipe", recipe.to_yaml())
    files = [recipe_file]
    words = ["secateur", "compress", *model.absolute().words]
    if data is not None and data.path:
        named = data.absolute()
        if named.preprocessing or named.said:
            described = named.described()
            files.append(_written(folder, "data", described))
            named = DataSource(str(files[-1]))
        words += ["--data", named.path]
    words += ["--recipe", str(recipe_file)]
    if exports:
        words += ["--export", ",".join(exports)]
    if settings.device != "auto":
        words += ["--device", settings.device]
    if settings.threads:
        words += ["--threads", str(settings.threads)]
    words += ["--output", f"{_stem(model)}-compressed"]
    return Command(tuple(words), tuple(files))


def _written(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.yaml"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    return path


def _stem(model: ModelSource) -> str:
    name = Path(model.path).stem if model.path else model.factory.rpartition(":")[2]
    return re.sub(r"[^\w.-]+", "-", name).strip("-") or "model"
