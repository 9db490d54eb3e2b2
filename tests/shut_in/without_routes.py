"""Runs a command in a network name space of its own that has loopback and no route to anywhere, where that is allowed.

`python without_routes.py REPORT COMMAND…` writes to REPORT, as JSON, whether there was such a name space and how many
packets and connections the kernel found no route for: libraries in C are counted as well, and so is a question for a
name. It ends with the command's exit status.
"""

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

NEW_USER, NEW_NET = 0x10000000, 0x40000000
SET_FLAGS, UP_AND_RUNNING = 0x8914, 0x41


def shut_in() -> bool:
    """Whether this process is in a network name space of its own now; without rights it takes a user's one too."""
    if not sys.platform.startswith("linux"):
        return False
    user, group = os.getuid(), os.getgid()
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(NEW_NET) != 0:
        if library.unshare(NEW_USER | NEW_NET) != 0:
            return False
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sH14x", b"lo", UP_AND_RUNNING))
    return True


def without_route() -> int:
    """What the kernel could not route in this name space so far, IPv4 and IPv6."""
    heads, values = (
        line.split() for line in Path("/proc/self/net/snmp").read_text().splitlines() if line.startswith("Ip:")
    )
    count = int(values[heads.index("OutNoRoutes")])
    six = Path("/proc/self/net/snmp6")
    if six.exists():
        count += sum(int(line.split()[1]) for line in six.read_text().splitlines() if line.startswith("Ip6OutNoRoutes"))
    return count


if __name__ == "__main__":
    alone = shut_in()
    before = without_route() if alone else 0
    done = subprocess.run(sys.argv[2:], check=False)
    report = {"alone": alone, "tried": without_route() - before if alone else None}
    Path(sys.argv[1]).write_text(json.dumps(report))
    sys.exit(done.returncode)
