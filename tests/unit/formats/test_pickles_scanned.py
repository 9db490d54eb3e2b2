"""What a pickle wants to import is found without running it, however it is hidden."""

import io
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from secateur.errors import TrustNeeded, UserError
from secateur.formats.reading import open_model
from secateur.formats.torch_files.dangers import danger_of
from secateur.formats.torch_files.pickles import wanted_imports
from secateur.model.description import ModelSource


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


SYSTEM = {f"{os.name}.system", "posix.system", "nt.system", "os.system"}


def names_in(data: bytes, folder: Path) -> dict[str, str]:
    path = folder / "file.pt"
    path.write_bytes(data)
    return {wanted.name: wanted.danger for wanted in wanted_imports(path)}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_call_is_named_in_every_protocol(protocol: int, tmp_path: Path) -> None:
    found = names_in(pickle.dumps(Calls(os.system, "echo"), protocol), tmp_path)
    assert set(found) & SYSTEM
    assert all(found.values())
    found = names_in(pickle.dumps(Calls(eval, "1"), protocol), tmp_path)
    assert any(name.endswith(".eval") for name in found)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_inside_a_pickle_is_followed(protocol: int, tmp_path: Path) -> None:
    inner = pickle.dumps(Calls(os.system, "echo"), protocol)
    found = names_in(pickle.dumps(Calls(pickle.loads, inner), protocol), tmp_path)
    assert set(found) & SYSTEM
    assert any(name.endswith(".loads") for name in found)


BY_HAND = {
    "INST": b"(S'echo'\nios\nsystem\n.",
    "STACK_GLOBAL from the memo": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93.",
    "STACK_GLOBAL after pops": b"\x80\x04\x8c\x02os\x8c\x01x0\x8c\x06system\x93.",
    "STACK_GLOBAL after DUP": b"\x80\x04\x8c\x02os20\x8c\x06system\x93.",
    "STACK_GLOBAL behind a mark": b"\x80\x04(\x8c\x02os\x8c\x06system\x93\x85.",
    "OBJ": b"\x80\x02(cos\nsystem\nX\x04\x00\x00\x00echoo.",
    "a second pickle": pickle.dumps([1]) + b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
}


@pytest.mark.parametrize("how", BY_HAND)
def test_a_call_is_named_whichever_operations_make_it(how: str, tmp_path: Path) -> None:
    assert names_in(BY_HAND[how], tmp_path).get("os.system")


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04]\x8c\x06system\x93.",  # the module is a list
        b"\x80\x02\x82\x05.",  # a name from the copyreg module's table
        b"\x80\x04\x8c\x02o",  # cut short
        pickle.dumps([1, 2, 3])[:-1],
    ],
)
def test_what_cannot_be_told_is_reported_as_dangerous(data: bytes, tmp_path: Path) -> None:
    found = names_in(data, tmp_path)
    assert found
    assert all(found.values())


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_pkl", ".pkl"), data)
    return stream.getvalue()


def tarred(data: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo("pickle")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


EVIL = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00echo\x85R."


@pytest.mark.parametrize(
    "data",
    [
        zipped(archive__data_pkl=EVIL),
        zipped(archive__data__0=EVIL),
        zipped(inner=zipped(deep=zipped(data_pkl=EVIL))),
        tarred(EVIL),
        zipped(inner=tarred(EVIL)),
    ],
    ids=["data.pkl", "a storage", "zip in zip in zip", "tar", "tar in zip"],
)
def test_archives_are_looked_through(data: bytes, tmp_path: Path) -> None:
    assert names_in(data, tmp_path).get("os.system")


def test_archives_without_end_are_given_up(tmp_path: Path) -> None:
    data = EVIL
    for _ in range(30):
        data = zipped(inner=data)
    found = names_in(data, tmp_path)
    assert found
    assert all(found.values())


@pytest.mark.parametrize("as_zip", [True, False])
def test_a_state_dict_wants_nothing_dangerous(as_zip: bool, tmp_path: Path) -> None:
    stream = io.BytesIO()
    torch.save(nn.Linear(3, 2).state_dict(), stream, _use_new_zipfile_serialization=as_zip)
    found = names_in(stream.getvalue(), tmp_path)
    assert "collections.OrderedDict" in found
    assert not any(found.values())


@pytest.mark.parametrize("as_zip", [True, False])
def test_a_whole_network_names_its_classes(as_zip: bool, tmp_path: Path) -> None:
    stream = io.BytesIO()
    torch.save(nn.Sequential(nn.Linear(3, 2)), stream, _use_new_zipfile_serialization=as_zip)
    found = names_in(stream.getvalue(), tmp_path)
    assert {"torch.nn.modules.container.Sequential", "torch.nn.modules.linear.Linear"} <= set(found)
    assert not any(found.values())


def test_a_pickle_of_many_operations_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secateur.formats.torch_files.pickles.MOST_OPERATIONS", 1000)
    (tmp_path / "long.pt").write_bytes(b"\x80\x02" + b"N0" * 600 + b".")
    with pytest.raises(UserError, match="longer than any network"):
        wanted_imports(tmp_path / "long.pt")


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.eval", "subprocess.Popen", "socket.socket", "torch.hub.load", "torch._dynamo.x.y"]
)
def test_dangerous_names_are_known(name: str) -> None:
    assert danger_of(name)


@pytest.mark.parametrize(
    "name", ["torch.nn.modules.conv.Conv2d", "collections.OrderedDict", "builtins.set", "nets.Net"]
)
def test_harmless_names_are_not_cried_about(name: str) -> None:
    assert not danger_of(name)


def test_a_file_that_wants_code_asks_for_trust_and_runs_nothing(tmp_path: Path) -> None:
    mark, path = tmp_path / "ran", tmp_path / "net.pt"
    torch.save(Calls(os.system, f"touch {mark}"), path)
    with pytest.raises(TrustNeeded) as raised:
        open_model(ModelSource(str(path)))
    assert {wanted.name for wanted in raised.value.wants} & SYSTEM
    assert "system" in raised.value.sentence
    assert "--trust" in raised.value.hint
    assert not mark.exists()


def test_a_damaged_file_of_weights_is_not_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(b"\x80\x02}q\x00X\x03\x00")
    with pytest.raises(UserError) as raised:
        open_model(ModelSource(str(path)))
    assert not isinstance(raised.value, TrustNeeded)
