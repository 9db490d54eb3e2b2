"""`data.yaml`: names a source together with what its files cannot say. Its keys are in `data.keys`."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from secateur.data.keys import KEYS
from secateur.data.metrics import METRIC_KINDS, TASK_IDS, OwnMetric, is_own, metrics_of_task
from secateur.data.own_metric import own_metric
from secateur.data.source import DataSource
from secateur.data.tables.columns import Column, parse_columns
from secateur.data.tasks import parameters_of
from secateur.errors import UserError


@dataclass(frozen=True)
class Wish:
    """What the person said about the data; None and empty values are left to the source itself."""

    path: str
    task: str | None = None
    metric: str = ""
    own: OwnMetric | None = None
    classes: tuple[str, ...] = ()
    mirror: bool | None = None
    preprocessing: dict[str, object] = field(default_factory=dict)
    parameters: dict[str, object] = field(default_factory=dict)
    """The task's own: pooling of a similarity, and so on."""
    columns: dict[str, tuple[Column, ...]] = field(default_factory=dict)
    tokenizer: str = ""
    max_length: int | None = None


def read_wish(source: DataSource) -> Wish:
    """The source itself, or what the data.yaml that it names says; what `source` itself says goes first."""
    path = Path(source.path)
    said = _from_here(source.said)
    if path.suffix.lower() not in {".yaml", ".yml"} or path.is_dir():
        if not said:
            return Wish(source.path, preprocessing=dict(source.preprocessing))
        wish = replace(parse_wish({"source": "random", **said}, path), path=source.path)
    else:
        document = _load(path)
        wish = parse_wish({**document, **said} if said and isinstance(document, dict) else document, path)
    return replace(wish, preprocessing={**wish.preprocessing, **source.preprocessing})


def _from_here(said: dict[str, object]) -> dict[str, object]:
    """What a person said in the window or to a program: its paths are seen from the working folder."""
    if not said.get("tokenizer"):
        return said
    return {**said, "tokenizer": str(Path(str(said["tokenizer"])).expanduser().absolute())}


def parse_wish(document: Any, path: Path) -> Wish:
    """A wish from a plain mapping; UserError names the key that is unknown, missing or does not fit."""
    if not isinstance(document, dict):
        raise UserError(f"{path} does not describe data.", f"It needs the key source; known keys: {', '.join(KEYS)}.")
    unknown = sorted(str(key) for key in set(document) - set(KEYS))
    if unknown:
        raise UserError(f"{path} has the unknown key {unknown[0]!r}.", f"Known keys: {', '.join(KEYS)}.")
    target = _typed(document, "source", str, "", path)
    if not target:
        raise UserError(f"{path} names no source.", "Add source: an image folder, a zip of one, or an .npz.")
    task = document.get("task")
    if task is not None and task not in TASK_IDS:
        raise UserError(f"{path}: task {task!r} is not known.", f"Known tasks: {', '.join(TASK_IDS)}.")
    metric, own = _metric(document, task, path)
    classes = _typed(document, "classes", list, [], path)
    return Wish(
        _beside(target, path),
        task,
        metric,
        own,
        tuple(str(name) for name in classes),
        _typed(document, "mirror", bool, None, path),
        _typed(document, "preprocessing", dict, {}, path),
        parameters_of(document, task, str(path)),
        parse_columns(document["columns"], str(path)) if document.get("columns") else {},
        _beside(tokenizer, path) if (tokenizer := _typed(document, "tokenizer", str, "", path)) else "",
        _length(document, path),
    )


def _length(document: dict[str, Any], path: Path) -> int | None:
    value = document.get("max_length")
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise UserError(f"{path}: max_length = {value!r} does not fit.", "max_length is a whole number of tokens.")
    return value


def _metric(document: dict[str, Any], task: str | None, path: Path) -> tuple[str, OwnMetric | None]:
    """The metric's name, or a person's own, whose file is looked for beside the description."""
    value = document.get("metric", "")
    if isinstance(value, dict):
        unknown = sorted(str(key) for key in set(value) - {"function", "better"})
        if unknown or not is_own(str(value.get("function", ""))):
            raise UserError(f"{path}: metric = {value!r} does not fit.", "Give {function: file.py:f, better: lower}.")
        return "", own_metric(_beside(str(value["function"]), path), str(value.get("better", "")))
    metric: str = _typed(document, "metric", str, "", path)
    if is_own(metric):
        return "", own_metric(_beside(metric, path))
    known = metrics_of_task(task) if task else tuple(kind.name for kind in METRIC_KINDS)
    if metric and metric not in known:
        raise UserError(
            f"{path}: metric {metric!r} is not known{f' for {task}' if task else ''}.",
            f"Known: {', '.join(known)}, or a function of your own, file.py:function.",
        )
    return metric, None


def _load(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"There is no data description at {path}.", "Check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}.", "Check the file.") from None
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise UserError(f"{path} is not valid YAML at line {line}.", "Correct that line.") from None


def _typed(document: dict[str, Any], key: str, kind: type, default: Any, path: Path) -> Any:
    value = document.get(key, default)
    if value is not default and not isinstance(value, kind):
        words = {str: "text", list: "a list", bool: "true or false", dict: "a mapping"}
        raise UserError(f"{path}: {key} = {value!r} does not fit.", f"{key} is {words[kind]}.")
    return value


def _beside(target: str, path: Path) -> str:
    """`target` as it is read from the folder of the description; names of bundled or generated data stay."""
    if target == "random" or target.startswith("sample:"):
        return target
    return str(path.parent / target)
