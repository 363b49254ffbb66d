"""How a hub is served, and whether it may be served so.

Without any token a hub listens to this machine alone. Beyond it, it wants tokens, and TLS
or somebody's word that a proxy has it.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from ketch.errors import Refused, UsageError
from ketch.hub import oci
from ketch.hub.guard import Limits

_PATH = re.compile(r"(/[A-Za-z0-9._-]+)+", re.ASCII)


@dataclass(frozen=True)
class Settings:
    """How a hub is served.

    Attributes:
        host, port: Where it listens; port 0 takes any that is free.
        tls_cert, tls_key: Files in PEM form; with them it speaks HTTPS.
        behind_proxy: Whether something in front of it ends TLS.
        names: Names it is addressed by, beside its address.
        limits: How much it takes of everything.
        uploads: How much it takes of bytes.
        accelerated: Where nginx in front of it finds the store's blobs, to send them itself.
    """

    host: str = "127.0.0.1"
    port: int = 8423
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    names: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    uploads: oci.Limits = field(default_factory=oci.Limits)
    accelerated: str | None = None

    @property
    def is_private(self) -> bool:
        """Whether none but this machine reaches it."""
        return _is_loopback(self.host) and not self.behind_proxy

    def check(self, *, has_tokens: bool) -> None:
        """Return when it may listen there.

        Raises:
            UsageError: ``hub/tls``: half of TLS was given, or files that are none;
                ``hub/accelerated``: nobody is in front of it, or has no path there.
            Refused: ``hub/no-tokens``, ``hub/plain-http``.
        """
        if (self.tls_cert is None) != (self.tls_key is None):
            raise UsageError("expected `--tls-cert` and `--tls-key` together", code="hub/tls")
        self._check_tls()
        self._check_accelerated()
        if self.is_private:
            return
        if not has_tokens:
            raise Refused(
                f"expected a token before others reach the hub at `{self.host}`, found none",
                code="hub/no-tokens",
                hint="`ketch hub token create NAME --role admin`",
            )
        if self.tls_cert is None and not self.behind_proxy:
            raise Refused(
                f"expected TLS at `{self.host}`, where tokens would be sent in the open",
                code="hub/plain-http",
                hint="`--tls-cert` and `--tls-key`, or `--behind-proxy` where a proxy has them",
            )

    def _check_accelerated(self) -> None:
        if self.accelerated is None:
            return
        if not self.behind_proxy:
            raise UsageError(
                "expected `--behind-proxy` beside `--accelerated`: nobody else sends the bytes",
                code="hub/accelerated",
            )
        if not _PATH.fullmatch(self.accelerated):
            raise UsageError(
                f"expected a path of the proxy such as `/blobs`, found `{self.accelerated[:80]}`",
                code="hub/accelerated",
            )

    def _check_tls(self) -> None:
        if self.tls_cert is None or self.tls_key is None:
            return
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                self.tls_cert, self.tls_key
            )
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"expected a certificate and its key in PEM form, found: {error}",
                code="hub/tls",
                where=str(self.tls_cert),
            ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
