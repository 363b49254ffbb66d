"""One event sent to one webhook: signed, to an address that was checked, with limits.

The form is that of Standard Webhooks 1.0 (standardwebhooks.com): ``webhook-id``,
``webhook-timestamp`` in seconds, and ``webhook-signature``, the HMAC-SHA256 over
``id.timestamp.body``. A receiver checks the signature and that the time is recent, and
passes by an id it has seen.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import socket
import ssl
import time
from urllib.parse import SplitResult

from ketch.errors import Unavailable
from ketch.hub.webhooks.addresses import check_url, reachable
from ketch.hub.webhooks.hooks import Webhook
from ketch.registry import Event
from ketch.registry.events import write_time
from ketch.schema.parse import canonical_json

PATIENCE_S = 10.0
_MOST_BYTES = 4096


def send(hook: Webhook, event: Event) -> None:
    """Tell a webhook of an event; return when it took it.

    Raises:
        Refused: ``hub/private-address``.
        Unavailable: ``hub/webhook-failed``: it did not answer with 2xx in time.
    """
    parts = check_url(hook.url, private=hook.private)
    address = reachable(parts, private=hook.private)
    body = payload(event)
    ident = f"{hook.id}_{event.seq}"
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "ketch-hub",
        **signed(hook.secret, ident, body, int(time.time())),
    }
    try:
        status = _post(parts, address, body, headers)
    except (OSError, http.client.HTTPException) as error:
        raise _failed(f"{type(error).__name__}: {error}") from error
    if not 200 <= status < 300:
        raise _failed(f"it answered {status}")


def payload(event: Event) -> bytes:
    """Return what is sent of an event."""
    told = {"type": str(event.kind), "timestamp": write_time(event.time), "data": event.to_json()}
    return canonical_json(told)


def signed(secret: str, ident: str, body: bytes, at: int) -> dict[str, str]:
    """Return the headers that prove where a body comes from."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{ident}.{at}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {
        "webhook-id": ident,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{signature}",
    }


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was checked, whatever the name means by now."""

    def __init__(self, parts: SplitResult, address: tuple[str, int]) -> None:
        super().__init__(parts.hostname or "", address[1], timeout=PATIENCE_S)
        self._address = address
        self._secure = parts.scheme == "https"

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.create_connection(self._address, PATIENCE_S)
        if self._secure:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host)


def _post(
    parts: SplitResult, address: tuple[str, int], body: bytes, headers: dict[str, str]
) -> int:
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    connection = _Pinned(parts, address)
    try:
        connection.request("POST", target, body, {**headers, "Host": parts.netloc})
        answer = connection.getresponse()  # redirects are not followed: nobody checked them
        answer.read(_MOST_BYTES)
        return answer.status
    finally:
        connection.close()


def _failed(why: str) -> Unavailable:
    return Unavailable(f"the webhook did not take the event: {why}", code="hub/webhook-failed")
