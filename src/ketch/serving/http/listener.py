"""Where the gateway listens: sockets of its own, or those that systemd or the keeper holds."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from ketch.errors import Refused, Unavailable, UsageError
from ketch.serving.http import systemd
from ketch.serving.http.keeper import Start

BACKLOG = 2_048
"""Connections that may wait while no gateway takes them."""

MOST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Listener:
    """Sockets that listen.

    Attributes:
        sockets: They listen.
        is_held: Whether systemd or a keeper holds them as well, and keeps them when we end.
        start: Which start of the gateway this is; from a keeper, it wants to know when we are
            ready.
    """

    sockets: Sequence[socket.socket]
    is_held: bool = False
    start: Start = field(default_factory=Start)

    @classmethod
    def open(cls, host: str, port: int) -> Listener:
        """Return the sockets that were passed to us; without any, one that listens at an address.

        Raises:
            UsageError: ``serve/settings``: there is no such port.
            Unavailable: ``serve/port``: nobody can listen there, or somebody does.
        """
        if not 0 <= port <= MOST_PORT:  # the kernel would take what is left of it in 16 bits
            raise UsageError(
                f"expected a port from 0 to {MOST_PORT}, found `{port}`",
                code="serve/settings",
                where="--port",
            )
        passed = systemd.passed_descriptors()
        if not passed:
            return cls((_bound(host, port),))
        starts = [start for fd, name in passed if (start := Start.named(name, fd))]
        sockets = [fd for fd, name in passed if Start.named(name, fd) is None]
        held = tuple(socket.socket(fileno=fd) for fd in sockets)
        return cls(held, is_held=True, start=starts[0] if starts else Start())

    @property
    def is_private(self) -> bool:
        """Whether none but this machine reaches them."""
        return all(_is_private(one) for one in self.sockets)

    def check_exposure(self, *, has_tokens: bool, anyone: bool) -> None:
        """Return when whoever reaches the sockets may ask.

        Raises:
            Refused: ``serve/exposed``.
        """
        if not (self.is_private or has_tokens or anyone):
            raise Refused(
                f"expected tokens before others reach `{self.addresses[0]}`, found none",
                code="serve/exposed",
                hint="`--token-file FILE`, or `--anyone` when the network lets nobody else in",
            )

    @property
    def addresses(self) -> tuple[str, ...]:
        """What they listen at, as ``host:port`` or the path of a Unix socket."""
        return tuple(_address(one) for one in self.sockets)

    def url(self, *, is_secure: bool = False) -> str:
        """Return the address for clients of this machine.

        >>> with Listener.open("127.0.0.1", 0).sockets[0] as one:
        ...     Listener((one,)).url().startswith("http://127.0.0.1:")
        True
        """
        return f"{'https' if is_secure else 'http'}://{self.addresses[0]}"

    def close(self) -> None:
        """Listen no more, in this process."""
        for one in self.sockets:
            one.close()


def _bound(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _not_there(host, port, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _not_there(host, port, error) from error
    return listener


def _not_there(host: str, port: int, error: OSError) -> Unavailable:
    return Unavailable(
        f"expected to listen at `{host}` port {port}, found: {error.strerror or error}",
        code="serve/port",
        hint=_HINTS.get(0 if isinstance(error, socket.gaierror) else error.errno or 0),
    )


_ELSEWHERE = "`--host` takes an address of this machine, or a name of one"
_HINTS = {
    0: _ELSEWHERE,
    errno.EADDRNOTAVAIL: _ELSEWHERE,
    errno.EADDRINUSE: "`--port 0` takes one that is free",
    errno.EACCES: "ports below 1024 want a privilege that this user has not",
}


def _is_private(one: socket.socket) -> bool:
    if one.family == socket.AF_UNIX:
        return True
    host = str(one.getsockname()[0])
    return host == "::1" or host.startswith(("127.", "::ffff:127."))


def _address(one: socket.socket) -> str:
    name = one.getsockname()
    if one.family == socket.AF_UNIX:
        return os.fsdecode(name)
    return f"[{name[0]}]:{name[1]}" if one.family == socket.AF_INET6 else f"{name[0]}:{name[1]}"
