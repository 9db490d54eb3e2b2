"""The system libraries that a window needs: which are missing, and fetching them through apt where it may."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class SetupError(Exception):
    """Set-up cannot go on; the message is one sentence that says why and what would help."""


class SystemPackage(NamedTuple):
    """A Debian package, and what shows that it is there: a library that loads, a program or a font.

    `essential` packages are needed by every window, also without a screen; the others by a real one or by
    the tests.
    """

    name: str
    proof: str
    essential: bool = False


SYSTEM_PACKAGES = (
    SystemPackage("libgl1", "libGL.so.1", essential=True),
    SystemPackage("libegl1", "libEGL.so.1", essential=True),
    SystemPackage("libxkbcommon0", "libxkbcommon.so.0", essential=True),
    SystemPackage("libfontconfig1", "libfontconfig.so.1", essential=True),
    SystemPackage("libdbus-1-3", "libdbus-1.so.3", essential=True),
    SystemPackage("libglib2.0-0", "libglib-2.0.so.0", essential=True),
    SystemPackage("fonts-dejavu-core", "font"),
    SystemPackage("libxcb-cursor0", "libxcb-cursor.so.0"),
    SystemPackage("libxcb-icccm4", "libxcb-icccm.so.4"),
    SystemPackage("libxcb-keysyms1", "libxcb-keysyms.so.1"),
    SystemPackage("libxcb-image0", "libxcb-image.so.0"),
    SystemPackage("libxcb-randr0", "libxcb-randr.so.0"),
    SystemPackage("libxcb-render-util0", "libxcb-render-util.so.0"),
    SystemPackage("libxcb-shape0", "libxcb-shape.so.0"),
    SystemPackage("libxcb-sync1", "libxcb-sync.so.1"),
    SystemPackage("libxcb-xfixes0", "libxcb-xfixes.so.0"),
    SystemPackage("libxcb-xkb1", "libxcb-xkb.so.1"),
    SystemPackage("libxkbcommon-x11-0", "libxkbcommon-x11.so.0"),
    SystemPackage("libx11-xcb1", "libX11-xcb.so.1"),
    # Qt WebEngine, for the Netron tab
    SystemPackage("libnss3", "libnss3.so"),
    SystemPackage("libasound2", "libasound.so.2"),
    SystemPackage("libxcomposite1", "libXcomposite.so.1"),
    SystemPackage("libxdamage1", "libXdamage.so.1"),
    SystemPackage("libxrandr2", "libXrandr.so.2"),
    SystemPackage("libxtst6", "libXtst.so.6"),
    SystemPackage("libxkbfile1", "libxkbfile.so.1"),
    SystemPackage("libgbm1", "libgbm.so.1"),
    SystemPackage("libxcb-dri3-0", "libxcb-dri3.so.0"),
    SystemPackage("libgssapi-krb5-2", "libgssapi_krb5.so.2"),
    SystemPackage("libxfixes3", "libXfixes.so.3"),
    SystemPackage("libxrender1", "libXrender.so.1"),
    SystemPackage("libdrm2", "libdrm.so.2"),
    SystemPackage("xvfb", "Xvfb"),
    SystemPackage("xauth", "xauth"),
)
RENAMED = {"libasound2": "libasound2t64"}
"""Debian 13 and Ubuntu 24.04 know these by another name, and two packages there claim the old one."""

FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")


def say(text: str) -> None:
    print(text, flush=True)


def is_present(package: SystemPackage) -> bool:
    """Whether what the package brings can be used here, whoever installed it."""
    if package.proof == "font":
        folders = (Path(folder).expanduser() for folder in FONT_FOLDERS)
        return any(True for folder in folders for _ in folder.rglob("*.[to]tf"))
    if ".so" not in package.proof:
        return shutil.which(package.proof) is not None
    try:
        ctypes.CDLL(package.proof)
    except OSError:
        return False
    return True


def missing_packages() -> list[SystemPackage]:
    """What this Linux machine lacks; empty elsewhere, where Qt's wheels bring everything."""
    if not sys.platform.startswith("linux"):
        return []
    return [package for package in SYSTEM_PACKAGES if not is_present(package)]


def apt_prefix() -> list[str] | None:
    """What to write before `apt-get` so that it may install: nothing as root, sudo without a password."""
    if not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n"]
    return None


def apt_install(names: list[str]) -> bool:
    """Install Debian packages where that is allowed; False where it is not or apt fails."""
    prefix = apt_prefix()
    if prefix is None:
        return False
    say(f"Installing {len(names)} system package{'s' * (len(names) > 1)}: {' '.join(names)}")
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    # A failed update (one of many sources is down) is no reason to give up: install with the lists at hand.
    subprocess.run([*apt, "update"], capture_output=True, check=False)
    done = subprocess.run(
        [*apt, "install", "-y", "--no-install-recommends", *map(present_name, names)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        say("apt-get could not install them: " + (done.stderr.strip().splitlines() or ["no reason given"])[-1])
    return done.returncode == 0


def present_name(name: str) -> str:
    """What this system's package lists call a package."""
    newer = RENAMED.get(name)
    if newer is None or not shutil.which("apt-cache"):
        return name
    asked = subprocess.run(["apt-cache", "show", "--no-all-versions", newer], capture_output=True, check=False)
    return newer if asked.returncode == 0 else name


def ensure_system() -> None:
    """Install missing system libraries, or name them; SetupError where no window could work without them."""
    missing = missing_packages()
    if not missing or apt_install([package.name for package in missing]):
        return
    names = " ".join(package.name for package in missing)
    sentence = f"System packages are missing; please install them: sudo apt-get install {names}"
    if any(package.essential for package in missing):
        raise SetupError(sentence)
    say(sentence)
