"""An opened data set in plain values, for the window and for JSON."""

from secateur.data.dataset import Dataset
from secateur.model.description import Port
from secateur.model.documents import DataDescription


def describe(dataset: Dataset, warning: str = "") -> DataDescription:
    """Name, task, classes, sizes of the splits, the port that is fed, and the resolved preprocessing.

    `warning` is the baseline check's sentence, empty where there is none.
    """
    fed = dataset.batch("train", [0])[0]
    port = Port(dataset.input_name, str(fed.dtype), (None, *fed.shape[1:]))
    preprocessing = dataset.preprocessing.model_dump(mode="json") if dataset.preprocessing else {}
    return DataDescription(
        name=dataset.name,
        source=dataset.source,
        task=dataset.task,
        metric=dataset.metric,
        classes=dataset.classes,
        train=dataset.size("train"),
        calibration=dataset.size("calibration"),
        test=dataset.size("test"),
        inputs=(port,),
        preprocessing=preprocessing,
        notes=dataset.told,
        warning=warning,
    )
