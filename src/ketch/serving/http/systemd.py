"""What systemd and a service tell each other (sd_listen_fds(3), sd_notify(3))."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

_FIRST = 3


def passed_descriptors() -> tuple[tuple[int, str], ...]:
    """Return what systemd, or the keeper, passed to this very process, and what each is called.

    Once: then nothing is left.
    """
    passed = os.environ.pop("LISTEN_FDS", "")
    meant_for = os.environ.pop("LISTEN_PID", "")
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    if meant_for != str(os.getpid()) or not passed.isdigit():
        return ()
    found = range(_FIRST, _FIRST + int(passed))
    for one in found:
        os.set_inheritable(one, False)  # workers have no use for them
    return tuple(zip(found, (*names, *([""] * len(found))), strict=False))


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
