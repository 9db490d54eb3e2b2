"""What a dropped or chosen path probably is, told from its name alone. Pure Python."""

from pathlib import Path
from typing import Literal

Kind = Literal["model", "weights", "code", "data", "recipe"]

WEIGHTS_SUFFIXES = frozenset({".safetensors", ".pt", ".pth", ".th", ".bin", ".ckpt"})
DATA_SUFFIXES = frozenset({".zip", ".npz", ".csv", ".parquet"})


def kind_of_path(path: str) -> Kind:
    """`weights` need a factory beside them; a YAML file with steps is a recipe, another one describes data."""
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix in WEIGHTS_SUFFIXES:
        return "weights"
    if suffix == ".py":
        return "code"
    if suffix in DATA_SUFFIXES or target.is_dir():
        return "data"
    if suffix in {".yaml", ".yml"}:
        return "recipe" if _has_steps(target) else "data"
    return "model"


def _has_steps(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(line.startswith("steps:") for line in text.splitlines())
