"""What a dropped or chosen path probably is, told from its name alone; what can be read comes from FORMATS."""

from pathlib import Path
from typing import Final, Literal

from secateur.data.source import TABLE_SUFFIXES
from secateur.formats import FORMATS
from secateur.formats.kinds.hugging_face import folder_of, is_folder_of_weights

Kind = Literal["model", "code", "data", "recipe"]

DATA_SUFFIXES: Final = frozenset({".zip", ".npz", *TABLE_SUFFIXES})
_NETWORKS: Final = ("onnx", "huggingface")
_ALL: Final = "All files (*)"


def kind_of_path(path: str) -> Kind:
    """A YAML file with steps is a recipe, another one describes data; an `.npz` is data."""
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix == ".py":
        return "code"
    if target.is_dir():
        return "model" if is_folder_of_weights(target) else "data"
    if suffix in DATA_SUFFIXES:
        return "data"
    if suffix in {".yaml", ".yml"}:
        return "recipe" if _has_steps(target) else "data"
    return "model"


def whole_of(path: str) -> str:
    """The Hugging Face folder that a file is a part of, else the file or folder itself."""
    folder = folder_of(Path(path))
    return str(folder) if folder is not None else path


def model_suffixes() -> tuple[str, ...]:
    """Every suffix that some format reads, each once."""
    return tuple(dict.fromkeys(suffix for kind in FORMATS if kind.reads for suffix in kind.suffixes))


def model_filter() -> str:
    """What a file dialog offers when a model is opened; `config.json` stands for its Hugging Face folder."""
    return f"Models ({_patterns(model_suffixes())} config.json *.index.json);;{_ALL}"


def weights_filter() -> str:
    """What a file dialog offers for the weights of a factory: formats that do not bring a network of their own."""
    found = [suffix for kind in FORMATS if kind.reads and kind.id not in _NETWORKS for suffix in kind.suffixes]
    return f"Weights ({_patterns(tuple(dict.fromkeys(found)))});;{_ALL}"


def _patterns(suffixes: tuple[str, ...]) -> str:
    return " ".join(f"*{suffix}" for suffix in suffixes)


def _has_steps(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(line.startswith("steps:") for line in text.splitlines())
