"""What a plan was found to do when it was measured as a whole, beside what was predicted of it."""

from secateur.model.run_details import Detail


class MeasuredPlan(Detail):
    """What a whole plan does to the answers on `samples` validation samples, trained nothing.

    `damage` in `unit` with its 95 % interval; `before` and `after` are the metric on these samples, None where they
    have none, and `change` what it changes by, with the 95 % interval of what the same samples change by.
    """

    damage: float
    damage_interval: tuple[float, float] | None
    unit: str
    samples: int
    metric: str = ""
    before: float | None = None
    after: float | None = None
    change: float | None = None
    change_interval: tuple[float, float] | None = None


class CheckedPlan(Detail):
    """One plan that was measured, beside what was expected of it, None where nothing was.

    `predicted` is the damage, the sum of its layers one by one (of plans that were solved anew: with what was learned
    by then). `predicted_change` is that of the metric, `predicted_interval` the one that should hold the measured
    change; None where the metric is not known. `latency` is what it takes in the target, tried, as a share of the
    original's, and `predicted_latency` what was told; None where it was not timed.
    """

    chosen: dict[str, str]
    predicted: float | None
    measured: MeasuredPlan
    predicted_change: float | None = None
    predicted_interval: tuple[float, float] | None = None
    latency: float | None = None
    predicted_latency: float | None = None


class PlanCheck(Detail):
    """A plan as it was predicted and as it was measured; `first` is the one that was asked about.

    `best` is the place in `plans` of the one, whose recipe this is, that did least damage of those that keep the limit
    of milliseconds as tried; where none does, of the quickest. `interaction` is measured ÷ predicted damage of the
    first plan: how much more (or less) its layers do together than one by one. `cells` are the
    choices that were measured in the context of a plan. `notes` say what could not be done.
    """

    recipe: dict[str, object]
    plans: tuple[CheckedPlan, ...]
    best: int
    interaction: float | None
    cells: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def first_plan(self) -> CheckedPlan:
        return self.plans[0]

    @property
    def best_plan(self) -> CheckedPlan:
        return self.plans[self.best]
