"""Nothing leaves the machine: the telemetry of the libraries is switched off before any of them is loaded.

`secateur/__init__.py` calls `keep_local` first thing, so that it holds in every process that runs our code: command
line, window, engine, confined and exporting children, tests and benchmarks. What they start inherits the environment.
"""

import os
import sys
from typing import Any, Final, cast

TELEMETRY_OFF: Final = {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime ≥ 1.32 keeps a device identifier and queues events; later is too late
    "DO_NOT_TRACK": "1",  # what several libraries agreed on, huggingface_hub among them
    "DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "DISABLE_SAFETENSORS_CONVERSION": "1",  # transformers asks the hub to convert a checkpoint, from a thread
    "FLWR_TELEMETRY_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Set whatever stood there before: nobody wants to be reported on by a program that promises not to."""

OFFLINE: Final = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "WANDB_MODE": "offline",
}
"""Set where nothing stands: a person whose own code shall fetch something says so in the environment."""

UNLOADABLE: Final = ("openvino_telemetry",)
"""Packages that report by being imported. OpenVINO's converter asks nobody and has no switch, but goes without."""


def keep_local() -> None:
    """Switch telemetry and downloads off in this process and in those that it starts."""
    os.environ.update(TELEMETRY_OFF)
    for name, value in OFFLINE.items():
        os.environ.setdefault(name, value)
    for name in UNLOADABLE:
        # None makes `import` raise ModuleNotFoundError (the import system's own rule)
        cast("dict[str, Any]", sys.modules)[name] = None
