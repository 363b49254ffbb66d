"""What systemd and a service tell each other (sd_listen_fds(3), sd_notify(3))."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

_FIRST = 3


def passed_sockets() -> tuple[socket.socket, ...]:
    """Return the sockets that systemd passed to this very process, once: then none are left."""
    passed = os.environ.pop("LISTEN_FDS", "")
    meant_for = os.environ.pop("LISTEN_PID", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if meant_for != str(os.getpid()) or not passed.isdigit():
        return ()
    found = tuple(socket.socket(fileno=fd) for fd in range(_FIRST, _FIRST + int(passed)))
    for one in found:
        one.set_inheritable(False)  # workers have no use for them
    return found


def notify(state: str) -> None:
    """Tell systemd how we are, such as ``READY=1``; without one that listens, do nothing."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path.startswith("@"):
        path = f"\0{path[1:]}"
    if not path:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.settimeout(1.0)
        told.sendto(state.encode(), path)
