"""Small image folders, archives and ports that the tests of `secateur.data` share."""

from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from secateur.model.description import Port

MakeFolder = Callable[[Mapping[str, int]], Path]


@pytest.fixture
def colour_port() -> Port:
    return Port("image", "float32", (None, 3, 8, 8))


@pytest.fixture
def grey_port() -> Port:
    return Port("image", "float32", (None, 1, 8, 8))


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """`make({"train/cat": 3, …})` writes so many 12 × 10 PNG images and returns their root."""

    def make(counts: Mapping[str, int]) -> Path:
        root = tmp_path / "images"
        generator = np.random.default_rng(0)
        for place, count in counts.items():
            (root / place).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (10, 12, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / place / f"{number:04}.png")
        return root

    return make


@pytest.fixture
def make_zip(make_folder: MakeFolder, tmp_path: Path) -> Callable[..., Path]:
    """As `make_folder`, packed into an archive, below `wrapper` where that is given."""

    def make(counts: Mapping[str, int], wrapper: str = "") -> Path:
        root, path = make_folder(counts), tmp_path / "images.zip"
        with ZipFile(path, "w") as archive:
            for file in sorted(root.rglob("*.png")):
                archive.write(file, Path(wrapper) / file.relative_to(root))
        return path

    return make
