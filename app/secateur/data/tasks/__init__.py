"""The tasks: what the answers of a network can mean."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from secateur.data.metrics import OwnMetric, metrics_of_task
from secateur.data.task import PARAMETER, Task
from secateur.data.tasks.classification import Classification
from secateur.data.tasks.multilabel import Multilabel
from secateur.data.tasks.regression import Regression
from secateur.data.tasks.segmentation import Segmentation
from secateur.data.tasks.similarity import Similarity
from secateur.data.tasks.unlabelled import Unlabelled
from secateur.errors import UserError

TASKS: Final[tuple[type[Task], ...]] = (Classification, Multilabel, Regression, Similarity, Segmentation, Unlabelled)


PARAMETERS: Final = tuple(
    dict.fromkeys(own.name for kind in TASKS for own in fields(kind) if own.metadata == PARAMETER)
)
"""Keys of a data.yaml that are a task's own parameters."""


def parameters_of(document: Mapping[str, Any], task: str | None, where: str) -> dict[str, object]:
    """The tasks' own parameters in a data.yaml; UserError where one does not fit."""
    found: dict[str, object] = {}
    for name in PARAMETERS:
        if name not in document:
            continue
        kinds = [kind for kind in TASKS if name in kind.__dataclass_fields__]
        if task is not None and all(kind.id != task for kind in kinds):
            raise UserError(f"{where}: {task} has no {name}.", f"It belongs to {kinds[0].id}.")
        hint = get_type_hints(kinds[0])[name]
        allowed = get_args(hint) if get_origin(hint) is Literal else ()
        value = document[name]
        if (allowed and value not in allowed) or (not allowed and (not isinstance(value, hint) or value is True)):
            fits = ", ".join(map(str, allowed)) or "a number"
            raise UserError(f"{where}: {name} = {value!r} does not fit.", f"{name} is one of: {fits}.")
        found[name] = value
    return found


def task_of(name: str, metric: str = "", own: OwnMetric | None = None, **parameters: object) -> Task:
    """The task called `name` with its metric (the usual one where none is given) and its own parameters.

    UserError names the task, metric or parameter that is unknown.
    """
    kind = next((kind for kind in TASKS if kind.id == name), None)
    if kind is None:
        known = ", ".join(kind.id for kind in TASKS)
        raise UserError(f"The task {name!r} is not known.", f"Known tasks: {known}.")
    known_metrics = metrics_of_task(name)
    metric = own.name if own else metric or known_metrics[0]
    if own is None and metric not in known_metrics:
        raise UserError(f"The metric {metric} does not fit {name}.", f"Known: {', '.join(known_metrics)}.")
    for parameter in parameters:
        if parameter not in kind.__dataclass_fields__:
            raise UserError(f"The task {name} has no {parameter}.", f"Leave {parameter} out of the data.yaml.")
    return kind(metric=metric, own=own, **parameters)
