"""What a run's document says besides its figures: what it was made of, and on which machine."""

from pydantic import BaseModel, ConfigDict


class Detail(BaseModel):
    model_config = ConfigDict(frozen=True)


class RunOrigin(Detail):
    """What a run was made of: enough to enter it in the history again, and to repeat it.

    `model_source` and `data_source` are the fields of a `ModelSource` and a `DataSource`, `recipe_yaml` is the recipe
    in full, `created` is in epoch seconds. `machine` is the processor that everything was measured on, `system` what
    runs on it. `task` is the data's, `classes` how many it has, and `splits` tells the samples of each split.
    """

    model: str
    fingerprint: str
    data: str
    recipe_yaml: str
    created: float
    model_source: dict[str, object] | None = None
    data_source: dict[str, object] | None = None
    exports: tuple[str, ...] = ()
    target: str = ""
    version: str = ""
    machine: str = ""
    system: str = ""
    task: str = ""
    classes: int = 0
    splits: dict[str, int] = {}


class PartChange(Detail):
    """What changed on a part of the test samples, of which it has `samples`: a class, or a range of targets.

    `before` and `after` are means over them of what `measure` says; `low` and `high` the 95 % interval of the paired
    change. Where it is a share, more is better; else it is an error, and less is.
    """

    name: str
    samples: int
    before: float
    after: float
    low: float
    high: float
    measure: str
    is_share: bool = True

    @property
    def gain(self) -> float:
        """By how much it became better; negative where it lost."""
        return self.after - self.before if self.is_share else self.before - self.after

    @property
    def is_lost(self) -> bool:
        """Whether it became worse, surely: the whole interval says so."""
        return self.high < 0 if self.is_share else self.low > 0


class MadeLayer(Detail):
    """What a run made of a layer: `done` in the words of its badges, and how its weight is stored.

    `bits` are those of one stored weight. `damage` is what was measured of that choice on the layer alone before the
    run, in `damage_unit` over `damage_samples`; None where it was not.
    """

    layer: str
    kind: str
    done: tuple[str, ...] = ()
    bits: int = 32
    stored: str = "float"
    shape_before: tuple[int, ...] = ()
    shape_after: tuple[int, ...] = ()
    damage: float | None = None
    damage_unit: str = ""
    damage_samples: int = 0


class CurveRow(Detail):
    """One point of a training curve: epochs since it began, the loss, and the metric where it was looked at."""

    epoch: float
    loss: float | None
    metric: float | None = None
