"""The set-up script: what it finds missing, when it makes an environment anew, and how it reports failure."""

import importlib
import importlib.util
import os
import shutil
import socket
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "packaging" / "setup_secateur.py"
PARTS = ("system", "environment", "display", "testing", "extras", "published")


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    """The script's modules by name, imported the way the script finds them."""
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(f"setting_up.{name}") for name in PARTS})
    finally:
        sys.path.remove(str(SCRIPT.parent))


@pytest.fixture
def project(tmp_path: Path, parts: SimpleNamespace) -> Path:
    """A folder with a pyproject.toml and an environment that counts as finished."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["numpy>=2"]\n', encoding="utf-8")
    python = parts.environment.venv_python(tmp_path / ".venv")
    python.parent.mkdir(parents=True)
    python.touch()
    stamp = tmp_path / ".venv" / parts.environment.STAMP
    stamp.write_text(parts.environment.stamp_text(tmp_path), encoding="utf-8")
    return tmp_path


# ---------------------------------------------------------------------- the environment


def test_a_finished_environment_is_used_as_it_is(project: Path, parts: SimpleNamespace) -> None:
    assert parts.environment.is_ready(project)


def test_changed_requirements_make_the_environment_stale(project: Path, parts: SimpleNamespace) -> None:
    pyproject = project / "pyproject.toml"
    pyproject.write_text(pyproject.read_text(encoding="utf-8").replace("2", "3"), encoding="utf-8")
    assert not parts.environment.is_ready(project)


def test_a_linter_setting_does_not_make_the_environment_stale(project: Path, parts: SimpleNamespace) -> None:
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("[tool.ruff]\nline-length = 99\n")
    assert parts.environment.is_ready(project)


def test_another_python_makes_the_environment_stale(
    project: Path, parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version", "3.99.1 (main)")
    assert not parts.environment.is_ready(project)


def test_a_moved_environment_is_stale(project: Path, parts: SimpleNamespace, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(project, moved, ignore=shutil.ignore_patterns("elsewhere"))
    assert not parts.environment.is_ready(moved)


def test_an_environment_without_its_python_is_not_ready(project: Path, parts: SimpleNamespace) -> None:
    parts.environment.venv_python(project / ".venv").unlink()
    assert not parts.environment.is_ready(project)


def test_an_interrupted_set_up_is_not_ready_and_not_filled_but_remade(project: Path, parts: SimpleNamespace) -> None:
    (project / ".venv" / parts.environment.STAMP).unlink()
    (project / ".venv" / parts.environment.UNFINISHED).touch()
    assert not parts.environment.is_ready(project)
    assert not parts.environment.is_adoptable(project / ".venv")


def test_set_up_remakes_a_half_made_environment_and_leaves_a_stamp(
    project: Path, parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv, environment = project / ".venv", parts.environment
    (venv / environment.STAMP).unlink()
    (venv / environment.UNFINISHED).touch()
    (venv / "left-over").touch()
    monkeypatch.setattr(environment, "ensure_system", lambda: None)
    monkeypatch.setattr(environment, "install_packages", lambda root: None)

    def make_venv(command: list[str], **options: object) -> SimpleNamespace:
        if command[1:3] == ["-m", "venv"]:
            environment.venv_python(venv).parent.mkdir()
            environment.venv_python(venv).touch()
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", make_venv)
    environment.setup(project)
    assert not (venv / "left-over").exists()
    assert not (venv / environment.UNFINISHED).exists()
    assert environment.is_ready(project)


def test_a_second_set_up_starts_no_pip_and_no_other_process(
    project: Path, parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError(f"a process was started: {arguments}")

    monkeypatch.setattr(parts.system, "missing_packages", list)
    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    parts.environment.setup(project)


def test_a_failed_install_says_where_the_log_is_and_leaves_no_stamp(
    project: Path, parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = parts.environment
    (project / ".venv" / environment.STAMP).unlink()
    (project / "pyproject.toml").write_text("[project]\nname = 'no version'\n", encoding="utf-8")
    monkeypatch.setattr(environment, "is_adoptable", lambda venv: True)
    monkeypatch.setattr(environment, "venv_python", lambda venv: Path(sys.executable))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "0")
    with pytest.raises(parts.system.SetupError, match=r"secateur-setup\.log"):
        environment.make_environment(project)
    assert not (project / ".venv" / environment.STAMP).exists()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Collecting numpy>=2.0\n", ""),
        ("  Downloading numpy-2.4.6-cp311-cp311-linux.whl (16.9 MB)\n", ""),
        ("Downloading torch-2.13.0-cp311-cp311-linux.whl (890.1 MB)\n", "downloading torch, 890.1 MB"),
        ("  Downloading https://host/a/torch-2.13.0-cp311.whl (1.2 GB)\n", "downloading torch, 1.2 GB"),
        ("Installing collected packages: a, b, c\n", "unpacking 3 packages"),
    ],
)
def test_only_large_downloads_and_the_unpacking_are_told(line: str, told: str, parts: SimpleNamespace) -> None:
    assert parts.environment.worth_telling(line) == told


# ---------------------------------------------------------------------- system packages


def test_a_library_that_loads_is_present_and_one_that_does_not_is_missing(parts: SimpleNamespace) -> None:
    package = parts.system.SystemPackage
    assert not parts.system.is_present(package("libnone0", "libthere-is-no-such-library.so.0"))
    assert parts.system.is_present(package("python", Path(sys.executable).name)) == bool(
        shutil.which(Path(sys.executable).name)
    )


def test_missing_essential_packages_stop_the_set_up_and_are_named(
    parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = parts.system.SystemPackage("libnone0", "libnone.so.0", essential=True)
    monkeypatch.setattr(parts.system, "missing_packages", lambda: [lacking])
    monkeypatch.setattr(parts.system, "apt_prefix", lambda: None)
    with pytest.raises(parts.system.SetupError, match="apt-get install libnone0"):
        parts.system.ensure_system()


def test_missing_optional_packages_are_named_and_the_set_up_goes_on(
    parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parts.system, "missing_packages", lambda: [parts.system.SystemPackage("xvfb", "xvfb-run")])
    monkeypatch.setattr(parts.system, "apt_prefix", lambda: None)
    parts.system.ensure_system()
    assert "apt-get install xvfb" in capsys.readouterr().out


def test_apt_updates_its_lists_once_before_it_installs_everything_at_once(
    parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def record(command: list[str], **options: object) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(returncode=0, stdout="", stderr="")

    monkeypatch.setattr(parts.system, "apt_prefix", lambda: ["sudo", "-n"])
    monkeypatch.setattr(subprocess, "run", record)
    assert parts.system.apt_install(["libgl1", "xvfb"])
    verbs = [next(word for word in command if word in ("update", "install")) for command in commands]
    assert verbs == ["update", "install"]
    assert commands[1][-2:] == ["libgl1", "xvfb"]
    assert commands[1][:2] == ["sudo", "-n"]


@pytest.mark.parametrize(("status", "name"), [(0, "libasound2t64"), (100, "libasound2")])
def test_a_renamed_package_is_installed_by_the_name_that_the_lists_know(
    status: int, name: str, parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(subprocess, "run", lambda command, **options: SimpleNamespace(returncode=status))
    assert parts.system.present_name("libasound2") == name
    assert parts.system.present_name("libgl1") == "libgl1"


def test_every_extra_that_is_installed_is_one_of_the_project(parts: SimpleNamespace) -> None:
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = tables["project"]["optional-dependencies"]
    assert set(parts.environment.EXTRAS) <= set(extras)
    assert "webengine" in parts.environment.EXTRAS


# ---------------------------------------------------------------------- the display


def test_an_offscreen_platform_counts_as_no_display(parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setattr(parts.display, "x_answers", lambda display: True)
    assert not parts.display.has_display()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux names its display in variables")
@pytest.mark.parametrize("display", ["", "nonsense", ":7654", "unix:7654"])
def test_a_display_that_does_not_answer_is_none(
    display: str, parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setenv("WAYLAND_DISPLAY", "")
    assert not parts.display.has_display()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Wayland is Linux's")
def test_a_wayland_socket_that_listens_is_a_display(
    parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-7")
    monkeypatch.setenv("DISPLAY", "")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "wayland-7"))
        server.listen()
        assert parts.display.has_display()


# ---------------------------------------------------------------------- tests and exit statuses


@pytest.mark.parametrize(
    ("first", "second", "may_be_empty", "status"),
    [
        (0, 0, False, 0),
        (1, 0, False, 1),
        (0, 2, False, 2),
        (0, 5, False, 5),
        (5, 5, True, 0),
        (0, 1, True, 1),
    ],
)
def test_two_passes_fail_when_one_of_them_fails_or_is_empty_for_no_reason(
    first: int, second: int, may_be_empty: bool, status: int, parts: SimpleNamespace
) -> None:
    assert parts.testing.joint_status(first, second, may_be_empty=may_be_empty) == status


# ---------------------------------------------------------------------- the exporters' libraries


@pytest.fixture
def extras(parts: SimpleNamespace, project: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The project with extras, and a note of what was asked of pip; `together` and `failing` steer its answers."""
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("[project.optional-dependencies]\ndev = []\nalpha = []\nbeta = []\n")
    seen = SimpleNamespace(root=project, asked=[], together=True, failing=set(), module=parts.extras)

    def install(root: Path, names: list[str], constraints: Path) -> bool:
        seen.asked.append(names)
        return not seen.failing & set(names) and (seen.together or len(names) == 1)

    monkeypatch.setattr(parts.extras, "install", install)
    monkeypatch.setattr(parts.extras, "write_constraints", lambda root: root / "constraints.txt")
    return seen


def test_the_exporters_are_all_extras_but_the_tools(extras: SimpleNamespace) -> None:
    assert extras.module.exporter_extras(extras.root) == ["alpha", "beta"]


def test_installed_exporters_are_not_installed_again(extras: SimpleNamespace) -> None:
    assert extras.module.install_exporters(extras.root) == []
    assert extras.module.install_exporters(extras.root) == []
    assert extras.asked == [["alpha", "beta"]]


def test_an_exporter_that_cannot_be_installed_does_not_keep_the_others_away(extras: SimpleNamespace) -> None:
    extras.failing = {"beta"}
    assert extras.module.install_exporters(extras.root) == ["beta"]
    assert extras.asked == [["alpha", "beta"], ["alpha"], ["beta"]]
    extras.failing = set()
    assert extras.module.install_exporters(extras.root) == []
    assert extras.asked[3:] == [["beta"]]


def test_published_networks_are_fetched_once_and_a_missing_one_is_named(
    parts: SimpleNamespace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    folder = project / ".venv" / parts.published.FOLDER

    def unpack(command: list[str], root: Path) -> bool:
        asked.append(command[-1])
        name, version = command[-1].split("==")
        if name != "silero-vad":
            (folder / f"{name.replace('-', '_')}-{version}.dist-info").mkdir(parents=True)
        return name != "silero-vad"

    monkeypatch.setattr(parts.published, "_run", unpack)
    (missing,) = parts.published.fetch_published(project)
    assert missing.startswith("silero-vad==")
    assert asked == list(parts.published.PACKAGES)
    assert parts.published.fetch_published(project) == [missing]
    assert asked[3:] == [missing]


@pytest.fixture
def fake_make(tmp_path: Path) -> Path:
    """A folder with a `make` that fails for the target FAILING_TARGET and notes what it was asked."""
    script = tmp_path / "make"
    script.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/asked\ntest "$1" != "$FAILING_TARGET"\n', encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return tmp_path


@pytest.mark.skipif(os.name == "nt", reason="continuous integration runs on Linux")
@pytest.mark.parametrize("failing", ["", "setup", "check", "test", "test-slow", "test-exporters"])
def test_continuous_integration_fails_exactly_when_a_section_fails(failing: str, fake_make: Path) -> None:
    environment = {**os.environ, "PATH": f"{fake_make}:{os.environ['PATH']}", "FAILING_TARGET": failing}
    done = subprocess.run([ROOT / ".ci" / "run"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == bool(failing)
    asked = (fake_make / "asked").read_text(encoding="utf-8").split()
    assert asked == (["setup"] if failing == "setup" else ["setup", "check", "test", "test-slow", "test-exporters"])


def test_an_old_python_is_told_so_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    script = _script()
    monkeypatch.setattr(sys, "version_info", (3, 9))
    with pytest.raises(SystemExit) as stopped:
        script.run()
    assert "3.11 or newer" in str(stopped.value.code)
    assert "\n" not in str(stopped.value.code)


def test_the_script_uses_the_standard_library_alone() -> None:
    code = (
        "import sys, runpy\n"
        f"sys.argv = [{str(SCRIPT)!r}, '--help']\n"
        f"sys.path.insert(0, {str(SCRIPT.parent)!r})\n"
        "try:\n"
        f"    runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "names = {name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "print(sorted(names))"
    )
    # -S: without site-packages an import of anything else fails
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['__main__', '__mp_main__', 'setting_up']".replace("'__mp_main__', ", "")


def test_the_folder_packaging_does_not_hide_the_library_of_that_name() -> None:
    assert not (ROOT / "packaging" / "__init__.py").exists()


def _script() -> ModuleType:
    specification = importlib.util.spec_from_file_location("setup_secateur_under_test", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_set_up_ends_with_what_is_inside_and_what_each_extra_is_for(parts: SimpleNamespace) -> None:
    inside, how, *told = parts.extras.extras_told(ROOT)
    assert inside.startswith("Inside: the window")
    assert 'pip install -e ".[NAME]"' in how
    assert [line.split()[0] for line in told] == parts.extras.exporter_extras(ROOT)
    assert set(parts.extras.WHAT_FOR) == set(parts.extras.exporter_extras(ROOT))
