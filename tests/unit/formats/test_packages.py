"""Packages: everything goes along, what comes back is checked, and a damaged or hostile one is a sentence."""

import hashlib
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from secateur.errors import UserError
from secateur.formats import format_named
from secateur.formats.kinds.package_file import PackageOptions
from secateur.formats.package import SUMS, unpacked
from secateur.formats.proving.verify import export
from secateur.formats.reading import open_model
from secateur.formats.recognition import recognise
from secateur.model.description import ModelSource

PACKAGE = format_named("package")


@pytest.fixture
def packed(lowered_network: Any, tmp_path: Path) -> Path:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("schema: 1\n")
    options = PackageOptions(attachments=(str(recipe),))
    proof = export(lowered_network, PACKAGE, tmp_path / "net.zip", options=options)
    assert proof.verified, proof.sentence
    return Path(proof.path)


def rewritten(source: Path, target: Path, changes: dict[str, bytes | None]) -> Path:
    """The package with members replaced, added, or (None) left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in changes:
                new.writestr(name, old.read(name))
        for name, content in changes.items():
            if content is not None:
                new.writestr(name, content)
    return target


def test_a_package_holds_model_attachments_readme_and_true_checksums(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        assert set(archive.namelist()) == {"model.onnx", "recipe.yaml", "README.md", SUMS}
        sums = dict(reversed(line.split("  ")) for line in archive.read(SUMS).decode().splitlines())
        assert set(sums) == {"model.onnx", "recipe.yaml", "README.md"}
        for name, digest in sums.items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == digest
        readme = archive.read("README.md").decode()
    assert "`image` (float32, any×3×12×12)" in readme


def test_the_code_in_the_readme_runs(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "unpacked")
    monkeypatch.chdir(tmp_path / "unpacked")
    exec((tmp_path / "unpacked" / "README.md").read_text().split("```python")[1].split("```")[0], {})


def test_opening_a_package_opens_the_model_in_it(packed: Path) -> None:
    assert recognise(packed).id == "package"
    model = open_model(ModelSource(str(packed)))
    assert (model.format, model.path, model.name) == ("package", packed, "net")
    assert set(model.weights()) == {"conv1", "conv2", "fc"}


def test_a_zstd_package_comes_back_too(lowered_network: Any, tmp_path: Path) -> None:
    pytest.importorskip("zstandard")
    proof = export(lowered_network, PACKAGE, tmp_path / "net.tar.zst")
    assert proof.verified, proof.sentence
    assert set(open_model(ModelSource(proof.path)).weights()) == {"conv1", "conv2", "fc"}


def test_an_attachment_that_is_missing_or_takes_a_name_is_a_sentence(lowered_network: Any, tmp_path: Path) -> None:
    (tmp_path / SUMS).write_text("")
    for name in ("nowhere.txt", SUMS):
        options = PackageOptions(attachments=(str(tmp_path / name),))
        with pytest.raises(UserError, match="cannot be attached"):
            export(lowered_network, PACKAGE, tmp_path / "net.zip", options=options)


def test_a_changed_model_is_found_out(packed: Path, tmp_path: Path) -> None:
    changed = rewritten(packed, tmp_path / "changed.zip", {"model.onnx": b"\x08\x0a" + b"other" * 100})
    with pytest.raises(UserError, match="not what its checksum says"):
        open_model(ModelSource(str(changed)))


def test_a_model_that_unpacks_to_a_flood_is_stopped(packed: Path, tmp_path: Path) -> None:
    bomb = rewritten(packed, tmp_path / "bomb.zip", {"model.onnx": bytes(50_000_000)})
    with pytest.raises(UserError, match="unpacks to more"):
        open_model(ModelSource(str(bomb)))


def test_members_that_reach_out_of_the_folder_are_not_unpacked(packed: Path, tmp_path: Path) -> None:
    hostile = rewritten(packed, tmp_path / "hostile.zip", {"../outside.txt": b"x", "/tmp/outside.txt": b"x"})
    with unpacked(hostile) as model:
        assert [path.name for path in model.parent.iterdir()] == ["model.onnx"]
        assert not (model.parent.parent / "outside.txt").exists()


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_package_that_was_cut_short_is_a_sentence(share: float, packed: Path, tmp_path: Path) -> None:
    content = packed.read_bytes()
    (tmp_path / "short.zip").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError), unpacked(tmp_path / "short.zip"):
        pass


def test_a_zstd_package_of_links_and_floods_is_refused(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    plain = tmp_path / "plain.tar"
    (tmp_path / "flood").write_bytes(bytes(80_000_000))
    with tarfile.open(plain, "w") as archive:
        link = tarfile.TarInfo("model.onnx")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        archive.add(tmp_path / "flood", "model.onnx.data")
    hostile = tmp_path / "net.tar.zst"
    hostile.write_bytes(zstandard.ZstdCompressor().compress(plain.read_bytes()))
    with pytest.raises(UserError, match="unpacks to more"), unpacked(hostile):
        pass
