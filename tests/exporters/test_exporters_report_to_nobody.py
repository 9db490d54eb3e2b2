"""Every exporter in an empty home, without a network: it writes its file, reaches for nobody, leaves nothing else."""

import os
from pathlib import Path

import pytest

from secateur.formats import FORMATS
from secateur.formats.base import Format

WRITTEN = [target for target in FORMATS if target.writes]


@pytest.mark.parametrize("target", WRITTEN, ids=lambda target: target.id)
def test_an_export_leaves_nothing_but_its_file_and_reaches_for_nobody(target: Format, shut_in, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    missing = target.missing()
    if missing and os.environ.get("SECATEUR_EXPORTERS") == "required":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    before = len(shut_in.attempts)
    path = tmp_path / f"net{target.suffixes[0]}"
    shut_in.secateur("export", "sample:model", "--data", "sample:mnist", "--to", target.id, "-o", str(path))
    assert path.exists()
    assert shut_in.attempts[before:] == []
    assert shut_in.strange_files == []
