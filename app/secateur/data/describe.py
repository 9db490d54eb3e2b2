"""An opened data set in plain values, for the window and for JSON."""

from secateur.data.dataset import Dataset
from secateur.model.description import Port
from secateur.model.documents import DataDescription


def describe(dataset: Dataset, warning: str = "") -> DataDescription:
    """Name, task, classes, sizes of the splits, the ports that are fed, and the resolved preprocessing.

    `warning` is the baseline check's sentence, empty where there is none.
    """
    fed = dataset.batch("calibration", [0]).inputs
    ports = tuple(Port(name, str(values.dtype), (None, *values.shape[1:])) for name, values in fed.items())
    preprocessing = dataset.preprocessing.model_dump(mode="json") if dataset.preprocessing else {}
    return DataDescription(
        name=dataset.name,
        source=dataset.source,
        task=dataset.task.id,
        metric=dataset.metric,
        classes=dataset.classes,
        train=dataset.size("train"),
        calibration=dataset.size("calibration"),
        validation=dataset.size("validation"),
        test=dataset.size("test"),
        inputs=ports,
        preprocessing=preprocessing,
        notes=(*dataset.guessed, *dataset.told, *dataset.drawn),
        said={key: list(value) if isinstance(value, tuple) else value for key, value in dataset.said.items()},
        warning=warning,
    )
