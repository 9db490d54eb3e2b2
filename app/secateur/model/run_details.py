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
