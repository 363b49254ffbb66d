"""How much the gateway takes of everything, so that no client can take what others need."""

from __future__ import annotations

import resource
from dataclasses import dataclass, replace

_OTHER_FILES = 256
"""Descriptors that are no connections: workers, databases, logs."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the gateway takes of everything.

    Attributes:
        connections: Open at once; one more closes the one that asked nothing for longest.
        waiting: Whole requests of one connection that wait for those before them.
        head_bytes: Of one request: its first line and its headers.
        body_bytes: Of one request.
        bodies_bytes: Of all requests together; bodies of up to ``small_bytes`` always pass.
        small_bytes: What everybody may send, however much the others do.
        head_s: How long a request may take to say what it wants.
        body_s: How long a body may take, beside the time it needs at ``slowest``.
        idle_s: How long a connection may stay open without a request.
        answer_s: How long an answer may take, beside the time it needs at ``slowest``.
        slowest: Bytes a second at which a body has to come, and an answer has to be taken.
        linger_s: How long the rest of a refused request is thrown away, so that the client
            reads why.
        farewell_s: How long connections without a request stay open at the end.
        goodbye_s: How long requests may go on at the end.
    """

    connections: int = 4_096
    waiting: int = 16
    head_bytes: int = 32 * 1024
    body_bytes: int = 16 * 1024 * 1024
    bodies_bytes: int = 512 * 1024 * 1024
    small_bytes: int = 64 * 1024
    head_s: float = 5.0
    body_s: float = 10.0
    idle_s: float = 30.0
    answer_s: float = 30.0
    slowest: int = 16 * 1024
    linger_s: float = 2.0
    farewell_s: float = 0.25
    goodbye_s: float = 30.0

    def that_fit(self) -> Limits:
        """Return these limits with as many connections as the process may open files.

        Most systems allow 1,024 files at first, and more to whoever asks.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = self.connections + _OTHER_FILES
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < allowed:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        return replace(self, connections=max(1, min(self.connections, allowed - _OTHER_FILES)))
