"""A person's own metric, `file.py:function`: outputs and targets → number. Runs that file, as the person asked for."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from secateur.data.batch import Array
from secateur.data.metrics import LOWER, OwnMetric
from secateur.data.own_code import guarded, load_function
from secateur.errors import UserError

HINT = "Give metric: {function: file.py:function, better: higher} (or lower)."


def own_metric(reference: str, better: str = "") -> OwnMetric:
    """The metric of `file.py:function`, loaded to see whether it is there.

    Which way is better says `better` (`higher` or `lower`), else `:lower` behind the name, else the function's own
    attribute `better`, else higher is.
    """
    said = better or ("lower" if reference.endswith(LOWER) else "")
    reference = str(reference).removesuffix(LOWER)
    file, _, name = reference.rpartition(":")
    reference = f"{Path(file).absolute()}:{name}"
    said = said or str(getattr(_function(reference), "better", "higher"))
    if said not in ("higher", "lower"):
        raise UserError(f"The metric {name} says better: {said!r}, which is neither higher nor lower.", HINT)
    return OwnMetric(reference, said == "higher")


def own_value(metric: OwnMetric, answers: Array, targets: Array) -> float:
    """What the function makes of these answers and targets; UserError where it fails or gives no number."""
    value = guarded(metric.reference, lambda: _function(metric.reference)(answers, targets))
    try:
        return float(np.asarray(value, dtype=np.float64).reshape(()))
    except (TypeError, ValueError):
        raise UserError(
            f"{metric.name} returned {type(value).__name__}, not one number.", "Return a single number."
        ) from None


@lru_cache(maxsize=8)
def _load(reference: str, changed_at: float) -> Callable[..., Any]:
    function = load_function(reference)
    if not callable(function):
        raise UserError(f"{reference} is no function.", HINT)
    return function  # type: ignore[no-any-return]


def _function(reference: str) -> Callable[..., Any]:
    path = Path(reference.rpartition(":")[0])
    return _load(reference, path.stat().st_mtime if path.is_file() else 0.0)
