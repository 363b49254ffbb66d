"""TLS for the gateway."""

from __future__ import annotations

import ssl
from pathlib import Path

from ketch.errors import UsageError


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a server needs to speak HTTPS, TLS 1.2 or newer.

    Raises:
        UsageError: ``serve/tls``: the files are no certificate and its key.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"expected a certificate and its key in PEM form, found: {error}",
            code="serve/tls",
            where=str(certificate),
        ) from error
    return context
