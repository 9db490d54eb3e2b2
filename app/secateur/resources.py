"""Where the bundled files are: beside the sources in a checkout, inside the package once installed."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """Path of a bundled file or folder below `resources/`, for example `sample/model.onnx`."""
    for folder in (PACKAGE / "_resources", PACKAGE.parents[1] / "resources"):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"{name} is not among the bundled resources.")
