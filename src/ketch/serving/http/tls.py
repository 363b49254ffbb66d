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
        for file in (certificate, key):
            file.read_bytes()  # which OpenSSL would not name
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        found = error.reason or "something else"
        raise UsageError(
            f"expected a certificate and its key in PEM form, found: {found}",
            code="serve/tls",
            where=str(certificate),
            hint="`--tls-cert` takes the certificate, `--tls-key` the private key made for it",
        ) from error
    except OSError as error:
        raise UsageError(
            f"expected a file in PEM form, found: {error.strerror or error}",
            code="serve/tls",
            where=str(file),
        ) from error
    return context
