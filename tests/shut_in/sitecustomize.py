"""Loaded by every Python process of a run whose attempts to reach the network are counted: refuses and notes them.

Found through PYTHONPATH. What leaves the machine is a connection, a datagram or a question for a name; loopback is
this machine.
"""

import ipaddress
import os
import sys
from pathlib import Path

EVENTS = {
    **dict.fromkeys(("socket.connect", "socket.sendto", "socket.sendmsg"), 1),
    **dict.fromkeys(("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"), 0),
}
"""Audit event → which of its arguments names the other side."""


def is_elsewhere(other: object) -> bool:
    host = other[0] if isinstance(other, tuple) else other
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if not isinstance(host, str) or host in ("", "localhost") or not (isinstance(other, tuple) or is_name(host)):
        return False  # a Unix socket's path, an address of this machine
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def is_name(host: str) -> bool:
    return not host.startswith(("/", "\0"))


def refuse(event: str, arguments: tuple) -> None:
    place = EVENTS.get(event)
    if place is None or not is_elsewhere(arguments[place]):
        return
    line = f"{event} {arguments[place]!r} by {' '.join(sys.orig_argv)[:300]}\n"
    with Path(os.environ["SECATEUR_ATTEMPTS"]).open("a", encoding="utf-8") as file:
        file.write(line)
    raise OSError(101, "Network is unreachable")


if "SECATEUR_ATTEMPTS" in os.environ:
    sys.addaudithook(refuse)
